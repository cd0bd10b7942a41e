"""Z-scores, by value."""

import numpy as np
import pytest

from mmrank.zscores import zscores


def test_z_scores_have_mean_zero_and_deviation_one() -> None:
    scores = zscores(np.array([1.0, 2.0, 6.0]))
    assert scores.mean() == pytest.approx(0)
    assert scores.std() == pytest.approx(1)


@pytest.mark.parametrize("equal", [[], [0.3], [0.3, 0.3], [1e9 + 0.1] * 3])
def test_equal_scores_are_zeros(equal: list[float]) -> None:
    assert zscores(np.array(equal)).tolist() == [0.0] * len(equal)


def test_single_precision_stays_single_precision() -> None:
    assert zscores(np.array([1, 2], np.float32)).dtype == np.float32
