"""Lines of a cover: pieces of text with the estimated size of their type, and which of them read as one.

Font sizes are not stored; they are estimated from the boxes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mmrank.ingest.furniture import EDGE
from mmrank.types import BBox, Element, ElementKind, Page

LONGEST = 300
"""Characters of a title."""
_LARGE = frozenset({ElementKind.TITLE, ElementKind.HEADING})
_LINES = frozenset({*_LARGE, ElementKind.TEXT, ElementKind.LIST_ITEM, ElementKind.CAPTION})
OPEN_END = re.compile(
    r"(?:\b(?:and|or|of|the|a|an|in|on|for|with|to|from|by|at|its|their|as|und|der|die|das|de|la|et|über|für)|[-–—:&,])$",
    re.IGNORECASE,
)
_OPEN_START = re.compile(r"^(?:and|or|of|in|on|for|with|to|from|at|as|und|et)\b", re.IGNORECASE)


@dataclass(slots=True)
class CoverLine:
    """A piece of text on a cover, with the estimated size of its font in points."""

    text: str
    box: BBox
    size: float
    rows: int
    large: bool
    title: bool

    @property
    def words(self) -> list[str]:
        """See `words_of`."""
        return words_of(self.text)


def cover_lines(page: Page) -> list[CoverLine]:
    """The lines of a page that may be read as part of a title, in reading order."""
    largest = min(
        (_estimated(e.text, e.box)[1] for e in page.elements if e.kind is ElementKind.TITLE and is_level(e)),
        default=float("inf"),
    )  # fonts were known when the title was marked: no other line is larger
    found = []
    for element in page.elements:
        text = " ".join(element.text.split())
        small = element.box.height < 0.12 * page.height
        drawn = element.kind is ElementKind.FIGURE and "\n" not in element.text and small
        if (element.kind in _LINES or drawn) and text and is_level(element):
            rows, size = _estimated(text, element.box)
            found.append(
                CoverLine(
                    text,
                    element.box,
                    min(size, largest),
                    rows,
                    element.kind in _LARGE,
                    element.kind is ElementKind.TITLE,
                )
            )
    return found


def stamped(pages: Sequence[Page]) -> frozenset[str]:
    """What is stamped over pages of a document: heads that stand between the edges of a page. As `in_words`."""
    return frozenset(
        in_words(element.text)
        for page in pages
        for element in page.elements
        if element.kind is ElementKind.HEADER and element.box.y1 > EDGE * page.height
    )


def in_words(text: str) -> str:
    """A text in lower case, without digits and signs."""
    return re.sub(r"[\W\d]+", " ", text.lower()).strip()


def is_level(element: Element) -> bool:
    """False for text that runs up, down or across the page, such as stamps."""
    if element.kind is ElementKind.TEXT and len(element.text) < 60:
        across = element.box.height > 48 and element.box.height > 0.5 * element.box.width
        if across:
            return False
    return len(element.text) < 5 or element.box.height < 2 * element.box.width or " " not in element.text.strip()


def _estimated(text: str, box: BBox) -> tuple[int, float]:
    """Rows of a text and its font size: a letter is about half as wide as it is high, and a row 1.2 times as high."""
    rows = max(1, round((0.5 * len(text) * box.height / (1.2 * max(1.0, box.width))) ** 0.5))
    return rows, box.height / (1.2 * rows)


def body_size(pages: Sequence[Page]) -> float:
    """The size of type in which most of the running text is set, in points."""
    sizes: Counter[float] = Counter()
    for page in pages[:10]:
        for element in page.elements:
            if element.kind is ElementKind.TEXT:
                sizes[round(_estimated(element.text, element.box)[1])] += len(element.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def line_groups(lines: Sequence[CoverLine]) -> list[list[CoverLine]]:
    """Runs of lines that read as one: set alike one below the other, or one that is left open and goes on."""
    groups: list[list[CoverLine]] = []
    for line in lines:
        if groups and _goes_on(groups[-1][-1], line):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _goes_on(above: CoverLine, below: CoverLine) -> bool:
    height = max(above.size, below.size) * 1.2
    gap = below.box.y0 - above.box.y1
    if not -1.2 * height < gap < height or below.box.y1 <= above.box.y0:
        return False
    apart = below.box.x0 > above.box.x1 or above.box.x0 > below.box.x1
    if apart or len(above.text) + len(below.text) > LONGEST:
        return False
    alike = min(above.size, below.size) / max(above.size, below.size)
    if (OPEN_END.search(above.text) or _OPEN_START.match(below.text)) and alike > 0.25:
        return True
    near = gap < 0.35 * height
    return (near and alike > 0.75) or (gap < 0.6 * height and alike > 0.92)


def are_beside(group: Sequence[CoverLine], other: Sequence[CoverLine]) -> bool:
    """Whether two groups of lines stand at the same height, or one right above the other."""
    reach = 0.8 * min(group[0].size, other[0].size)
    return group[0].box.y0 < other[-1].box.y1 + reach and other[0].box.y0 < group[-1].box.y1 + reach


def words_of(text: str) -> list[str]:
    """The words of a text in lower case."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)?", text.lower())
