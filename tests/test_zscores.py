"""Z-scores, by value."""

import numpy as np
import pytest

from mmrank.zscores import grouped_zscores, zscores


def test_z_scores_have_mean_zero_and_deviation_one() -> None:
    scores = zscores(np.array([1.0, 2.0, 6.0]))
    assert scores.mean() == pytest.approx(0)
    assert scores.std() == pytest.approx(1)


@pytest.mark.parametrize("equal", [[], [0.3], [0.3, 0.3], [1e9 + 0.1] * 3])
def test_equal_scores_are_zeros(equal: list[float]) -> None:
    assert zscores(np.array(equal)).tolist() == [0.0] * len(equal)


def test_single_precision_stays_single_precision() -> None:
    assert zscores(np.array([1, 2], np.float32)).dtype == np.float32


def test_a_large_group_is_compared_with_itself() -> None:
    own, others = np.arange(400.0), np.full(50, 300.0)
    found = grouped_zscores(np.concatenate([own, others]), np.repeat([0, 1], [400, 50]))
    assert found[:400] == pytest.approx(zscores(own), abs=0.02)


def test_a_group_of_one_is_compared_with_all() -> None:
    found = grouped_zscores(np.array([5.0, 1.0, 2.0, 1.0, 2.0]), np.array([0, 1, 1, 1, 1]))
    assert found[0] > 1 > found[1:].max()


def test_groups_whose_scores_all_equal_are_zeros() -> None:
    assert grouped_zscores(np.full(4, 0.3), np.array([0, 0, 1, 1])).tolist() == [0.0] * 4
