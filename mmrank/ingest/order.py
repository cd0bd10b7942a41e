"""Reading order from boxes alone."""

from __future__ import annotations

from collections.abc import Sequence

from mmrank.ingest.drafts import Rect

SLACK = 2.0
"""Boxes may overlap by this much, in points, and still count as separate."""


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
    gutter = _gutter(ids, boxes) if depth < 12 else None
    if gutter is None:
        return _by_rows(ids, boxes)
    crossing = sorted(
        (i for i in ids if boxes[i][0] < gutter - SLACK and boxes[i][2] > gutter + SLACK),
        key=lambda i: boxes[i][1],
    )
    rest = [i for i in ids if i not in set(crossing)]
    result: list[int] = []
    for wide in [*crossing, None]:
        if wide is None:
            band = rest
        else:
            middle = (boxes[wide][1] + boxes[wide][3]) / 2
            band = [i for i in rest if (boxes[i][1] + boxes[i][3]) / 2 < middle]
        taken = set(band)
        rest = [i for i in rest if i not in taken]
        left = [i for i in band if (boxes[i][0] + boxes[i][2]) / 2 <= gutter]
        right = [i for i in band if (boxes[i][0] + boxes[i][2]) / 2 > gutter]
        result += _order(left, boxes, depth + 1) + _order(right, boxes, depth + 1)
        if wide is not None:
            result.append(wide)
    return result


def _gutter(ids: list[int], boxes: Sequence[Rect]) -> float | None:
    """The x that separates the boxes best: much text side by side, little across."""
    best, best_score = None, 0.0
    for candidate in sorted({boxes[i][2] for i in ids})[:-1]:
        x = candidate + SLACK / 2
        left = [boxes[i] for i in ids if boxes[i][2] <= x + SLACK]
        right = [boxes[i] for i in ids if boxes[i][0] >= x - SLACK]
        if not left or not right:
            continue
        beside = _common_height(left, right)
        if beside <= 0:
            continue
        across = sum(boxes[i][3] - boxes[i][1] for i in ids if boxes[i][0] < x - SLACK and boxes[i][2] > x + SLACK)
        score = beside - 0.5 * across
        if score > best_score:
            edge = min(b[0] for b in right)
            best, best_score = (candidate + max(edge, candidate)) / 2, score
    return best


def _common_height(left: list[Rect], right: list[Rect]) -> float:
    """Height over which both sides hold something."""
    total = 0.0
    for a in left:
        covered = [(max(a[1], b[1]), min(a[3], b[3])) for b in right if b[1] < a[3] and b[3] > a[1]]
        end = a[1]
        for start, stop in sorted(covered):
            total += max(0.0, stop - max(start, end))
            end = max(end, stop)
    return total


def _by_rows(ids: list[int], boxes: Sequence[Rect]) -> list[int]:
    return sorted(ids, key=lambda i: (round(boxes[i][1] / 3), boxes[i][0]))
