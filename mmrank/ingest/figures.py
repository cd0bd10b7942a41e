"""Raster and vector graphics, grouped into figures."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mmrank.ingest.drafts import Line, Rect, area, hull, inside, shared
from mmrank.ingest.lines import Content, Vector

FIGURE_GAP = 8.0
"""Graphics closer than this, in points, belong to one figure."""
MOST_SEEDS = 1000
"""With more graphics than this, those in one small square of the page are merged first."""


@dataclass(slots=True)
class Graphic:
    """Graphics that together may be a figure."""

    box: Rect
    raster_area: float
    path_count: int
    curved: int
    """Paths that are not plain rectangles or rules."""
    pixels_per_point: float
    """Resolution of its best raster; 0 without one, and where it is only a part of a picture."""
    stripes: int = 0
    """Rectangles as wide as the whole group: the background of a table's rows."""
    bars: bool = False
    """Whether it holds the bars of a chart."""

    @property
    def scanned(self) -> bool:
        """Whether it was found in the picture of a scanned page."""
        return self.raster_area > 0 and not self.pixels_per_point


def graphics(content: Content) -> list[Graphic]:
    """Figures of a page: what is painted near each other, without rules, backgrounds and underlines."""
    page_area = content.width * content.height
    seeds: list[Graphic] = []
    for raster in content.rasters:
        if area(raster.box) < 60:
            continue
        density = raster.pixels[0] / max(1.0, raster.box[2] - raster.box[0])
        seeds.append(Graphic(raster.box, area(raster.box), 0, 0, density))
    painted = _painted(content, 0.7 * page_area)
    for vector in painted:
        x0, y0, x1, y1 = vector.box
        plain = vector.rectangle or x1 - x0 < 2 or y1 - y0 < 2
        seeds.append(Graphic(vector.box, 0.0, 1, 0 if plain else 1, 0.0))
    for canvas in [*_white_backgrounds(content, _boxes(painted)), *_bar_rows(painted)]:
        seeds.append(Graphic(canvas, 0.0, 0, 0, 0.0))
    groups = _group(seeds)
    rectangles = [v for v in painted if v.rectangle]
    boxes = _boxes(rectangles)
    for group in groups:
        held = [rectangles[at] for at in np.flatnonzero(_held(boxes, group.box))]
        wide = 0.9 * (group.box[2] - group.box[0])
        group.stripes = sum(1 for v in held if v.box[2] - v.box[0] > wide)
        group.bars = has_bars(held)
    return [group for group in groups if _large_enough(group)]


def _painted(content: Content, largest: float) -> list[Vector]:
    """The vectors of a page without long rules, what is in the colour of the page, and what is larger than `largest`
    square points."""
    across, down = 0.5 * content.width, 0.5 * content.height
    found = []
    for vector in content.vectors:
        x0, y0, x1, y1 = vector.box
        width, height = x1 - x0, y1 - y0
        rule = (height < 3 and width > across) or (width < 3 and height > down)
        if not rule and width * height <= largest and not is_white(vector):
            found.append(vector)
    return found


def _boxes(vectors: list[Vector]) -> np.ndarray:
    """The boxes of vectors, of shape (vectors, 4)."""
    return np.array([vector.box for vector in vectors], dtype=np.float64).reshape(-1, 4)


def _held(boxes: np.ndarray, outer: Rect) -> np.ndarray:
    """Which boxes, of shape (boxes, 4), lie in another by more than nine tenths: see `inside`."""
    x0, y0, x1, y1 = boxes.T
    sizes = np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0)
    common = np.maximum(np.minimum(x1, outer[2]) - np.maximum(x0, outer[0]), 0) * np.maximum(
        np.minimum(y1, outer[3]) - np.maximum(y0, outer[1]), 0
    )
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    central = (outer[0] <= x) & (x <= outer[2]) & (outer[1] <= y) & (y <= outer[3])
    return np.where(sizes > 0, common / np.where(sizes > 0, sizes, 1.0) > 0.9, central)


