"""Text that nobody sees on the page: in the colour of its ground, painted over, or not painted at all.

It is left out: what a hit shows must be there for the reader. Text that is not painted but lies over a picture stays,
because this is how scans are made searchable.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmrank.ingest.drafts import Line, Rect, area, hull, inside
from mmrank.ingest.lines import Content, Vector

NEAR = 24
"""Colours closer than this in each of red, green and blue, 0 to 255, may be taken for each other."""
CONTRAST = 14
"""A region of the rendered page whose colours differ by less than this, 0 to 255, shows nothing."""
SMALLEST = 3.5
"""Type smaller than this, in points, hardly shows when rendered: only its colour and that of its ground count."""
WHITE = 0xFFFFFF
ZOOM = 1.0
"""Pixels per point at which a page is rendered to look whether a text can be seen."""
MOST_VECTORS = 500
"""With more painted paths (maps), only text without any colour under it is looked at."""


def without_hidden(page: Any, content: Content) -> list[Line]:
    """The lines of a page without those that cannot be seen on it."""
    lines = content.lines
    fills = [
        v for v in content.vectors if v.opaque and not v.stroked and min(v.box[2] - v.box[0], v.box[3] - v.box[1]) > 4
    ]
    fills = fills if len(fills) <= MOST_VECTORS else []
    if not lines or not (fills or any(not line.painted or _near(line.colour, WHITE) for line in lines)):
        return lines
    ground = _Ground(lines, fills)
    suspects = [line for at, line in enumerate(lines) if ground.hides(at) and not _over_picture(line, content)]
    if not suspects:
        return lines
    shown = _Shown(page, hull(line.box for line in suspects))
    gone = {id(line) for line in suspects if line.size < SMALLEST or shown.plain(line.box)}
    return [line for line in lines if id(line) not in gone]


def _over_picture(line: Line, content: Content) -> bool:
    return any(inside(line.box, raster.box) > 0.5 for raster in content.rasters)


class _Ground:
    """What lies under and over the lines of a page, by what the file says."""

    def __init__(self, lines: list[Line], fills: list[Vector]) -> None:
        self._lines, self._fills = lines, fills
        own = np.array([line.box for line in lines])
        boxes = np.array([fill.box for fill in fills]).reshape(-1, 4)
        low = np.maximum(own[:, None, :2], boxes[None, :, :2])
        sides = np.clip(np.minimum(own[:, None, 2:], boxes[None, :, 2:]) - low, 0, None)
        sizes = np.maximum((own[:, 2] - own[:, 0]) * (own[:, 3] - own[:, 1]), 0.01)
        share = sides[..., 0] * sides[..., 1] / sizes[:, None]
        later = np.array([fill.block for fill in fills])[None, :] > np.array([line.block for line in lines])[:, None]
        self._covered = ((share > 0.95) & later).any(axis=1)
        self._under = (share > 0.6) & ~later

    def hides(self, at: int) -> bool:
        """Whether a line may be invisible: not painted, painted over, or in the colour of what is under it.

        Small type counts only where its colour is just that of its ground.
        """
        line = self._lines[at]
        under = np.flatnonzero(self._under[at])
        colour = self._fills[under[-1]].colour & WHITE if under.size else WHITE
        if line.size < SMALLEST:
            return line.painted and _near(line.colour, colour) and abs((line.colour & 0xFF) - (colour & 0xFF)) < 6
        return not line.painted or bool(self._covered[at]) or _near(line.colour, colour)


def _near(colour: int, other: int) -> bool:
    return all(abs((colour >> shift & 255) - (other >> shift & 255)) < NEAR for shift in (16, 8, 0))


class _Shown:
    """A part of a page as it looks."""

    def __init__(self, page: Any, part: Rect) -> None:
        import pymupdf

        pixels = page.get_pixmap(matrix=pymupdf.Matrix(ZOOM, ZOOM), colorspace=pymupdf.csRGB, alpha=False, clip=part)
        self._picture = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, 3)
        self._left, self._top = pixels.x, pixels.y

    def plain(self, box: Rect) -> bool:
        """Whether nothing stands out in a box of the shown page."""
        inset = 0.15 * min(box[2] - box[0], box[3] - box[1])
        x0, y0, x1, y1 = (round(ZOOM * v) for v in (box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset))
        x0, x1, y0, y1 = x0 - self._left, x1 - self._left, y0 - self._top, y1 - self._top
        part = self._picture[max(0, y0) : max(0, y1, y0 + 1), max(0, x0) : max(0, x1, x0 + 1)]
        if not part.size or area(box) == 0:
            return False
        return int((part.max(axis=(0, 1)).astype(int) - part.min(axis=(0, 1))).max()) < CONTRAST
