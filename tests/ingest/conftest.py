"""Small real PDFs, built for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mmrank.ingest import IngestOptions, read_document
from mmrank.types import Document, Element, ElementKind

PROSE = (
    "The harbour keeper walked along the granite wall and counted the lanterns that the evening had lit, one "
    "after another, until the meadow beyond the river lay in the dark. Nobody had asked for a report, but the "
    "habit of many winters is not given up in a single season, and so the numbers went into the book again. "
)


class Paper:
    """A PDF in the making."""

    def __init__(self, path: Path) -> None:
        import pymupdf

        self.path = path
        self.mupdf = pymupdf
        self.file = pymupdf.open()
        self.page: Any = None

    def new_page(self, width: float = 595, height: float = 842) -> Paper:
        self.page = self.file.new_page(width=width, height=height)
        return self

    def text(self, x: float, y: float, words: str, size: float = 10, *, bold: bool = False) -> Paper:
        self.page.insert_text((x, y), words, fontsize=size, fontname="hebo" if bold else "helv")
        return self

    def box(self, rect: tuple[float, float, float, float], words: str = PROSE, size: float = 10) -> Paper:
        self.page.insert_textbox(rect, words, fontsize=size)
        return self

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> Paper:
        self.page.draw_line((x0, y0), (x1, y1), width=0.7)
        return self

    def bars(self, x: float, y: float, heights: tuple[float, ...]) -> Paper:
        for at, height in enumerate(heights):
            self.page.draw_rect((x + 40 * at, y - height, x + 40 * at + 25, y), fill=(0.1, 0.3, 0.8), color=None)
        return self

    def picture(self, rect: tuple[float, float, float, float], image: Any) -> Paper:
        import io

        stream = io.BytesIO()
        image.save(stream, "PNG")
        self.page.insert_image(rect, stream=stream.getvalue())
        return self

    def save(self) -> Path:
        self.file.save(self.path)
        return self.path

    def read(self, *, ocr: bool = False, **options: Any) -> Document:
        return read_document(self.save(), options=IngestOptions(ocr=ocr, **options))


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[Paper]:
    made = Paper(tmp_path / "paper.pdf")
    yield made.new_page()
    made.file.close()


@pytest.fixture
def prose() -> str:
    return PROSE


@pytest.fixture
def of_kind() -> Callable[[Document, str], list[Element]]:
    def find(document: Document, kind: str) -> list[Element]:
        return [e for page in document.pages for e in page.elements if e.kind is ElementKind(kind)]

    return find


@pytest.fixture
def lettering() -> Callable[..., Any]:
    """A picture with lines of text in it."""
    from PIL import Image, ImageDraw, ImageFont

    def draw(lines: list[str], size: tuple[int, int] = (700, 300), height: int = 32) -> Any:
        picture = Image.new("RGB", size, "white")
        pen = ImageDraw.Draw(picture)
        for at, line in enumerate(lines):
            pen.text((40, 30 + at * height * 2), line, fill="black", font=ImageFont.load_default(height))
        return picture

    return draw
