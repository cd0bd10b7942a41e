"""Reading order from boxes alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from mmrank.ingest.drafts import Rect

SLACK = 2.0
"""Boxes may overlap by this much, in points, and still count as separate."""
WIDE = 0.6
"""A box that is wider than this share of all, with nothing beside it, parts what is above it from what is below."""
TALL = 36.0
"""A paragraph of a column is at least this high, in points, where no gutter goes through the whole page."""
MOST_COMPARISONS = 200_000
"""Boxes × gutters that are weighed on a page. Where there are more, the gutters with the least text across them are."""


def reading_order(boxes: Sequence[Rect]) -> list[int]:
    """Positions of the boxes in the order in which a page is read.

    Looks for the gutter that separates most of the boxes into a left and a right side. Boxes that cross it
    (titles, wide tables) cut the page into bands; each band is read left side first. Without a gutter boxes
    are read from top to bottom.

    >>> reading_order([(300, 50, 500, 700), (50, 0, 500, 40), (50, 50, 280, 700)])
    [1, 2, 0]
    """
    return _order(list(range(len(boxes))), boxes, 0)


def _order(ids: list[int], boxes: Sequence[Rect], depth: int) -> list[int]:
    if len(ids) < 2:
        return ids
    gutter = _gutter([boxes[i] for i in ids]) if depth < 12 else None
    if gutter is None:
        bands = _bands(ids, boxes)
        if len(bands) < 2:
            return _by_rows(ids, boxes)
        ordered = (_order(b, boxes, depth + 1) if _in_columns(b, boxes) else _by_rows(b, boxes) for b in bands)
        return [i for band in ordered for i in band]
    crossing = sorted(
        (i for i in ids if boxes[i][0] < gutter - SLACK and boxes[i][2] > gutter + SLACK),
        key=lambda i: boxes[i][1],
    )
    wide = set(crossing)
    rest = sorted((i for i in ids if i not in wide), key=lambda i: boxes[i][1] + boxes[i][3])
    middles = [boxes[i][1] + boxes[i][3] for i in rest]
    result: list[int] = []
    start = 0
    for i in [*crossing, None]:
        stop = len(rest) if i is None else max(start, bisect_left(middles, boxes[i][1] + boxes[i][3]))
        band = sorted(rest[start:stop])
        left = [i for i in band if (boxes[i][0] + boxes[i][2]) / 2 <= gutter]
        right = [i for i in band if (boxes[i][0] + boxes[i][2]) / 2 > gutter]
        result += _order(left, boxes, depth + 1) + _order(right, boxes, depth + 1)
        if i is not None:
            result.append(i)
        start = stop
    return result


def _bands(ids: list[int], boxes: Sequence[Rect]) -> list[list[int]]:
    """What stands above, between and below the boxes that are nearly as wide as all and have nothing beside them."""
    ids = sorted(ids, key=lambda i: boxes[i][1])
    wide = WIDE * (max(boxes[i][2] for i in ids) - min(boxes[i][0] for i in ids))
    bands: list[list[int]] = [[]]
    reached = float("-inf")
    for at, i in enumerate(ids):
        x0, y0, x1, y1 = boxes[i]
        free = at + 1 == len(ids) or boxes[ids[at + 1]][1] > y1 - SLACK
        if x1 - x0 > wide and free and y0 > reached - SLACK:
            bands += [[i], []]
        else:
            bands[-1].append(i)
        reached = max(reached, y1)
    return [band for band in bands if band]


def _in_columns(ids: list[int], boxes: Sequence[Rect]) -> bool:
    """Whether boxes stand in columns of paragraphs, not in rows of short pieces."""
    gutter = _gutter([boxes[i] for i in ids]) if len(ids) > 2 else None
    if gutter is None:
        return False
    heights = [(boxes[i][3] - boxes[i][1], boxes[i][2] <= gutter + SLACK, boxes[i][0] >= gutter - SLACK) for i in ids]
    return all(max((h[0] for h in heights if h[side]), default=0.0) >= TALL for side in (1, 2))


def _gutter(held: list[Rect]) -> float | None:
    """The x that separates the boxes best: much text side by side, little across."""
    edges = sorted({box[2] for box in held})[:-1]
    crossed = _across(edges, held)
    most = max(16, MOST_COMPARISONS // len(held))
    if len(edges) > most:
        edges = sorted(sorted(edges, key=lambda edge: crossed[edge])[:most])
    held = sorted(held, key=lambda box: box[1])
    best, best_score = None, 0.0
    for edge in edges:
        x = edge + SLACK / 2
        left = [box for box in held if box[2] <= x + SLACK]
        right = [box for box in held if box[0] >= x - SLACK]
        if not left or not right:
            continue
        beside = _common_height(left, right)
        score = beside - 0.5 * crossed[edge]
        if beside > 0 and score > best_score:
            best, best_score = (edge + max(min(box[0] for box in right), edge)) / 2, score
    return best


def _across(edges: list[float], held: list[Rect]) -> dict[float, float]:
    """For a gutter at each edge: the heights of the boxes that cross it by more than the slack, summed."""
    begun, ended = (_sums(held, side) for side in (0, 2))
    result = {}
    for edge in edges:
        x = edge + SLACK / 2
        before = begun[1][bisect_left(begun[0], x - SLACK)]
        result[edge] = before - ended[1][bisect_right(ended[0], x + SLACK)]
    return result


def _sums(held: list[Rect], side: int) -> tuple[list[float], list[float]]:
    """The boxes' left (0) or right (2) edges in order, and the heights of the boxes up to each, summed."""
    ordered = sorted(held, key=lambda box: box[side])
    return [box[side] for box in ordered], [0.0, *accumulate(box[3] - box[1] for box in ordered)]


def _common_height(left: list[Rect], right: list[Rect]) -> float:
    """Height over which both sides hold something; `right` is sorted by its tops."""
    starts: list[float] = []
    stops: list[float] = []
    for box in right:
        if stops and box[1] <= stops[-1]:
            stops[-1] = max(stops[-1], box[3])
        else:
            starts.append(box[1])
            stops.append(box[3])
    sums = [0.0, *accumulate(stop - start for start, stop in zip(starts, stops, strict=True))]

    def covered(y: float) -> float:
        at = bisect_right(starts, y) - 1
        return sums[at] + min(y, stops[at]) - starts[at] if at >= 0 else 0.0

    return sum(covered(box[3]) - covered(box[1]) for box in left)


def _by_rows(ids: list[int], boxes: Sequence[Rect]) -> list[int]:
    return sorted(ids, key=lambda i: (round(boxes[i][1] / 3), boxes[i][0]))
