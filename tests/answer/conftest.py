"""Pages made by hand, found for a question."""

from collections.abc import Callable, Sequence

import pytest

from mmrank.answer.units import FoundPage
from mmrank.types import BBox, Cell, Element, ElementKind, Hit, Page, Table

Found = Callable[..., FoundPage]


def element(at: int, kind: ElementKind, text: str, table: Table | None = None) -> Element:
    return Element(f"p0e{at}", kind, 0, BBox(50, 40 + 60 * at, 550, 90 + 60 * at), text, table=table)


def grid(rows: Sequence[Sequence[str]], heads: int = 1) -> Table:
    cells = tuple(
        Cell(text, row, column, header=row < heads)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
        if text
    )
    return Table(len(rows), len(rows[0]), cells)


@pytest.fixture
def found() -> Found:
    """A found page of texts (headings begin with #, list items with -) and tables (lists of rows)."""

    def make(*parts: str | Sequence[Sequence[str]], confidence: float = 0.8, rank: int = 0) -> FoundPage:
        elements = []
        for at, part in enumerate(parts):
            if not isinstance(part, str):
                text = "\n".join(" | ".join(row) for row in part)
                elements.append(element(at, ElementKind.TABLE, text, grid(part)))
            elif part.startswith("# "):
                elements.append(element(at, ElementKind.HEADING, part[2:]))
            elif part.startswith("- "):
                elements.append(element(at, ElementKind.LIST_ITEM, part[2:]))
            else:
                elements.append(element(at, ElementKind.TEXT, part))
        page = Page(0, 600, 800, tuple(elements))
        hit = Hit("ferries.pdf", "d", 0, (), 1.0, "retrieve", "", confidence=confidence)
        return FoundPage(hit, rank, page)

    return make
