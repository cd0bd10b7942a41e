"""Pages and boxes rendered on demand, in processes that can do nothing else. Nothing here is kept in memory.

PyMuPDF's global state is not safe under threads, so one lock guards every use of it in this process.
"""

from __future__ import annotations

import hashlib
import math
import sys
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from mmrank.errors import InputError, MmrankError
from mmrank.formats import open_file
from mmrank.sandbox import confinement
from mmrank.sandbox.process import Sandbox, WorkerDiedError
from mmrank.sandbox.template import Reply, serve

if TYPE_CHECKING:
    from PIL.Image import Image

Rectangle = tuple[float, float, float, float]

PYMUPDF_LOCK = threading.Lock()
"""Held while PyMuPDF runs in this process."""

SECONDS = 20.0
"""A page that was not drawn after this long is given up."""
MEMORY = 3 << 30
"""Address space of a process that draws, in bytes."""
DRAWERS = 2
"""Pages that are drawn at the same time."""
GIVEN_UP = 600.0
"""Seconds for which a page that was given up is not tried again."""
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

    try:
        state = _state(path)
    except OSError as error:
        raise MmrankError(f"{path} is gone, so its page {page + 1} cannot be shown. Put the file back.") from error
    if max_pixels < 1:
        raise InputError(f"max_pixels must be at least 1, got {max_pixels}")
    task = {
        "path": str(Path(path).absolute()),
        "page": page,
        "box": box,
        "max_pixels": max_pixels,
        "options": {"limits": {"seconds": SECONDS, "file_seconds": SECONDS, "memory": MEMORY}},
    }
    reason = _given_up.get((state, page), time.monotonic())
    if reason is not None:
        raise MmrankError(f"page {page + 1} of {path} cannot be rendered: it {reason}")
    drawers = _drawers()
    drawer = drawers.get()
    try:
        header, data = drawer.perform(task)
    except WorkerDiedError as error:
        _given_up.add((state, page), str(error), time.monotonic())
        raise MmrankError(f"page {page + 1} of {path} cannot be rendered: it {error}") from error
    finally:
        drawers.put(drawer)
    if "error" in header:
        kind = InputError if header.get("input") is True else MmrankError
        raise kind(f"page {page + 1} of {path} cannot be rendered: {str(header['error'])[:300]}")
    picture, zoom, origin = _picture(path, header, data, max_pixels)
    if marks:
        _mark(picture, marks, zoom, origin)
    return picture


class _GivenUp:
    """Pages that could not be drawn, for a while: each try may take `SECONDS` of a drawer that others wait for."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[object, int], tuple[str, float]] = {}
        self._lock = threading.Lock()

    def add(self, page: tuple[object, int], reason: str, now: float) -> None:
        """Remember a page, and forget those whose time is over."""
        with self._lock:
            self._reasons = {key: kept for key, kept in self._reasons.items() if now < kept[1]}
            self._reasons[page] = reason, now + GIVEN_UP

    def get(self, page: tuple[object, int], now: float) -> str | None:
        """Why a page was given up; None when it may be tried."""
        reason, until = self._reasons.get(page, ("", -math.inf))
        return reason if now < until else None


_given_up = _GivenUp()


def _state(path: str) -> tuple[str, int, int]:
    """A file as it is now: a page that was given up is tried again when its file has changed."""
    if not Path(path).is_file():
        raise FileNotFoundError(path)
    status = Path(path).stat()
    return str(Path(path).absolute()), status.st_size, status.st_mtime_ns


def _picture(
    path: str, header: dict[str, Any], data: bytes, max_pixels: int
) -> tuple[Image, float, tuple[float, float]]:
    """The picture that was drawn, its pixels per point, and where it begins, once they are what they must be."""
    import PIL.Image

    sides = [header.get(name) for name in ("width", "height")]
    numbers = [header.get(name) for name in ("zoom", "x", "y")]
    if not all(type(side) is int and 1 <= side <= max_pixels for side in sides) or not all(
        type(number) is float and abs(number) < 1e6 for number in numbers
    ):
        raise MmrankError(f"{path} confused the drawing process: its picture has no size")
    width, height = (int(side) for side in sides if side)
    if width * height > 2 * max_pixels + 10_000 or len(data) != 3 * width * height:
        raise MmrankError(f"{path} confused the drawing process: its picture has another size than it says")
    zoom, x, y = (float(number or 0.0) for number in numbers)
    return PIL.Image.frombytes("RGB", (width, height), data), max(zoom, 1e-6), (x, y)


@cache
def _drawers() -> SimpleQueue[Sandbox]:
    """Processes that draw, free ones; they start when first used."""
    queue: SimpleQueue[Sandbox] = SimpleQueue()
    for _ in range(DRAWERS):
        queue.put(Sandbox((sys.executable, "-m", "mmrank.pictures")))
    return queue


def _prepare(task: dict[str, Any]) -> None:
    """Load what drawing needs, and draw a page, once."""
    _warm()


@cache
def _warm() -> None:
    import pymupdf

    with pymupdf.open() as file:
        file.new_page().insert_text((72, 72), "A page.")
        file[0].get_pixmap()


def _perform(task: dict[str, Any], body: bytes, reply: Reply) -> None:
    """Draw a page, or a box on it, in this process, which reads nothing else from now on."""
    limits = task["options"]["limits"]
    confinement.confine([Path(task["path"])])
    confinement.limit_resources(limits["seconds"], limits["memory"])
    try:
        header, data = _draw(task["path"], task["page"], task["box"], task["max_pixels"])
    except InputError as error:
        header, data = {"error": str(error), "input": True}, b""
    except MemoryError:
        header, data = {"error": "it needs more memory than a page may take"}, b""
    except Exception as error:  # PyMuPDF raises several unrelated types
        header, data = {"error": " ".join(str(error).split())[:200] or type(error).__name__}, b""
    reply(header, data)


def _draw(path: str, page: int, box: Rectangle | None, max_pixels: int) -> tuple[dict[str, Any], bytes]:
    import pymupdf

    with open_file(path) as file:
        shown = file[page]
        clip = pymupdf.Rect(*(box or tuple(shown.rect))) & shown.rect
        if clip.is_empty:
            raise InputError(f"box {box} lies outside page {page + 1} of {path}")
        zoom = min(math.sqrt(max_pixels / (clip.width * clip.height)), 300 / 72)
        # Rounding outwards may add a row and a column of pixels.
        zoom = max(zoom - 1 / min(clip.width, clip.height), zoom / 2)
        pixels = shown.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), clip=clip, colorspace=pymupdf.csRGB, alpha=False)
        places = {"zoom": float(zoom), "x": float(clip.x0), "y": float(clip.y0)}
        return {"width": pixels.width, "height": pixels.height, **places}, pixels.samples


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


if __name__ == "__main__":
    sys.modules.setdefault("pymupdf.layout", None)  # type: ignore[arg-type]
    serve(_prepare, _perform)
