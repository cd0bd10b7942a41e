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
