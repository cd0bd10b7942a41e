"""Where within an element: the lines of a sentence, the rows of a table.

Elements carry one box each. The lines of a paragraph are as high as its area divided among its characters makes them;
the rows of a table share its height equally. Boxes worked out this way are widened a little at both ends.
"""

from __future__ import annotations

import re
from math import sqrt

from mmrank.types import BBox, Element

LETTER = 0.5
"""Mean width of a letter, as a share of the size of the type."""
LEADING = 1.2
"""Height of a line, as a share of the size of the type."""

MORE_ROWS = 0.75
"""Rows of a table by which a box of some of them is widened at both ends: rows are not all equally high."""

_END = re.compile(r"(?<!\b[A-Z])(?<!\b[A-Z][a-z])(?<!\b[A-Z][a-z]{2})[.!?][\"”’)]*\s+(?=[\W\d_A-Z])|[。！？]|\n+")


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence or line of a text begins and ends, in characters.

    >>> text = "Mr. Shah sold 3.5 t. Nobody knew. Why?"
    >>> [text[start:end] for start, end in sentences(text)]
    ['Mr. Shah sold 3.5 t.', 'Nobody knew.', 'Why?']
    """
    ends = [*(match.end() for match in _END.finditer(text)), len(text)]
    found = []
    start = 0
    for end in ends:
        stripped = text[start:end].strip()
        if stripped:
            first = text.index(stripped, start)
            found.append((first, first + len(stripped)))
        start = end
    return found


def text_box(element: Element, start: int, end: int) -> BBox:
    """The lines of a paragraph that hold the characters from start to end, about."""
    box, length = element.box, max(len(element.text), 1)
    size = sqrt(box.area / (LETTER * LEADING * length))
    line = min(LEADING * size, box.height)
    lines = max(round(box.height / line), 1) if line else 1
    line = box.height / lines
    first, last = int(start / length * lines), min(int(end / length * lines), lines - 1)
    return _band(box, first * line, (last + 1) * line, line / 2)


def row_box(element: Element, first: int, last: int) -> BBox:
    """The rows of a table from first to last, both included, about.

    Raises:
        ValueError: for an element without cells.
    """
    table, box = element.table, element.box
    if table is None:
        raise ValueError(f"{element.id} is no table with cells")
    row = box.height / max(table.row_count - table.carried_rows, 1)
    first, last = max(first - table.carried_rows, 0), max(last - table.carried_rows, 0)
    return _band(box, first * row, (last + 1) * row, MORE_ROWS * row)


def _band(box: BBox, top: float, bottom: float, more: float) -> BBox:
    return BBox(box.x0, max(box.y0, box.y0 + top - more), box.x1, min(box.y1, box.y0 + bottom + more))
