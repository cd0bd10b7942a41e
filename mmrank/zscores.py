"""Z-scores: what makes scores of different kinds comparable before they are added."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", bound="np.floating[Any]")

_SMALLEST_DEVIATION = 1e-12
"""Relative to the mean. A smaller deviation is rounding noise: the scores are equal."""


def zscores(scores: NDArray[Float]) -> NDArray[Float]:
    """Scores less their mean, divided by their population standard deviation; zeros where all are equal. (n,) to (n,).

    >>> zscores(np.array([1.0, 3.0])).tolist(), zscores(np.array([2.0, 2.0])).tolist()
    ([-1.0, 1.0], [0.0, 0.0])
    """
    if len(scores) == 0:
        return scores
    mean, deviation = scores.mean(), scores.std()
    if deviation <= _SMALLEST_DEVIATION * max(1.0, abs(mean)):
        return np.zeros_like(scores)
    return (scores - mean) / deviation


def grouped_zscores(scores: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Z-scores within groups, so that what stands out in a small or a plain group counts as much. (n,) to (n,).

    Mean and variance of a group are those of its own scores and, as if they were one score more, of all scores: a group
    of one is compared with all, and a large one with itself.

    Args:
        scores: of all groups.
        groups: (n,), the group of each score, counted from 0.

    >>> grouped_zscores(np.array([0.0, 2.0, 4.0]), np.array([0, 0, 0])).round(2).tolist()
    [-1.22, 0.0, 1.22]
    >>> grouped_zscores(np.array([1.0, 9.0]), np.array([0, 1])).round(2).tolist()
    [-0.71, 0.71]
    """
    if len(scores) == 0 or groups.max() == 0:
        return zscores(scores)
    sizes = np.maximum(np.bincount(groups), 1)
    means = np.bincount(groups, scores) / sizes
    spreads = np.bincount(groups, (scores - means[groups]) ** 2) / sizes
    own = sizes / (sizes + 1)
    means = own * means + (1 - own) * scores.mean()
    deviations = np.sqrt(own * spreads + (1 - own) * scores.var())
    equal = deviations <= _SMALLEST_DEVIATION * np.maximum(1.0, np.abs(means))
    return np.where(equal[groups], 0.0, (scores - means[groups]) / np.where(equal, 1.0, deviations)[groups])
