"""A PDF with pictures, and passages that interleave them with text."""

from collections.abc import Callable

import pymupdf
import pytest

from mmrank.types import BBox, ImageRef, Part, PartKind, Passage

MakePassage = Callable[..., Passage]


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three pages: a red circle, a blue square, a wide green bar."""
    path = tmp_path_factory.mktemp("drawings") / "drawings.pdf"
    with pymupdf.open() as file:
        for number in range(3):
            page = file.new_page(width=200, height=300)
            if number == 0:
                page.draw_circle((100, 100), 50, fill=(1, 0, 0))
            elif number == 1:
                page.draw_rect((50, 50, 150, 150), fill=(0, 0, 1))
            else:
                page.draw_rect((0, 100, 200, 120), fill=(0, 0.6, 0))
        file.save(path)
    return str(path)


@pytest.fixture(scope="session")
def passage(drawings: str) -> MakePassage:
    """Makes a passage: strings become text parts, numbers pictures of that page, boxes pictures of page 0."""

    def make(*content: str | int | BBox, position: int = 0, heading: tuple[str, ...] = ()) -> Passage:
        parts = []
        for number, item in enumerate(content):
            ids = (f"p0e{number}",)
            if isinstance(item, str):
                parts.append(Part(PartKind.TEXT, item, ids))
            elif isinstance(item, int):
                parts.append(Part(PartKind.IMAGE, "", ids, ImageRef(drawings, item)))
            else:
                parts.append(Part(PartKind.TABLE, "| a | b |", ids, ImageRef(drawings, 0, item)))
        return Passage(f"d/{position}", "d", position, 0, tuple(parts), (), (), heading)

    return make


@pytest.fixture(scope="session")
def mixed(passage: MakePassage) -> list[Passage]:
    """Text, pictures and both, of quite different lengths."""
    return [
        passage("The first text stands above,", 0, "and this stands below.", position=0, heading=("Report", "Shapes")),
        passage("Only words here. " * 6, position=1),
        passage(1, position=2),
        passage(BBox(40, 40, 160, 160), 2, "yes", position=3),
        passage("no", position=4),
    ]
