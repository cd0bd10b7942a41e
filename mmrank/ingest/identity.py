"""What a document is: the period it reports on, and the words it goes by.

People name documents by these ("Nike's 2019 annual report"), seldom by what stands on the page that answers.
"""

from __future__ import annotations

from mmrank.periods import reported_period
from mmrank.types import FURNITURE, Document, ElementKind

PERIOD, HEADINGS = "period", "front_headings"
IDENTITY_KEYS = frozenset({PERIOD, HEADINGS})
"""Keys of a document's metadata that hold what is found."""
MAX_HEADINGS = 400
"""Characters of the first page's headings that are kept."""


def identity(document: Document) -> dict[str, str]:
    """Metadata that say what a document is; what cannot be told is left out.

    Returns:
        `period`: the year or quarter it reports on, as "2023" or "2023-Q2". `front_headings`: title and headings of the
        first page.
    """
    pages = [
        "\n".join(element.text for element in page.elements if element.kind not in FURNITURE) for page in document.pages
    ]
    found = {}
    period = reported_period(pages, document.name)
    if period is not None:
        found[PERIOD] = str(period)
    headings = " · ".join(
        " ".join(element.text.split())
        for page in document.pages[:1]
        for element in page.elements
        if element.kind in (ElementKind.TITLE, ElementKind.HEADING)
    )[:MAX_HEADINGS]
    if headings:
        found[HEADINGS] = headings
    return found
