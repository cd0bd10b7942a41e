"""What a document is: its title and kind, who it is by and about, the period it reports on.

People name documents by these ("Nike's 2019 annual report"), seldom by what stands on the page that answers.
"""

from __future__ import annotations

from mmrank.ingest.dates import document_date
from mmrank.ingest.entities import Words, abbreviations, about, organisations, people
from mmrank.ingest.identity_keys import (
    ABBREVIATIONS,
    ABOUT,
    DATE,
    FORM,
    HEADINGS,
    KIND,
    LANGUAGE,
    ORGANISATIONS,
    PEOPLE,
    PERIOD,
    TITLE,
)
from mmrank.ingest.kinds import form_name, kind_of
from mmrank.ingest.language import language_of
from mmrank.ingest.titles import document_title, registrant_of
from mmrank.names import JOINT
from mmrank.periods import reported_period
from mmrank.types import FURNITURE, PICTURED, Document, ElementKind

IDENTITY_VERSION = 2
"""Raised whenever the same document would get another identity."""
MAX_HEADINGS = 400
"""Characters of the first page's headings that are kept."""


def identity(document: Document) -> dict[str, str]:
    """Metadata that say what a document is; what cannot be told is left out.

    Returns:
        `title`; `kind`: "annual report", "paper", … (`mmrank/ingest/kinds.yaml`); `form`: name of a government form, as
        "10-K"; `period`: the year or quarter it reports on, as "2023" or "2023-Q2"; `date`: ISO, of its own precision;
        `language`: ISO 639-1; `organisations`, `people`: whom it is by; `about`: names that stand on many pages;
        `abbreviations`: short names it defines, ticker symbols first; `front_headings`: headings of the first page.
        Several values of a key are joined by " · ".
    """
    pages = [
        "\n".join(element.text for element in page.elements if element.kind not in FURNITURE) for page in document.pages
    ]
    words = Words(pages)
    form = form_name(document) or ""
    period = str(reported_period(pages, document.name) or "")
    filer = registrant_of(document) if form else ""
    title = document_title(document)
    headings = JOINT.join(
        " ".join(element.text.split())
        for page in document.pages[:1]
        for element in page.elements
        if element.kind in (ElementKind.TITLE, ElementKind.HEADING)
    )[:MAX_HEADINGS]
    found = {
        TITLE: title,
        KIND: kind_of(document, title, form),
        FORM: form,
        PERIOD: period,
        DATE: document_date(pages, form=bool(form), period=period, created=document.metadata.get(DATE, "")),
        LANGUAGE: language_of(pages),
        ORGANISATIONS: JOINT.join(organisations(words, filer)),
        PEOPLE: JOINT.join(people(words, [] if form else _beside_title(document), document.metadata.get("author", ""))),
        ABOUT: JOINT.join(about(words)),
        ABBREVIATIONS: JOINT.join(abbreviations(words)),
        HEADINGS: headings,
    }
    return {key: value for key, value in found.items() if value}


def _beside_title(document: Document) -> list[str]:
    """Lines of the few elements that follow the title on its page, up to an abstract."""
    lines: list[str] = []
    for page in document.pages[:2]:
        at = next((at for at, element in enumerate(page.elements) if element.kind is ElementKind.TITLE), None)
        if at is None:
            continue
        for element in page.elements[at + 1 : at + 6]:
            if element.text.lstrip().lower().startswith("abstract") or len(element.text) > 400:
                break
            if element.kind not in FURNITURE | PICTURED - {ElementKind.TABLE}:
                lines += [line.strip(" |") for line in element.text.splitlines()]
        break
    return lines
