"""Figures on pages that are one picture: whatever is neither background nor text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.ingest.drafts import Line, Rect, area, hull, shared

ZOOM = 0.5
"""Pixels per point at which a page is rendered."""
CONTRAST = 28
"""Difference to the background, out of 255, from which a pixel counts as drawn."""
SMALLEST_FIGURE = 0.012
"""Smallest share of the page that a figure covers."""
WHOLE_PAGE_DRAWN = 0.2
"""Share of the page, text aside, that must differ from its background for the whole page to count as a figure."""


def drawn_regions(page: Any, lines: list[Line]) -> list[Rect]:
    """Boxes of figures on a scanned page, in points of the shown page.

    Args:
        page: a PyMuPDF page.
        lines: its recognised text; a box that is nearly all text is not a figure.
    """
    import cv2
    import pymupdf

    shown = page.rect
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(ZOOM, ZOOM), colorspace=pymupdf.csRGB, alpha=False)
    picture = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, 3)
    drawn = _drawn(picture)
    for line in lines:
        x0, y0, x1, y1 = (round(v * ZOOM) for v in line.box)
        drawn[max(0, y0 - 1) : y1 + 2, max(0, x0 - 1) : x1 + 2] = 0
    closed = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    whole = (0.0, 0.0, float(shown.width), float(shown.height))
    found = _regions(closed, whole, lines, SMALLEST_FIGURE, 1.0)
    if not found and drawn.mean() > WHOLE_PAGE_DRAWN:
        # Thin frames and ornaments may connect everything that is drawn: look again without thin lines.
        opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((15, 15), np.uint8))
        found = _regions(opened, whole, lines, 0.05, 0.5) or [whole]
    return found


def _regions(drawn: NDArray[Any], page: Rect, lines: list[Line], least: float, most: float) -> list[Rect]:
    """Boxes of connected drawn pixels, from `least` to `most` of the page each, that are not nearly all text."""
    import cv2

    _, _, stats, _ = cv2.connectedComponentsWithStats(drawn, connectivity=8)
    page_area = area(page)
    boxes: list[Rect] = []
    for x, y, width, height, filled in stats[1:]:
        box = (x / ZOOM, y / ZOOM, (x + width) / ZOOM, (y + height) / ZOOM)
        thin = min(box[2] - box[0], box[3] - box[1]) < 14
        band = box[2] - box[0] > 0.95 * page[2] and box[3] - box[1] < 0.2 * page[3]
        if filled > 12 and not thin and not band and 0.0004 * page_area < area(box) < 0.9 * page_area:
            boxes.append(box)
    groups = [box for box in _merged(boxes) if least * page_area < area(box) <= most * page_area]
    return [box for box in groups if sum(shared(line.box, box) for line in lines) < 0.45 * area(box)]


def _drawn(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 where a pixel differs from the most frequent colour."""
    coarse = (picture // 16).astype(np.int32)
    codes = coarse[:, :, 0] * 256 + coarse[:, :, 1] * 16 + coarse[:, :, 2]
    values, counts = np.unique(codes, return_counts=True)
    background = np.median(picture[codes == values[counts.argmax()]], axis=0)
    return (np.abs(picture.astype(np.int16) - background).max(axis=2) > CONTRAST).astype(np.uint8)


def _merged(boxes: list[Rect]) -> list[Rect]:
    """Boxes that overlap or stand within 14 points of each other, as one."""
    near = 14.0
    merged = list(boxes)
    changed = True
    while changed:
        changed = False
        result: list[Rect] = []
        for box in merged:
            for at, other in enumerate(result):
                apart = max(box[0] - other[2], other[0] - box[2], box[1] - other[3], other[1] - box[3])
                if apart < near:
                    result[at] = hull([box, other])
                    changed = True
                    break
            else:
                result.append(box)
        merged = result
    return merged
