"""From scores to an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmrank.rerankers.protocol import RankedCandidate
from mmrank.types import Candidate


def ranked(
    candidates: Sequence[Candidate],
    scores: NDArray[np.floating] | Sequence[float],
    reasons: Mapping[int, str] | None = None,
) -> list[RankedCandidate]:
    """Candidates by falling score; equal ones keep their order.

    NaN stands for a candidate that could not be scored: it comes last, one below the least score.

    Args:
        candidates: in their old order.
        scores: (candidates,).
        reasons: by position in the old order.
    """
    values = np.asarray(scores, dtype=np.float64).copy()
    judged = values[~np.isnan(values)]
    values[np.isnan(values)] = (judged.min() if len(judged) else 0.0) - 1.0
    order = np.argsort(-values, kind="stable")
    return [RankedCandidate(candidates[i], float(values[i]), (reasons or {}).get(int(i))) for i in order]


def in_order(
    candidates: Sequence[Candidate], order: Sequence[int], reasons: Mapping[int, str] | None = None
) -> list[RankedCandidate]:
    """Candidates in a given order of positions; the score is the negative rank from 0."""
    return [RankedCandidate(candidates[i], float(-rank), (reasons or {}).get(i)) for rank, i in enumerate(order)]
