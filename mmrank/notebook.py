"""What a notebook shows of a hit: HTML without scripts, every text of a document escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL_PIXELS = 300_000
"""Width × height of a page's thumbnail: about 480 × 620 for a sheet of paper, shown at half that size."""
THUMBNAIL_BYTES = 60_000
"""No thumbnail takes more of a notebook than this, as the text of its data URI."""
THUMBNAIL_COLOURS = 64

CARD = "display:flex;gap:16px;margin:8px 0;padding:8px;border:1px solid #8884;border-radius:4px"
PICTURE = "width:260px;align-self:flex-start;border:1px solid #8884"
MUTED = "opacity:.7"


def card(
    *,
    title: str,
    lines: Iterable[str],
    snippet: str,
    marks: Sequence[tuple[int, int]] = (),
    reason: str | None,
    picture: str | None,
    note: str | None,
) -> str:
    """One hit as HTML: the page on the left, what was found beside it.

    Args:
        title: for instance the document's name and the page number.
        lines: what stands below the title, one line each.
        snippet: text of the page.
        marks: where words of the question stand in it, start and end in characters.
        reason: why the page was found.
        picture: data URI of the page, as `thumbnail` makes it; None for no picture.
        note: what the reader should know about a picture that is missing.
    """
    image = f'<img src="{escape(picture)}" alt="{escape(title)}" style="{PICTURE}">' if picture else ""
    paragraphs = [f"<strong>{escape(title)}</strong>"]
    paragraphs += [f'<span style="{MUTED}">{escape(line)}</span>' for line in lines]
    paragraphs.append(marked(snippet, marks))
    if reason:
        paragraphs.append(f"<em>{escape(reason)}</em>")
    if note:
        paragraphs.append(f'<span style="{MUTED}">{escape(note)}</span>')
    text = "".join(f'<div style="margin-bottom:6px">{paragraph}</div>' for paragraph in paragraphs)
    return f'<div style="{CARD}">{image}<div style="text-align:left">{text}</div></div>'


def marked(text: str, marks: Sequence[tuple[int, int]]) -> str:
    """A text as HTML with some of its words marked.

    >>> marked("Sales & costs", [(0, 5)])
    '<mark>Sales</mark> &amp; costs'
    """
    pieces, at = [], 0
    for start, end in marks:
        pieces += [escape(text[at:start]), f"<mark>{escape(text[start:end])}</mark>"]
        at = end
    return "".join([*pieces, escape(text[at:])])


def thumbnail(picture: Image, *, limit: int = THUMBNAIL_BYTES) -> str:
    """A picture as the data URI of a PNG of at most `limit` characters.

    It is reduced to few colours, and made smaller until it fits.
    """
    import PIL.Image

    while True:
        file = BytesIO()
        few = picture.convert("RGB").quantize(THUMBNAIL_COLOURS, method=PIL.Image.Quantize.FASTOCTREE)
        few.save(file, "PNG", optimize=True)
        uri = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
        if len(uri) <= limit or picture.width * picture.height <= 1:
            return uri
        picture = picture.resize((max(1, picture.width * 4 // 5), max(1, picture.height * 4 // 5)))
