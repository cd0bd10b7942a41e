import math

import ir_measures
import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Region
from mmrank.evaluate.metrics import (
    best_recall,
    covered_recall,
    layout_recall,
    ndcg,
    order,
    page_shares,
    recall,
    reciprocal_rank,
    union_area,
)
from mmrank.types import BBox


def test_order_puts_higher_scores_first_and_keeps_ties_in_page_order():
    assert order([0.0, 2.0, 2.0, -1.0, 3.0]) == [4, 1, 2, 0, 3]


def test_order_refuses_a_score_that_is_not_a_number():
    with pytest.raises(InputError, match="score 1"):
        order([0.5, math.nan])


@pytest.mark.parametrize(("k", "expected"), [(1, 0.0), (2, 1 / 3), (4, 2 / 3), (9, 2 / 3)])
def test_recall_counts_the_share_of_gold_found(k: int, expected: float):
    assert recall([7, 2, 5, 9], {2, 9, 11}, k) == pytest.approx(expected)


def test_best_recall_is_bounded_by_k_and_by_gold_past_the_end():
    assert best_recall(10, {0, 1, 2, 3}, 3) == 0.75
    assert best_recall(2, {0, 5}, 5) == 0.5


def test_reciprocal_rank_is_that_of_the_first_gold_page():
    assert reciprocal_rank([7, 2, 5, 9], {9, 5}) == pytest.approx(1 / 3)
    assert reciprocal_rank([7, 2], {1}) == 0.0


def test_ndcg_matches_a_case_worked_by_hand():
    # Gold at ranks 2 and 4 of three: 1/log2(3) + 1/log2(5), over 1 + 1/log2(3) + 1/log2(4).
    gained = 0.6309297535714574 + 0.43067655807339306
    assert ndcg([7, 2, 5, 9], {2, 9, 11}, 5) == pytest.approx(gained / (1 + 0.6309297535714574 + 0.5))
    assert ndcg([7, 2, 5, 9], {2, 9, 11}, 2) == pytest.approx(0.6309297535714574 / 1.6309297535714574)


def test_a_perfect_ranking_has_ndcg_1():
    assert ndcg([3, 1, 0, 2], {1, 3}, 3) == pytest.approx(1.0)


def test_page_measures_agree_with_ir_measures_on_random_rankings():
    rng = np.random.default_rng(5)
    for _ in range(50):
        pages = int(rng.integers(3, 40))
        scores = rng.permutation(pages).astype(float)
        gold = set(map(int, rng.choice(pages, size=int(rng.integers(1, min(5, pages))), replace=False)))
        theirs = ir_measures.calc_aggregate(
            [ir_measures.parse_measure(name) for name in ("R@1", "R@5", "RR", "nDCG@5", "nDCG@10")],
            {"q": {str(page): 1 for page in gold}},
            {"q": {str(page): float(score) for page, score in enumerate(scores)}},
        )
        ranked = order(list(scores))
        ours = {
            "R@1": recall(ranked, gold, 1),
            "R@5": recall(ranked, gold, 5),
            "RR": reciprocal_rank(ranked, gold),
            "nDCG@5": ndcg(ranked, gold, 5),
            "nDCG@10": ndcg(ranked, gold, 10),
        }
        assert ours == pytest.approx({str(name): value for name, value in theirs.items()})


def spot(page: int, *edges: float) -> Region:
    return Region(page, BBox(*edges))


def test_layout_recall_is_the_intersection_over_the_gold_area():
    gold = [spot(0, 0, 0, 10, 10), spot(1, 0, 0, 10, 20)]  # 300 in all
    found = [spot(0, 5, 5, 20, 20), spot(1, 0, 10, 10, 30), spot(2, 0, 0, 50, 50)]  # 25, 100 and nothing
    assert layout_recall(found, gold, 1) == pytest.approx(25 / 300)
    assert layout_recall(found, gold, 3) == pytest.approx(125 / 300)


def test_a_box_on_another_page_finds_nothing():
    assert layout_recall([spot(1, 0, 0, 10, 10)], [spot(0, 0, 0, 10, 10)], 5) == 0.0


def test_layout_recall_rewards_a_page_sized_box_and_the_page_share_shows_it():
    gold, whole = [spot(0, 40, 40, 60, 60)], [spot(0, 0, 0, 100, 100)]
    assert layout_recall(whole, gold, 1) == covered_recall(whole, gold, 1) == 1.0
    assert page_shares(whole, [(100, 100)], 1) == 1.0


def test_overlapping_boxes_lift_layout_recall_but_not_covered_recall():
    gold = [spot(0, 0, 0, 10, 10)]
    found = [spot(0, 0, 0, 10, 8), spot(0, 0, 2, 10, 10), spot(0, 0, 0, 10, 10)]
    assert layout_recall(found, gold, 3) == pytest.approx(2.6)
    assert covered_recall(found, gold, 2) == pytest.approx(1.0)
    assert covered_recall(found[:1] * 3, gold, 3) == pytest.approx(0.8)


def test_covered_recall_counts_overlapping_gold_once():
    gold = [spot(0, 0, 0, 10, 10), spot(0, 0, 5, 10, 15)]  # together 150
    assert covered_recall([spot(0, 0, 5, 10, 10)], gold, 1) == pytest.approx(50 / 150)


def test_union_area_agrees_with_counting_squares():
    rng = np.random.default_rng(3)
    for _ in range(30):
        grid = np.zeros((20, 20), dtype=bool)
        boxes = []
        for _ in range(int(rng.integers(0, 7))):
            x0, x1 = sorted(map(int, rng.integers(0, 21, 2)))
            y0, y1 = sorted(map(int, rng.integers(0, 21, 2)))
            boxes.append(BBox(x0, y0, x1, y1))
            grid[y0:y1, x0:x1] = True
        assert union_area(boxes) == grid.sum()


def test_page_shares_is_the_mean_over_the_first_k_boxes():
    found = [spot(0, 0, 0, 10, 10), spot(1, 0, 0, 20, 10), spot(0, 0, 0, 1, 1)]
    assert page_shares(found, [(10, 20), (40, 20)], 2) == pytest.approx((0.5 + 0.25) / 2)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_1_is_refused(k: int):
    for measure in (
        lambda: recall([1], {1}, k),
        lambda: ndcg([1], {1}, k),
        lambda: layout_recall([], [spot(0, 0, 0, 1, 1)], k),
        lambda: page_shares([], [], k),
    ):
        with pytest.raises(InputError, match="k must be"):
            measure()


def test_measures_without_gold_are_refused():
    with pytest.raises(InputError, match="no gold"):
        recall([1, 2], set(), 1)
    with pytest.raises(InputError, match="no area"):
        layout_recall([], [spot(0, 1, 1, 1, 5)], 1)
