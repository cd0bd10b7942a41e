"""Fusion of rankings, by value."""

from __future__ import annotations

import math

import pytest

from mmrank.errors import InputError
from mmrank.retrieve.fusion import Convex, ReciprocalRank, WeightedZScore, learn_convex, standardised


def test_standardised_scores_have_mean_zero_and_deviation_one():
    scores = standardised({"a": 1.0, "b": 2.0, "c": 6.0})
    assert sum(scores.values()) == pytest.approx(0)
    assert sum(score**2 for score in scores.values()) / 3 == pytest.approx(1)


def test_equal_scores_say_nothing():
    assert standardised({"a": 0.3, "b": 0.3}) == {"a": 0.0, "b": 0.0}
    assert standardised({}) == {}


def test_z_scores_add_up_by_weight():
    runs = {"dense": {"a": 1.0, "b": 0.0}, "lexical": {"a": 0.0, "b": 1.0}}
    assert WeightedZScore()(runs) == {"a": 0.0, "b": 0.0}
    assert WeightedZScore({"dense": 3.0})(runs) == {"a": 2.0, "b": -2.0}


def test_z_scores_do_not_depend_on_the_scale_of_a_run():
    dense, lexical = {"a": 0.9, "b": 0.5, "c": 0.1}, {"a": 1.0, "b": 7.0, "c": 2.0}
    scaled = {key: 100 * score + 5 for key, score in lexical.items()}
    one, other = (WeightedZScore()({"dense": dense, "lexical": run}) for run in (lexical, scaled))
    assert one == pytest.approx(other)


def test_a_candidate_a_run_does_not_hold_counts_as_its_lowest():
    fused = WeightedZScore()({"dense": {"a": 1.0, "b": 0.0}, "lexical": {"b": 5.0, "c": 3.0}})
    assert fused == {"a": 0.0, "b": 0.0, "c": -2.0}


def test_reciprocal_ranks_are_those_of_the_paper():
    fused = ReciprocalRank()({"dense": {"a": 9.0, "b": 8.0}, "lexical": {"b": 1.0, "c": 0.5}})
    assert fused == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62})


def test_equal_scores_share_the_better_rank():
    fused = ReciprocalRank()({"dense": {"a": 1.0, "b": 1.0, "c": 0.0}})
    assert fused == pytest.approx({"a": 1 / 61, "b": 1 / 61, "c": 1 / 63})


def test_convex_scales_from_the_theoretical_minimum():
    fused = Convex({"dense": 0.25, "lexical": 0.75})({"dense": {"a": 1.0, "b": 0.0}, "lexical": {"b": 8.0, "a": 4.0}})
    assert fused == pytest.approx({"a": 0.25 + 0.375, "b": 0.125 + 0.75})


def test_convex_ignores_a_run_that_is_empty_or_without_span():
    assert Convex({"dense": 1.0, "lexical": 1.0})({"dense": {"a": 1.0}, "lexical": {}}) == {"a": 0.5}
    assert Convex({"dense": 1.0})({"dense": {"a": -1.0}}) == {"a": 0.0}


@pytest.mark.parametrize("weights", [{}, {"dense": -1.0}, {"dense": 0.0}])
def test_weights_that_make_no_mean_are_refused(weights):
    with pytest.raises(InputError):
        Convex(weights)


@pytest.mark.parametrize("good", ["dense", "lexical"])
def test_the_learnt_weight_goes_to_the_run_that_is_right(good):
    right, wrong = {"a": 1.0, "b": 0.2, "c": 0.1}, {"a": 0.1, "b": 0.2, "c": 1.0}
    runs = {"dense": right if good == "dense" else wrong, "lexical": right if good == "lexical" else wrong}
    learnt = learn_convex([(runs, {"a"})] * 3)
    assert learnt.weights[good] > 0.5
    assert math.isclose(sum(learnt.weights.values()), 1)
    assert max(learnt(runs), key=learnt(runs).get) == "a"


def test_the_learnt_weight_serves_queries_that_need_different_runs():
    first = {"dense": {"a": 1.0, "b": 0.0}, "lexical": {"a": 3.0, "b": 4.0}}
    second = {"dense": {"a": 0.5, "b": 0.6}, "lexical": {"a": 4.0, "b": 0.5}}
    learnt = learn_convex([(first, {"a"}), (second, {"a"})])
    for runs in (first, second):
        assert max(learnt(runs), key=learnt(runs).get) == "a"


def test_there_is_nothing_to_learn_without_relevant_candidates():
    with pytest.raises(InputError, match="nothing to learn"):
        learn_convex([({"dense": {"a": 1.0}}, set())])
