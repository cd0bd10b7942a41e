"""Pages as image content: small enough for a model's context, with boxes drawn."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from mcp.types import ImageContent

from mmrank.mcp.tokens import picture_tokens
from mmrank.pictures import check_content, render
from mmrank.types import BBox

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS = 1_000_000
"""Of a picture: text of common size is readable, and models that take pictures do not make it smaller."""
JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as the protocol carries it."""

    data: bytes
    """JPEG."""
    tokens: int

    def content(self) -> ImageContent:
        """The block of an answer."""
        return ImageContent(type="image", data=b64encode(self.data).decode("ascii"), mime_type="image/jpeg")


def page_picture(
    path: str, document_id: str, page: int, *, marks: Sequence[BBox] = (), box: BBox | None = None
) -> Picture:
    """A page, or a box on it, drawn now from its file.

    Args:
        path: the document's file.
        document_id: what the file must still hold.
        page: 0-based.
        marks: boxes that are outlined.
        box: the part that is shown, larger; in points.

    Raises:
        InputError: when the box lies outside the page.
        MmrankError: when the file is gone, has changed, or cannot be drawn.
    """
    check_content(path, document_id)
    shown = render(
        path,
        page,
        None if box is None else box.as_tuple(),
        max_pixels=PIXELS,
        marks=[mark.as_tuple() for mark in marks],
    )
    return encoded(shown)


def encoded(picture: Image) -> Picture:
    """A picture as JPEG, with what it costs."""
    file = BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=JPEG_QUALITY)
    return Picture(file.getvalue(), picture_tokens(picture.width, picture.height))
