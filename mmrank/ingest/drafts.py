"""What is known of a page before the rest of its document has been read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from pydantic import TypeAdapter

from mmrank.types import ElementKind, Table

A4 = (595.0, 842.0)
"""Width and height in points, for pages of which not even the size can be read."""
Rect = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in points of the shown page, top-left origin."""
SLANTED = -1
"""The turn of text that is set neither level nor upright."""


@dataclass(slots=True)
class Line:
    """A run of text on one baseline."""

    text: str
    box: Rect
    size: float
    """Font size in points."""
    bold: bool = False
    confidence: float | None = None
    """Confidence of recognition, 0 to 1; None where the file holds the text."""
    block: int = 0
    """Number of the block the file puts it in."""
    turn: int = 0
    """Quarter turns clockwise by which it is set on the page as shown, 0 to 3; `SLANTED` at any other angle."""
    font: str = ""
    """Name of the font; "" where the file holds no text."""
    colour: int = 0
    """sRGB, as 0xRRGGBB."""
    painted: bool = True
    """False for text that the file holds without painting it, as scans do that were made searchable."""

    @property
    def upright(self) -> bool:
        """Whether it is read from left to right on the page as shown."""
        return self.turn == 0


@dataclass(slots=True)
class Draft:
    """An element before the whole document has been read: without an id, its kind may still change."""

    kind: ElementKind
    box: Rect
    text: str
    size: float = 0.0
    """Font size of its first line in points; 0 where there is none."""
    bold: bool = False
    line_count: int = 1
    table: Table | None = None
    confidence: float | None = None
    level: int | None = None
    stamp: bool = False
    """Whether it is stamped over the page, or runs along its margin: neither title nor heading."""
    columns: list[tuple[float, float]] = field(default_factory=list)
    """(x0, x1) of each column of a table; empty where unknown."""


@dataclass(slots=True)
class Bookmark:
    """An entry of a file's outline."""

    title: str
    level: int
    """1 for the highest."""
    top: float = 0.0
    """Where on the page it leads to, in points from the top."""


@dataclass(slots=True)
class PageDraft:
    """One page: its drafts in reading order."""

    page: int
    width: float
    height: float
    drafts: list[Draft] = field(default_factory=list)
    label: str | None = None
    bookmarks: list[Bookmark] = field(default_factory=list)
    """The entries of the file's outline that lead to it."""
    failure: str = ""
    """Why the page could not be read; then there are no drafts."""


@cache
def _adapter() -> TypeAdapter[list[PageDraft]]:
    return TypeAdapter(list[PageDraft])


def pages_to_json(pages: list[PageDraft]) -> bytes:
    """UTF-8 JSON of page drafts."""
    return _adapter().dump_json(pages, exclude_defaults=True)


def pages_from_json(data: bytes) -> list[PageDraft]:
    """The page drafts that `pages_to_json` wrote."""
    return _adapter().validate_json(data)


def hull(boxes: Iterable[Rect]) -> Rect:
    """The smallest rectangle that holds all of them (at least one)."""
    rows = list(boxes)
    return (
        min(b[0] for b in rows),
        min(b[1] for b in rows),
        max(b[2] for b in rows),
        max(b[3] for b in rows),
    )


def area(box: Rect) -> float:
    """Area in square points."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def shared(a: Rect, b: Rect) -> float:
    """Area common to both, in square points."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def inside(box: Rect, outer: Rect) -> float:
    """The share of `box` that lies in `outer`, 0 to 1 (by its centre where it has no area)."""
    size = area(box)
    if size > 0:
        return shared(box, outer) / size
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return 1.0 if outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3] else 0.0


def distance(a: Rect, b: Rect) -> float:
    """Gap between two boxes in points, the larger of across and down; 0 where they touch."""
    across = max(a[0], b[0]) - min(a[2], b[2])
    down = max(a[1], b[1]) - min(a[3], b[3])
    return max(0.0, across, down)
