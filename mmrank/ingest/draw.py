"""A page with its elements drawn over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmrank.errors import InputError
from mmrank.types import Document, ElementKind

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS: dict[ElementKind, tuple[int, int, int]] = {
    ElementKind.TITLE: (180, 0, 120),
    ElementKind.HEADING: (220, 40, 40),
    ElementKind.TEXT: (70, 110, 200),
    ElementKind.LIST_ITEM: (0, 150, 190),
    ElementKind.TABLE: (20, 140, 60),
    ElementKind.FIGURE: (240, 140, 0),
    ElementKind.CHART: (200, 170, 0),
    ElementKind.CAPTION: (140, 80, 200),
    ElementKind.FORMULA: (120, 90, 60),
    ElementKind.HEADER: (130, 130, 130),
    ElementKind.FOOTER: (130, 130, 130),
    ElementKind.FOOTNOTE: (90, 150, 150),
}


def draw_page(document: Document, page: int, *, max_pixels: int = 1_500_000) -> Image:
    """A picture of a page with its elements outlined by kind and numbered in reading order.

    Args:
        document: an ingested document whose file is still there.
        page: 0-based.
        max_pixels: upper bound on the picture's width × height.

    Raises:
        InputError: when the document has no such page.
        MmrankError: when the page cannot be rendered.
    """
    from PIL import ImageDraw, ImageFont

    if not 0 <= page < len(document.pages):
        raise InputError(f"{document.name} has pages 1 to {len(document.pages)}, there is no page {page + 1}")
    shown = document.pages[page]
    picture = document.page_image(page).open(max_pixels=max_pixels)
    zoom = picture.width / shown.width
    pen = ImageDraw.Draw(picture, "RGBA")
    font = ImageFont.load_default(max(10, round(9 * zoom)))
    for order, element in enumerate(shown.elements):
        colour = COLOURS[element.kind]
        corners = tuple(value * zoom for value in element.box.as_tuple())
        pen.rectangle(corners, outline=(*colour, 255), fill=(*colour, 28), width=2)
        label = f"{order} {element.kind.value}" + (str(element.level) if element.level else "")
        spot = pen.textbbox((corners[0], corners[1]), label, font=font, anchor="lb")
        if spot[1] < 0:
            spot = pen.textbbox((corners[0], corners[1]), label, font=font)
        pen.rectangle(spot, fill=(*colour, 220))
        pen.text((spot[0], spot[1]), label, font=font, fill=(255, 255, 255, 255), anchor="lt")
    return picture
