"""The text layer and the graphics of one page, in shown-page coordinates."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from mmrank.ingest.drafts import Line, Rect, shared
from mmrank.ingest.opening import FileError
from mmrank.ingest.options import Limits
from mmrank.ingest.streams import check_content


@dataclass(slots=True)
class Raster:
    """A raster picture on the page."""

    box: Rect
    pixels: tuple[int, int]
    """Width and height of the picture itself, in pixels."""


@dataclass(slots=True)
class Vector:
    """One painted path."""

    box: Rect
    stroked: bool
    rectangle: bool
    colour: int


@dataclass(slots=True)
class Content:
    """All that is painted on a page."""

    width: float
    height: float
    lines: list[Line]
    rasters: list[Raster]
    vectors: list[Vector]


def page_content(page: Any, limits: Limits) -> Content:
    """Read what is painted on a PyMuPDF page. Text outside the shown page is left out.

    Raises:
        FileError: when the page holds more than the limits allow.
    """
    import pymupdf

    check_content(page, limits)
    flags = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP | pymupdf.TEXT_COLLECT_VECTORS
    shown = page.rect
    width, height = shown.width, shown.height
    place = placer(page)
    lines: list[Line] = []
    vectors: list[Vector] = []
    for number, block in enumerate(page.get_text("dict", flags=flags)["blocks"]):
        if block["type"] == 0:
            for line in block["lines"]:
                made = _line(line, number, place)
                if made and _visible(made.box, width, height):
                    lines.append(made)
        elif block["type"] == 3 and block["alpha"]:
            box = place(block["bbox"])
            box = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height))
            if box[2] >= box[0] and box[3] >= box[1]:
                vectors.append(Vector(box, block["stroked"], block["isrect"], block["color"]))
    rasters = []
    for info in page.get_image_info():
        if info["width"] * info["height"] > limits.pixels:
            raise FileError(
                f"holds a picture of {info['width']} × {info['height']} pixels, more than the {limits.pixels} allowed"
            )
        box = place(info["bbox"])
        box = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height))
        if box[2] - box[0] > 1 and box[3] - box[1] > 1:
            rasters.append(Raster(box, (info["width"], info["height"])))
    return Content(width, height, lines, rasters, vectors)


def placer(page: Any) -> Any:
    """A function that takes boxes of the unrotated page to the shown page."""
    if not page.rotation:
        return tuple
    import pymupdf

    matrix = page.rotation_matrix

    def place(box: Rect) -> Rect:
        turned = pymupdf.Rect(box) * matrix
        return (turned.x0, turned.y0, turned.x1, turned.y1)

    return place


def _line(line: dict[str, Any], block: int, place: Any) -> Line | None:
    spans = line["spans"]
    text = "".join(span["text"] for span in spans)
    if not text or text.isspace():
        return None
    main = max(spans, key=lambda span: len(span["text"].strip()))
    if main.get("alpha", 255) == 0 and main["size"] < 1:
        return None
    bold = bool(main["flags"] & 16) or "bold" in main["font"].lower() or "black" in main["font"].lower()
    dx, dy = line["dir"]
    return Line(clean(text), place(line["bbox"]), main["size"], bold, None, block, abs(dx) > 0.9 and abs(dy) < 0.3)


def _visible(box: Rect, width: float, height: float) -> bool:
    return shared(box, (0, 0, width, height)) > 0


LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "\u00ad": "-", "\u00a0": " ", "\u200b": ""}
)


def clean(text: str) -> str:
    """Replace ligatures by letters and unusual spaces by spaces, and remove control characters."""
    text = text.translate(LIGATURES)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text if unicodedata.category(c) != "Cf")
    return text.rstrip() if text[:1] != " " else text.strip()


def garbled(line: Line) -> bool:
    """Whether a line is unreadable because its font has no usable character map.

    True where many of its characters are private-use, replacement or unassigned ones, or the symbols that text
    in a wrong encoding is full of.
    """
    marks = [c for c in line.text if not c.isspace()]
    odd = sum(1 for c in marks if c == "\ufffd" or unicodedata.category(c) in {"Co", "Cn", "Cc", "Cs"})
    symbols = sum(1 for c in marks if "\u0080" <= c <= "\u00bf")
    return odd > 0.3 * len(marks) or (len(marks) > 5 and symbols > 0.4 * len(marks))
