"""One ranking from several: a pure function over scores per candidate.

A *run* maps candidates to scores, higher being better; `Runs` are runs by the name of their origin ("dense",
"lexical", …).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np

from mmrank.zscores import zscores

Key = TypeVar("Key", bound=Hashable)
Run = Mapping[Key, float]
Runs = Mapping[str, Mapping[Key, float]]


def fuse(runs: Runs[Key]) -> dict[Key, float]:
    """Z-scores of every run over its own candidates, added up.

    A candidate that a run does not hold gets that run's lowest z-score: it was not found, so it is no better than the
    last that was. A run whose scores are all equal adds 0.

    >>> fused = fuse({"dense": {"a": 1.0, "b": 0.0}, "lexical": {"b": 5.0, "c": 3.0}})
    >>> sorted(fused.items())
    [('a', 0.0), ('b', 0.0), ('c', -2.0)]
    """
    fused: dict[Key, float] = dict.fromkeys((key for run in runs.values() for key in run), 0.0)
    for run in runs.values():
        scores = standardised(run)
        lowest = min(scores.values(), default=0.0)
        for key in fused:
            fused[key] += scores.get(key, lowest)
    return fused


def standardised(run: Run[Key]) -> dict[Key, float]:
    """Z-scores of a run; zeros where all scores are equal."""
    scores = zscores(np.array(list(run.values()), dtype=np.float64))
    return dict(zip(run, scores.tolist(), strict=True))
