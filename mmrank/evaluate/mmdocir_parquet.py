"""PDFs made from MMDocIR's parquet files, for users who do not have the documents themselves.

Each page is the page's picture, as large as the layouts say that the page is; the text that the benchmark gives for
each layout is put, invisible, into the layout's box, as in a scan with a text layer. So systems that read text and
systems that look at pages are given the same file, and boxes come back in the benchmark's own coordinates.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrank.errors import InputError, require
from mmrank.evaluate.plain_text import content_hash
from mmrank.pictures import PYMUPDF_LOCK

PAGES = "MMDocIR_pages.parquet"
LAYOUTS = "MMDocIR_layouts.parquet"
EXTRA = "eval"

PAGE_COLUMNS = ("doc_name", "passage_id", "image_binary")
LAYOUT_COLUMNS = ("doc_name", "page_id", "type", "bbox", "page_size", "text", "ocr_text")
_BATCH = 16
"""Rows read at once: a page's picture takes some 100 kB."""
SMALLEST = 0.02
"""Smallest size of a letter, in points: a text that does not fit its box in it is left out."""


def build_papers(folder: Path, names: Sequence[str], cache: Path) -> Mapping[str, Path]:
    """Make a PDF of each named document, or take the one made before.

    Args:
        folder: holds both parquet files.
        names: of the documents to make.
        cache: where the PDFs go, in a directory named after the content of the files.

    Returns:
        The paths, by name.

    Raises:
        InputError: when a file, a column, a document or a picture is missing; names it.
        MissingExtraError: when pyarrow is not installed.
    """
    if not (folder / LAYOUTS).is_file():
        raise InputError(f"{folder} holds {PAGES} but no {LAYOUTS}, which says how large the pages are")
    home = cache / content_hash(folder / PAGES)[:16] / content_hash(folder / LAYOUTS)[:16]
    home.mkdir(parents=True, exist_ok=True)
    wanted = {name: home / name for name in names}
    todo = {name for name, path in wanted.items() if not path.is_file()}
    if todo:
        layouts = _layouts(folder / LAYOUTS, todo)
        for name, pictures in _pictures(folder / PAGES, todo):
            _write(wanted[name], name, pictures, layouts[name])
            todo.discard(name)
    if todo:
        raise InputError(f"{folder / PAGES} holds no pages of {sorted(todo)[0]} ({len(todo)} documents missing)")
    return wanted


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    parquet = require("pyarrow.parquet", EXTRA)
    try:
        file = parquet.ParquetFile(path)
    except Exception as error:  # pyarrow raises several unrelated types
        raise InputError(f"{path} is not a parquet file: {error}") from error
    with file:
        missing = [column for column in columns if column not in file.schema_arrow.names]
        if missing:
            raise InputError(f"{path} lacks the column {missing[0]}; it has: {', '.join(file.schema_arrow.names)}")
        for batch in file.iter_batches(batch_size=_BATCH, columns=list(columns)):
            yield from batch.to_pylist()


def _layouts(path: Path, names: set[str]) -> Mapping[str, Mapping[int, list[dict[str, Any]]]]:
    found: dict[str, dict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(path, LAYOUT_COLUMNS):
        if row["doc_name"] in names:
            found[row["doc_name"]][int(row["page_id"])].append(row)
    return found


def _pictures(path: Path, names: set[str]) -> Iterator[tuple[str, list[bytes]]]:
    """Each document's pictures in the order of its rows, which is the order of its pages."""
    current, pictures = "", list[bytes]()
    for row in _rows(path, PAGE_COLUMNS):
        if row["doc_name"] != current:
            if current in names and pictures:
                yield current, pictures
            current, pictures = row["doc_name"], []
        if current in names:
            if not row["image_binary"]:
                raise InputError(f"{path}: page {row['passage_id']} of {current} has no picture")
            pictures.append(row["image_binary"])
    if current in names and pictures:
        yield current, pictures


def _write(path: Path, name: str, pictures: Sequence[bytes], layouts: Mapping[int, list[dict[str, Any]]]) -> None:
    import pymupdf

    usual = next((rows[0]["page_size"] for rows in layouts.values() if rows), None)
    part = path.with_suffix(f".{os.getpid()}.part")
    font = pymupdf.Font("cjk").buffer  # has the letters of most scripts
    with PYMUPDF_LOCK, pymupdf.open() as file:
        for number, picture in enumerate(pictures):
            rows = layouts.get(number, [])
            try:
                # A page without layouts is as large as its neighbours, or as its picture where none is known.
                width, height = rows[0]["page_size"] if rows else usual or _pixels(picture)
                page = file.new_page(width=width, height=height)
                page.insert_image(page.rect, stream=picture)
            except Exception as error:  # PyMuPDF raises several unrelated types
                raise InputError(f"page {number} of {name} has no picture that can be read: {error}") from error
            for row in rows:
                _lay_text(page, row, font)
        file.subset_fonts()
        file.save(part, deflate=True, garbage=3)
    part.replace(path)


def _lay_text(page: Any, row: Mapping[str, Any], font: bytes) -> None:
    """Put the layout's text into its box, invisible, in the largest size that fits."""
    import pymupdf

    text = (row["text"] or row["ocr_text"] or "").strip()
    box = pymupdf.Rect(row["bbox"]) & page.rect
    if not text or box.is_empty:
        return
    if row["type"] == "text":
        text = " ".join(text.split())  # lines that were broken to fit another letter would leave half the box empty
    page.insert_font(fontname="unseen", fontbuffer=font)
    # A letter takes about half by 1.2 of its size; from a quarter above what should fit, downwards.
    size = min(24.0, box.height, 1.25 * math.sqrt(box.get_area() / (0.6 * len(text))))
    while page.insert_textbox(box, text, fontsize=size, fontname="unseen", render_mode=3) < 0 and size > SMALLEST:
        size *= 0.93


def _pixels(picture: bytes) -> tuple[int, int]:
    import pymupdf

    pixels = pymupdf.Pixmap(picture)
    return pixels.width, pixels.height
