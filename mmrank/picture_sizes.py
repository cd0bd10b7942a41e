"""How large a picture is shown to a vision-language model of Qwen's families: whole squares of pixels, within a budget.

Encoders, rerankers and training all prepare pictures here. Qwen's own package, qwen-vl-utils, does it where it is
installed (the extra `vlm`, with the torchvision that fits torch). Without it mmrank does the same: tests hold that
sizes and pixels are those of the package, and of the processors of transformers. So a processor changes a prepared
picture's size no more, and a budget in pixels is one in tokens.
"""

from __future__ import annotations

import logging
import math
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mmrank.types import ImageRef

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

STEEPEST = 100
"""Pictures longer than this many times their width are not made; processors refuse more than 200."""


def square_of(processor: Any) -> int | None:
    """The edge in pixels of the square that becomes one token; None for processors that cut pictures into tiles."""
    pictures = processor.image_processor
    patch, merged = getattr(pictures, "patch_size", None), getattr(pictures, "merge_size", None)
    return patch * merged if isinstance(patch, int) and isinstance(merged, int) else None


def opened_for(processor: Any, picture: ImageRef, max_pixels: int) -> Image:
    """A picture, rendered and prepared for a processor: within `max_pixels`, and within the processor's own limits.

    Args:
        processor: of the model; one that cuts pictures into tiles gets them as they are rendered.
        picture: a page, or a box on it.
        max_pixels: width × height, at most, unless the processor makes pictures larger in any case.

    Raises:
        MmrankError: when the file is gone or cannot be rendered.
    """
    side = square_of(processor)
    if side is None:
        return picture.open(max_pixels=max_pixels)
    size = processor.image_processor.size
    least = int(size["shortest_edge"])
    most = max(side * side, least, min(max_pixels, int(size["longest_edge"])))
    return prepared(picture.open(max_pixels=most), side=side, max_pixels=most, min_pixels=least)


def prepared(image: Image, *, side: int, max_pixels: int, min_pixels: int = 0) -> Image:
    """The picture in whole squares of `side` pixels: (width, height) are multiples of it.

    Args:
        image: RGB.
        side: see `square_of`.
        max_pixels: width × height, at most; at least one square.
        min_pixels: smaller pictures are made larger, but never over `max_pixels`.
    """
    most = max(1, max_pixels // side**2)
    size = fitting(image.width, image.height, most, side, least=min(most, math.ceil(min_pixels / side**2)))
    package = qwen_vl_utils()
    # The package makes strips of one square's height vanish, or refuses them.
    if package is not None and min(size) > side and side % 2 == 0:
        limits = {"min_pixels": min(min_pixels, most * side**2), "max_pixels": max_pixels}
        made: Image = package.fetch_image({"image": image, **limits}, image_patch_size=side // 2)
        return made
    return image if image.size == size else image.resize(size)


def fitting(width: int, height: int, tokens: int, side: int, *, least: int = 0) -> tuple[int, int]:
    """The largest size near the picture's own shape, in whole squares of `side` pixels, `least` to `tokens` of them.

    >>> fitting(200, 100, 8, 28)
    (112, 56)
    >>> fitting(1000, 3, 5, 28)
    (140, 28)
    >>> fitting(20, 10, 100, 28, least=4)
    (84, 56)
    """
    columns, rows = max(1, round(width / side)), max(1, round(height / side))
    if columns * rows > tokens:
        shrink = math.sqrt(width * height / (tokens * side * side))
        columns, rows = (max(1, math.floor(edge / shrink / side)) for edge in (width, height))
        columns, rows = min(columns, tokens // rows or 1), min(rows, tokens // columns or 1)
    elif columns * rows < least:
        grow = math.sqrt(least * side * side / (width * height))
        columns, rows = (math.ceil(edge * grow / side) for edge in (width, height))
        columns, rows = min(columns, tokens // rows or 1), min(rows, tokens // columns or 1)
    columns, rows = min(columns, STEEPEST * rows), min(rows, STEEPEST * columns)
    return columns * side, rows * side


@cache
def qwen_vl_utils() -> Any:
    """The package, or None where it is not installed. Where it is and does not load, that is logged once."""
    if find_spec("qwen_vl_utils") is None:
        return None
    try:
        import qwen_vl_utils as package
    except Exception as error:  # a torchvision that does not fit torch raises what it likes
        log.warning("qwen-vl-utils does not load, and pictures are prepared without it: %s", error)
        return None
    return package
