"""Text that nobody sees on the page: in the colour of its ground, painted over, or not painted at all.

It is left out: what a hit shows must be there for the reader. Text that is not painted but lies over a picture stays,
because this is how scans are made searchable.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmrank.ingest.drafts import Line, Rect, area, inside
from mmrank.ingest.lines import Content, Vector

NEAR = 24
"""Colours closer than this in each of red, green and blue, 0 to 255, may be taken for each other."""
CONTRAST = 14
"""A region of the rendered page whose colours differ by less than this, 0 to 255, shows nothing."""
SMALLEST = 3.5
"""Type smaller than this, in points, hardly shows when rendered: only its colour and that of its ground count."""
ZOOM = 1.5
"""Pixels per point at which a page is rendered to look whether a text can be seen."""
MOST_VECTORS = 500
"""With more painted paths (maps), only text without any colour under it is looked at."""


def without_hidden(page: Any, content: Content) -> list[Line]:
    """The lines of a page without those that cannot be seen on it."""
    fills = [
        v for v in content.vectors if v.opaque and not v.stroked and min(v.box[2] - v.box[0], v.box[3] - v.box[1]) > 4
    ]
    fills = fills if len(fills) <= MOST_VECTORS else []
    colours = {fill.colour & 0xFFFFFF for fill in fills} | {0xFFFFFF}
    suspects = [line for line in content.lines if _suspect(line, content, fills, colours)]
    if not suspects:
        return content.lines
    shown = _Shown(page)
    gone = {id(line) for line in suspects if line.size < SMALLEST or shown.plain(line.box)}
    return [line for line in content.lines if id(line) not in gone]


def _suspect(line: Line, content: Content, fills: list[Vector], colours: set[int]) -> bool:
    """Whether a line may be invisible by what the file says of it and of what is painted around it."""
    if line.size < SMALLEST:
        return line.painted and _on_its_colour(line, content, fills)
    if line.painted and not fills and not _near(line.colour, 0xFFFFFF):
        return False
    if line.painted and not any(_near(line.colour, colour) for colour in colours):
        return any(fill.block > line.block and inside(line.box, fill.box) > 0.95 for fill in fills)
    if any(inside(line.box, raster.box) > 0.5 for raster in content.rasters):
        return False
    if not line.painted:
        return True
    around = [fill for fill in fills if inside(line.box, fill.box) > 0.6]
    under = [fill for fill in around if fill.block <= line.block]
    return len(under) < len(around) or _near(line.colour, under[-1].colour if under else 0xFFFFFF)


def _on_its_colour(line: Line, content: Content, fills: list[Vector]) -> bool:
    """Whether small type has just the colour of what is painted under it."""
    if any(inside(line.box, raster.box) > 0.5 for raster in content.rasters):
        return False
    under = [fill for fill in fills if fill.block <= line.block and inside(line.box, fill.box) > 0.6]
    ground = under[-1].colour & 0xFFFFFF if under else 0xFFFFFF
    return _near(line.colour, ground) and abs((line.colour & 0xFF) - (ground & 0xFF)) < 6


def _near(colour: int, other: int) -> bool:
    return all(abs((colour >> shift & 255) - (other >> shift & 255)) < NEAR for shift in (16, 8, 0))


class _Shown:
    """A page as it looks, rendered when it is first asked for."""

    def __init__(self, page: Any) -> None:
        import pymupdf

        pixels = page.get_pixmap(matrix=pymupdf.Matrix(ZOOM, ZOOM), colorspace=pymupdf.csRGB, alpha=False)
        self._picture = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, 3)

    def plain(self, box: Rect) -> bool:
        """Whether nothing stands out in a box of the shown page."""
        inset = 0.15 * min(box[2] - box[0], box[3] - box[1])
        x0, y0, x1, y1 = (round(ZOOM * v) for v in (box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset))
        part = self._picture[max(0, y0) : max(0, y1, y0 + 1), max(0, x0) : max(0, x1, x0 + 1)]
        if not part.size or area(box) == 0:
            return False
        return int((part.max(axis=(0, 1)).astype(int) - part.min(axis=(0, 1))).max()) < CONTRAST
