"""The text layer and the graphics of one page, in shown-page coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmrank.ingest.drafts import SLANTED, Line, Rect, hull, shared
from mmrank.ingest.letters import clean, with_raised
from mmrank.ingest.opening import FileError
from mmrank.ingest.options import Limits
from mmrank.ingest.spacing import Glyphs, closed_up, is_spaced_word, spaced_out
from mmrank.ingest.streams import check_content

MOST_BLOCKS = 1000
"""With more blocks than this on a page, its pictures are looked for on their own."""


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
    opaque: bool = True
    block: int = 0
    """Number of the block it is among those of the page's lines, in the order of painting."""


@dataclass(slots=True)
class Content:
    """All that is painted on a page."""

    width: float
    height: float
    lines: list[Line]
    rasters: list[Raster]
    vectors: list[Vector]


def page_content(page: Any, limits: Limits) -> Content:
    """Read what is painted on a PyMuPDF page. Text outside the shown page, or cut off by a clip, is left out.

    Raises:
        FileError: when the page holds more than the limits allow.
    """
    import pymupdf

    check_content(page, limits)
    flags = (
        pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP | pymupdf.TEXT_CLIP | pymupdf.TEXT_COLLECT_VECTORS
    )
    shown = page.rect
    width, height = shown.width, shown.height
    place, turn = placer(page), turner(page)
    glyphs = Glyphs(page)
    lines: list[Line] = []
    vectors: list[Vector] = []
    text, pictures = _text_and_pictures(page, flags)
    for number, block in enumerate(text.extractDICT()["blocks"]):
        if block["type"] == 0:
            parts = [part for line in block["lines"] for part in _parts(line)]
            apart = any(spaced_out(_written(part["spans"])) for part in parts)
            for part in parts:
                made = _line(glyphs, part, number, place, turn, apart)
                if made and _visible(made.box, width, height):
                    lines.append(made)
        elif block["type"] == 3 and block["alpha"]:
            box = x0, y0, x1, y1 = place(block["bbox"])
            if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
                box = x0, y0, x1, y1 = (max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height))
            if x1 >= x0 and y1 >= y0:
                opaque = block["alpha"] > 250
                vectors.append(Vector(box, block["stroked"], block["isrect"], block["color"], opaque, number))
    rasters = []
    for info in pictures:
        if info["width"] * info["height"] > limits.pixels:
            raise FileError(
                f"holds a picture of {info['width']} × {info['height']} pixels, more than the {limits.pixels} allowed"
            )
        box = place(info["bbox"])
        box = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height))
        if box[2] - box[0] > 1 and box[3] - box[1] > 1:
            rasters.append(Raster(box, (info["width"], info["height"])))
    return Content(width, height, lines, rasters, vectors)


def _text_and_pictures(page: Any, flags: int) -> tuple[Any, list[dict[str, Any]]]:
    """PyMuPDF's text page, without pictures (taken out with the text, they would be encoded), and what it says of them.

    Each pass over a page takes as long as all else that is done with its text. The second one is spared where there is
    no picture.
    """
    import pymupdf

    if page.parent.is_pdf and not page.get_images():
        text = page.get_textpage(flags=flags | pymupdf.TEXT_PRESERVE_IMAGES)
        pictures = page.get_image_info() if _may_hold_pictures(text) else []
        return (page.get_textpage(flags=flags) if pictures else text), pictures
    return page.get_textpage(flags=flags), page.get_image_info()


def _may_hold_pictures(text: Any) -> bool:
    """Whether pictures are among the blocks of a text page, or it has too many blocks to look at each."""
    import pymupdf

    block = text.this.m_internal.first_block
    for _ in range(MOST_BLOCKS):
        if not block:
            return False
        if block.type == pymupdf.mupdf.FZ_STEXT_BLOCK_IMAGE:
            return True
        block = block.next
    return True


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


def turner(page: Any) -> Callable[[tuple[float, float]], int]:
    """A function that takes the direction of a line on the unrotated page to its turn on the shown page."""
    quarters = page.rotation // 90

    def turn(direction: tuple[float, float]) -> int:
        dx, dy = direction
        if max(abs(dx), abs(dy)) < 0.985:
            return SLANTED
        own = (0 if dx > 0 else 2) if abs(dx) > abs(dy) else (1 if dy > 0 else 3)
        return int((own + quarters) % 4)

    return turn


def _parts(line: dict[str, Any]) -> list[dict[str, Any]]:
    """A line of PyMuPDF, parted where the text turns from painted to unpainted, or from white to another colour."""
    spans = line["spans"]
    kinds = [(span["alpha"] > 0, _whitish(span["color"])) for span in spans]
    if len(set(kinds)) == 1:
        return [line]
    parts: list[dict[str, Any]] = []
    last = kinds[0]
    for span, kind in zip(spans, kinds, strict=True):
        if parts and (kind == last or span["text"].isspace()):
            parts[-1]["spans"].append(span)
            parts[-1]["bbox"] = hull([parts[-1]["bbox"], span["bbox"]])
        else:
            parts.append({**line, "spans": [span], "bbox": span["bbox"]})
            last = kind
    return parts


def _whitish(colour: int) -> bool:
    return min(colour >> 16 & 255, colour >> 8 & 255, colour & 255) > 224


def _line(
    glyphs: Glyphs,
    line: dict[str, Any],
    block: int,
    place: Any,
    turn: Callable[[tuple[float, float]], int],
    apart: bool,
) -> Line | None:
    """A line of PyMuPDF; `apart` says that the letters of some line in its block are spaced out."""
    spans = line["spans"]
    text = _written(spans)
    if not text or text.isspace():
        return None
    main = max(spans, key=lambda span: len(span["text"].strip())) if len(spans) > 1 else spans[0]
    painted = main["alpha"] > 0
    if not painted and main["size"] < 1:
        return None
    if apart and (spaced_out(text) or is_spaced_word(text)):
        text = closed_up(glyphs, line)
    font = main["font"]
    bold = bool(main["flags"] & 16) or "bold" in font.lower() or "black" in font.lower()
    return Line(
        clean(text),
        place(line["bbox"]),
        main["size"],
        bold,
        None,
        block,
        turn(line["dir"]),
        font,
        main["color"],
        painted,
    )


def _written(spans: list[dict[str, Any]]) -> str:
    """The text of spans, raised marks kept off the words that they stand behind or before."""
    if len(spans) == 1:
        return str(spans[0]["text"])
    text = ""
    for at, span in enumerate(spans):
        piece = span["text"]
        if at and span["flags"] & 1 and span["size"] < 0.92 * spans[at - 1]["size"]:
            text = with_raised(text, piece)
        else:
            text += piece
        if at == 0 and piece.isdigit() and span["size"] < 0.9 * spans[1]["size"] and spans[1]["text"][:1].isalpha():
            text += " "
    return text


def _visible(box: Rect, width: float, height: float) -> bool:
    return shared(box, (0, 0, width, height)) > 0
