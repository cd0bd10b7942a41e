"""Pages and boxes rendered on demand. Nothing here is kept in memory.

PyMuPDF's global state is not safe under threads, so one lock guards every use of it in this process.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import InputError, MmrankError

if TYPE_CHECKING:
    from PIL.Image import Image

Rectangle = tuple[float, float, float, float]

PYMUPDF_LOCK = threading.Lock()
"""Held while PyMuPDF runs in this process."""

MARK_COLOUR = (220, 40, 40)


def render(
    path: str,
    page: int,
    box: Rectangle | None = None,
    *,
    max_pixels: int = 1_500_000,
    marks: Sequence[Rectangle] = (),
) -> Image:
    """Render a page, or a box on it, as an RGB picture of at most `max_pixels` pixels.

    Args:
        path: a file that PyMuPDF opens.
        page: 0-based.
        box: (x0, y0, x1, y1) in points of the shown page, or None for the whole page.
        max_pixels: upper bound on width × height of the result; pages are never scaled above 300 dpi.
        marks: boxes in points of the shown page that are outlined and tinted.

    Raises:
        MmrankError: when the file is gone or the page cannot be rendered.
    """
    import PIL.Image
    import pymupdf

    if not Path(path).is_file():
        raise MmrankError(f"{path} is gone, so its page {page + 1} cannot be shown. Put the file back.")
    if max_pixels < 1:
        raise InputError(f"max_pixels must be at least 1, got {max_pixels}")
    try:
        with PYMUPDF_LOCK, pymupdf.open(path) as file:
            shown = file[page]
            clip = pymupdf.Rect(*(box or tuple(shown.rect))) & shown.rect
            if clip.is_empty:
                raise InputError(f"box {box} lies outside page {page + 1} of {path}")
            zoom = min(math.sqrt(max_pixels / (clip.width * clip.height)), 300 / 72)
            # Rounding outwards may add a row and a column of pixels.
            zoom = max(zoom - 1 / min(clip.width, clip.height), zoom / 2)
            pixels = shown.get_pixmap(
                matrix=pymupdf.Matrix(zoom, zoom), clip=clip, colorspace=pymupdf.csRGB, alpha=False
            )
            picture = PIL.Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
            origin = (clip.x0, clip.y0)
    except InputError:
        raise
    except Exception as error:  # PyMuPDF raises several unrelated types
        raise MmrankError(f"page {page + 1} of {path} cannot be rendered: {error}") from error
    if marks:
        _mark(picture, marks, zoom, origin)
    return picture


def _mark(picture: Image, marks: Sequence[Rectangle], zoom: float, origin: tuple[float, float]) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture, "RGBA")
    width = max(2, round(1.5 * zoom))
    for x0, y0, x1, y1 in marks:
        corners = [
            ((x0 - origin[0]) * zoom - width, (y0 - origin[1]) * zoom - width),
            ((x1 - origin[0]) * zoom + width, (y1 - origin[1]) * zoom + width),
        ]
        pen.rectangle(corners, outline=(*MARK_COLOUR, 255), fill=(*MARK_COLOUR, 24), width=width)