def lone_pictures(content: Content) -> list[Graphic]:
    """Pictures without text on them: the figures of a page that is nearly covered by overlapping pictures."""
    page_area = content.width * content.height
    found: list[Graphic] = []
    for raster in sorted(content.rasters, key=lambda raster: -area(raster.box)):
        size = area(raster.box)
        if min(sides(raster.box)) < 40 or not 0.01 * page_area < size < 0.5 * page_area:
            continue
        written = sum(shared(line.box, raster.box) for line in content.lines)
        if written < 0.05 * size and not within_any(raster.box, [graphic.box for graphic in found]):
            density = raster.pixels[0] / (raster.box[2] - raster.box[0])
            found.append(Graphic(raster.box, size, 0, 0, density))
    return found


def without_shading(vectors: list[Vector], lines: list[Line]) -> list[Vector]:
    """Vectors without the filled rectangles that shade words: those no larger than the line of text on them.

    A cell or a bar leaves room around its text; shading begins and ends with the words, or parts of them, and is no
    higher than their line.
    """
    if not lines:
        return vectors
    kept = []
    rows = sorted(lines, key=lambda line: line.box[1])
    tops = [line.box[1] for line in rows]
    tallest = max((line.box[3] - line.box[1] for line in rows), default=0.0)
    for vector in vectors:
        x0, y0, x1, y1 = vector.box
        if vector.stroked or not vector.rectangle or not 3 <= y1 - y0 <= tallest + 4 or x1 - x0 < 3:
            kept.append(vector)
            continue
        near = rows[bisect_left(tops, y0 - tallest) : bisect_left(tops, y1)]
        boxes = (line.box for line in near)
        if not any(a0 - 1 <= x0 and x1 <= a1 + 1 and b0 - 2 <= y0 and y1 <= b1 + 2 for a0, b0, a1, b1 in boxes):
            kept.append(vector)
    return kept


def _white_backgrounds(content: Content, painted: np.ndarray) -> list[Rect]:
    """White rectangles behind a drawing: they show its true extent."""
    found = []
    for vector in content.vectors:
        if not (vector.rectangle and is_white(vector)):
            continue
        width, height = sides(vector.box)
        if not (width > 80 and height > 50 and width * height < 0.5 * content.width * content.height):
            continue
        if np.count_nonzero(_held(painted, vector.box)) >= 4:
            found.append(vector.box)
    return found


def _bar_rows(painted: list[Vector]) -> list[Rect]:
    """Hulls of bars that stand on one line, apart from each other."""
    boxes = [v.box for v in painted if v.rectangle and v.box[2] - v.box[0] > 2 and v.box[3] - v.box[1] > 2]
    hulls = []
    for along in (0, 1):
        rows: dict[tuple[int, int], list[Rect]] = {}
        for box in boxes:
            for foot in (box[1 - along], box[3 - along]):
                rows.setdefault((round(box[along + 2] - box[along]), round(foot)), []).append(box)
        for (thick, _), row in rows.items():
            for bars in _apart(row, along, 3 * thick):
                near = all(0.08 * thick < b[along] - a[along + 2] for a, b in pairwise(bars))
                lengths = {round(box[3 - along] - box[1 - along]) for box in bars}
                if len(bars) >= 3 and len(lengths) >= 3 and near:
                    hulls.append(hull(bars))
    return hulls


def _apart(row: list[Rect], along: int, most: float) -> list[list[Rect]]:
    """Boxes in a row, parted where the gap to the next one is `most` points or more."""
    parts: list[list[Rect]] = []
    for box in sorted(row, key=lambda box: box[along]):
        if parts and box[along] - parts[-1][-1][along + 2] < most:
            parts[-1].append(box)
        else:
            parts.append([box])
    return parts


