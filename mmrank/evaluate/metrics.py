"""Measures of a ranking. They know the order, the gold, and nothing else.

Pages are 0-based indices; a ranking lists them best first, each once. Page measures are binary: a page is gold or
it is not. Checked in the tests against ir-measures and against cases worked by hand.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Region
from mmrank.types import BBox


def order(scores: Sequence[float]) -> list[int]:
    """Positions by falling score; equal scores keep their order, so the earlier page comes first.

    Raises:
        InputError: for a score that is not a number.

    >>> order([0.1, 0.7, 0.7, 0.3])
    [1, 2, 3, 0]
    """
    if any(math.isnan(score) for score in scores):
        raise InputError(f"score {[math.isnan(score) for score in scores].index(True)} is not a number")
    return sorted(range(len(scores)), key=lambda position: (-scores[position], position))


def recall(ranked: Sequence[int], gold: Collection[int], k: int) -> float:
    """Share of the gold among the first k.

    >>> recall([4, 2, 9], {2, 7}, 3)
    0.5
    """
    _check(gold, k)
    return len(set(ranked[:k]) & set(gold)) / len(set(gold))


def best_recall(candidates: int, gold: Collection[int], k: int) -> float:
    """The recall@k of a perfect ranking of this many candidates: what no system can exceed.

    >>> best_recall(10, {1, 2, 3, 4}, 1)
    0.25
    """
    _check(gold, k)
    return min(k, sum(0 <= item < candidates for item in set(gold))) / len(set(gold))


def reciprocal_rank(ranked: Sequence[int], gold: Collection[int]) -> float:
    """1 over the rank of the first gold item; 0 where there is none. Its mean is MRR.

    >>> reciprocal_rank([4, 2, 9], {2, 9})
    0.5
    """
    _check(gold, 1)
    return next((1 / rank for rank, item in enumerate(ranked, start=1) if item in gold), 0.0)


def ndcg(ranked: Sequence[int], gold: Collection[int], k: int) -> float:
    """Normalised discounted cumulative gain of the first k, gain 1 for gold and discount log2(rank + 1).

    >>> round(ndcg([4, 2], {2}, 2), 4)
    0.6309
    """
    _check(gold, k)
    gained = sum(1 / math.log2(rank + 1) for rank, item in enumerate(ranked[:k], start=1) if item in gold)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(set(gold))) + 1))


def layout_recall(found: Sequence[Region], gold: Sequence[Region], k: int) -> float:
    """Layout recall@k as MMDocIR defines it: the summed intersections with the gold boxes, over their summed area.

    It is generous in two ways, so never read it alone: a box as large as the page scores 1, and boxes that overlap
    each other count the same spot several times (the value may exceed 1). Every report gives
    `covered_recall` and `page_shares` too.

    >>> half = Region(0, BBox(0, 0, 10, 5))
    >>> layout_recall([half, half], [Region(0, BBox(0, 0, 10, 10))], 2)
    1.0
    """
    _check(gold, k)
    shared = sum(spot.box.overlap(right.box) for spot in found[:k] for right in gold if spot.page == right.page)
    return shared / _gold_area(right.box.area for right in gold)


def covered_recall(found: Sequence[Region], gold: Sequence[Region], k: int) -> float:
    """Share of the gold area that the first k boxes cover, every spot counted once: at most 1.

    >>> half = Region(0, BBox(0, 0, 10, 5))
    >>> covered_recall([half, half], [Region(0, BBox(0, 0, 10, 10))], 2)
    0.5
    """
    _check(gold, k)
    covered = total = 0.0
    for page in {right.page for right in gold}:
        wanted = [right.box for right in gold if right.page == page]
        boxes = [spot.box for spot in found[:k] if spot.page == page]
        shared = [common for box in boxes for right in wanted if (common := box.intersection(right)) is not None]
        covered += union_area(shared)
        total += union_area(wanted)
    return covered / _gold_area([total])


def page_shares(found: Sequence[Region], page_sizes: Sequence[tuple[float, float]], k: int) -> float:
    """Mean area of the first k boxes, as a share of the page each stands on; 0 where there are none.

    >>> page_shares([Region(0, BBox(0, 0, 10, 5))], [(10, 10)], 1)
    0.5
    """
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    shares = [
        spot.box.area / (page_sizes[spot.page][0] * page_sizes[spot.page][1])
        for spot in found[:k]
        if spot.page < len(page_sizes)
    ]
    return sum(shares) / len(shares) if shares else 0.0


def union_area(boxes: Sequence[BBox]) -> float:
    """Area that boxes of one page cover together, in square points.

    >>> union_area([BBox(0, 0, 2, 2), BBox(1, 1, 3, 3)])
    7.0
    """
    xs = sorted({edge for box in boxes for edge in (box.x0, box.x1)})
    area = 0.0
    for left, right in pairwise(xs):
        end = -math.inf
        for box in sorted((b for b in boxes if b.x0 <= left and right <= b.x1), key=lambda b: b.y0):
            if box.y1 > end:
                area += (right - left) * (box.y1 - max(box.y0, end))
                end = box.y1
    return area


def _gold_area(areas: Iterable[float]) -> float:
    total = float(sum(areas))
    if not total > 0:
        raise InputError("the gold boxes have no area, so layout recall is not defined")
    return total


def _check(gold: Collection[object], k: int) -> None:
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if not gold:
        raise InputError("no gold was given, so recall is not defined")
