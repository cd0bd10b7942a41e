"""Pages and boxes rendered on demand. Nothing here is kept in memory.

PyMuPDF's global state is not safe under threads, so one lock guards every use of it in this process.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import InputError, MmrankError
from mmrank.formats import open_file

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
        with PYMUPDF_LOCK, open_file(path) as file:
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


def check_content(path: str, digest: str) -> None:
    """Make sure that a file still holds what was read from it.

    Raises:
        MmrankError: when it is gone or holds something else.
    """
    try:
        same = content_digest(Path(path)) == digest
    except OSError as error:
        raise MmrankError(f"{path} cannot be read: {error.strerror or error}. Put the file back.") from error
    if not same:
        raise MmrankError(f"{path} has changed since it was indexed, so its evidence cannot be shown; index it again")


def content_digest(path: Path) -> str:
    """What a document's id is: 32 hex digits of the SHA-256 of its file, read in small pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _mark(picture: Image, marks: Sequence[Rectangle], zoom: float, origin: tuple[float, float]) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture, "RGBA")
    width = max(2, round(1.5 * zoom))
    for x0, y0, x1, y1 in marks:
        # Kept inside the picture, so that a box that reaches the edge has its border there too.
        left, top = (max(0.0, (at - start) * zoom - width) for at, start in zip((x0, y0), origin, strict=True))
        right = min(picture.width - 1.0, (x1 - origin[0]) * zoom + width)
        bottom = min(picture.height - 1.0, (y1 - origin[1]) * zoom + width)
        if left <= right and top <= bottom:
            pen.rectangle((left, top, right, bottom), outline=(*MARK_COLOUR, 255), fill=(*MARK_COLOUR, 24), width=width)