def has_bars(vectors: list[Vector]) -> bool:
    """Whether coloured rectangles are the bars of a chart: of one thickness, apart, and of several lengths.

    Three are enough where they stand on one line.
    """
    boxes = [v.box for v in vectors if v.rectangle and min(sides(v.box)) > 2 and not is_white(v)]
    for thickness, length in ((1, 0), (0, 1)):
        groups: dict[int, list[Rect]] = {}
        for box in boxes:
            groups.setdefault(round(sides(box)[thickness]), []).append(box)
        for thick, alike in groups.items():
            standing = (thickness, len(alike)) == (0, 3) and len({round(box[3]) for box in alike}) == 1
            if len(alike) < 4 and not standing:
                continue
            lengths = sorted({round(sides(box)[length]) for box in alike})
            spots = sorted({round(box[thickness]) for box in alike})
            apart = all(b - a > 1.08 * thick for a, b in pairwise(spots))
            if len(spots) >= 2 and len(lengths) >= 3 and lengths[-1] > 1.3 * lengths[0] and apart:
                return True
    return False


def sides(box: Rect) -> tuple[float, float]:
    """Width and height."""
    return box[2] - box[0], box[3] - box[1]


def is_white(vector: Vector) -> bool:
    """Whether it paints the page in its own colour."""
    return not vector.stroked and vector.colour & 0xFFFFFF == 0xFFFFFF


def _large_enough(group: Graphic) -> bool:
    width, height = sides(group.box)
    if width < 24 or height < 18:
        return False
    if group.raster_area or group.bars:
        return True
    return group.curved >= 3 or group.path_count >= 12


def _group(seeds: list[Graphic]) -> list[Graphic]:
    """Merge what overlaps or nearly touches, by a sweep from top to bottom."""
    if len(seeds) > MOST_SEEDS:
        seeds = _by_cell(seeds)
    groups = seeds
    while True:
        merged: list[Graphic] = []
        for seed in sorted(groups, key=lambda g: g.box[1]):
            for at in range(len(merged) - 1, -1, -1):
                if _touch(merged[at].box, seed.box):
                    pair = [merged[at], seed]
                    merged[at] = Graphic(hull([g.box for g in pair]), *_sum(pair))
                    break
            else:
                merged.append(seed)
        if len(merged) == len(groups):
            return merged
        groups = merged


def _by_cell(seeds: list[Graphic]) -> list[Graphic]:
    """Merge the seeds in each square of the page: maps and plots hold tens of thousands."""
    cells: dict[tuple[float, float], Graphic] = {}
    for seed in seeds:
        x0, y0, x1, y1 = seed.box
        square = ((x0 + x1) // 32, (y0 + y1) // 32)
        cell = cells.get(square)
        if cell is None:
            cells[square] = seed
            continue
        a0, b0, a1, b1 = cell.box
        if x0 < a0 or y0 < b0 or x1 > a1 or y1 > b1:
            cell.box = (min(x0, a0), min(y0, b0), max(x1, a1), max(y1, b1))
        cell.raster_area += seed.raster_area
        cell.path_count += seed.path_count
        cell.curved += seed.curved
        cell.pixels_per_point = max(cell.pixels_per_point, seed.pixels_per_point)
    return list(cells.values())


def _sum(parts: list[Graphic]) -> tuple[float, int, int, float]:
    return (
        sum(g.raster_area for g in parts),
        sum(g.path_count for g in parts),
        sum(g.curved for g in parts),
        max(g.pixels_per_point for g in parts),
    )


def _touch(a: Rect, b: Rect) -> bool:
    return (
        a[0] - FIGURE_GAP <= b[2]
        and b[0] - FIGURE_GAP <= a[2]
        and a[1] - FIGURE_GAP <= b[3]
        and b[1] - FIGURE_GAP <= a[3]
    )


def is_background(box: Rect, content: Content) -> bool:
    """Whether a graphic fills nearly the whole page."""
    return shared(box, (0, 0, content.width, content.height)) > 0.8 * content.width * content.height


def within_any(box: Rect, outers: list[Rect], share: float = 0.6) -> bool:
    """Whether `box` lies in one of the others by at least `share` of its area."""
    return any(inside(box, outer) >= share for outer in outers)
