"""What the plain reference reads of a PDF: the text layer of each page, and OCR where there is none.

It shares nothing with the project's own ingestion, so that an error there cannot change the reference.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmrank.errors import InputError, MmrankError
from mmrank.pictures import PYMUPDF_LOCK

FEWEST_CHARACTERS = 50
"""A page whose text layer holds fewer characters goes through OCR instead."""

RECOGNITION_DPI = 110


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph of the text layer, or a line from OCR. `box` is (x0, y0, x1, y1) in points of the shown page."""

    box: tuple[float, float, float, float]
    text: str


@dataclass(frozen=True, slots=True)
class PlainPage:
    """One page: its blocks in the order of the file, and whether they come from OCR."""

    blocks: tuple[Block, ...]
    recognised: bool

    @property
    def text(self) -> str:
        """The blocks, one below the other."""
        return "\n".join(block.text for block in self.blocks)


def content_hash(path: Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        MmrankError: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MmrankError(f"{path} cannot be read: {error.strerror or error}") from error


class PlainReader:
    """Reads PDFs page by page, and remembers each page by the file's content hash.

    Args:
        cache: a directory that is made when needed; an interrupted run continues from the last page read.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._engine: Any = None

    def read(self, path: Path) -> tuple[PlainPage, ...]:
        """All pages of one PDF.

        Raises:
            InputError: when it is not a PDF that can be opened.
            MmrankError: when it cannot be read.
        """
        import pymupdf

        folder = self._cache / f"{content_hash(path)}-{FEWEST_CHARACTERS}-{RECOGNITION_DPI}"
        try:
            file = pymupdf.open(path, filetype="pdf")
        except Exception as error:  # PyMuPDF raises several unrelated types
            raise InputError(f"{path} is not a PDF that can be opened: {error}") from error
        with file:
            if file.needs_pass:
                raise InputError(f"{path} is encrypted; the reference cannot read it")
            return tuple(self._page(file, number, folder / f"{number}.json") for number in range(len(file)))

    def _page(self, file: Any, number: int, kept: Path) -> PlainPage:
        if kept.is_file():
            known = json.loads(kept.read_bytes())
            return PlainPage(
                tuple(Block(tuple(block["box"]), block["text"]) for block in known["blocks"]), known["recognised"]
            )
        with PYMUPDF_LOCK:
            shown = file[number]
            # Text boxes come unrotated; the shown page is what boxes are measured on.
            blocks = [
                Block(tuple((_rectangle(block) * shown.rotation_matrix).normalize()), block[4].strip())
                for block in shown.get_text("blocks")
                if block[6] == 0 and block[4].strip()
            ]
        page = PlainPage(tuple(blocks), recognised=False)
        if len(page.text) < FEWEST_CHARACTERS:
            page = PlainPage(tuple(self._recognise(file, number)), recognised=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(asdict(page), ensure_ascii=False), encoding="utf-8")
        part.replace(kept)
        return page

    def _recognise(self, file: Any, number: int) -> list[Block]:
        import pymupdf

        with PYMUPDF_LOCK:
            pixels = file[number].get_pixmap(dpi=RECOGNITION_DPI, colorspace=pymupdf.csRGB, alpha=False)
            picture = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, 3).copy()
        if self._engine is None:
            from rapidocr import RapidOCR

            self._engine = RapidOCR(params={"Global.log_level": "error"})
        result = self._engine(picture[:, :, ::-1])  # BGR, as OpenCV has it
        if result.boxes is None or result.txts is None:
            return []
        points = 72 / RECOGNITION_DPI
        blocks = []
        for corners, text in zip(result.boxes, result.txts, strict=True):
            low, high = corners.min(axis=0) * points, corners.max(axis=0) * points
            blocks.append(Block((float(low[0]), float(low[1]), float(high[0]), float(high[1])), text))
        return blocks


def _rectangle(block: Any) -> Any:
    import pymupdf

    return pymupdf.Rect(block[:4])
