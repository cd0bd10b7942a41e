"""What a reader of the first pages brings: its margins added to retrieval's scores, judged out of fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mmrank.evaluate.bootstrap import Sample

Values = NDArray[np.float64]
SURE = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Confidences from which on a question's pages are not read, for the trade of a cascade."""


@dataclass(frozen=True, slots=True)
class Read:
    """A question whose first pages were read.

    Attributes:
        family: questions of one family succeed and fail together.
        fold: in which the reader had not seen its document.
        answering: how many pages answer, in the ranking or not.
        confidence: retrieval's, that its first page is right.
        scores: (pages,), retrieval's, falling.
        margins: (pages,), how far the reader says yes.
        gold: (pages,), boolean.
    """

    family: str
    fold: int
    answering: int
    confidence: float
    scores: Values
    margins: Values
    gold: NDArray[np.bool_]

    def recall(self, weight: float | None, depth: int, k: int = 1) -> float:
        """Recall at k when the first `depth` pages are ordered by retrieval plus `weight` times the margin.

        A weight of None is the reader alone.
        """
        head = self.margins[:depth] if weight is None else self.scores[:depth] + weight * self.margins[:depth]
        order = [*map(int, np.argsort(-head, kind="stable")), *range(len(head), len(self.scores))]
        found = sum(bool(self.gold[at]) for at in order[:k])
        return found / self.answering

    def near_misses(self, depth: int) -> list[bool]:
        """For each answering page ranked directly below another one: does the reader prefer it?"""
        places = pairwise(range(min(depth, len(self.scores))))
        return [bool(self.margins[b] > self.margins[a]) for a, b in places if self.gold[b] and not self.gold[a]]


def fitted_weight(reads: Sequence[Read], depth: int) -> float:
    """The weight of margins beside retrieval's scores under which the answering pages are most probable.

    Pages of a question compete by softmax over temperature times (score + weight · margin); both are searched on a
    grid. 0 where no question can tell.
    """
    rows = [r for r in reads if r.gold[:depth].any() and not r.gold[:depth].all()]
    if not rows:
        return 0.0
    width = max(len(r.scores[:depth]) for r in rows)
    scores, margins = np.full((len(rows), width), -1e9), np.zeros((len(rows), width))
    gold = np.zeros((len(rows), width), dtype=bool)
    for at, row in enumerate(rows):
        size = len(row.scores[:depth])
        scores[at, :size], margins[at, :size] = row.scores[:depth], row.margins[:depth]
        gold[at, :size] = row.gold[:depth]

    def loss(weight: float, temperature: float) -> float:
        logits = temperature * (scores + weight * margins)
        return float(np.mean(np.logaddexp.reduce(logits, 1) - np.logaddexp.reduce(np.where(gold, logits, -1e9), 1)))

    weights, temperatures = (0.0, *np.geomspace(0.01, 5.0, 28)), np.geomspace(0.25, 8.0, 11)
    return float(min((loss(weight, t), weight) for weight in weights for t in temperatures)[1])


def fold_weights(reads: Sequence[Read], depth: int) -> dict[int, float]:
    """Fold → the weight that was fitted on all other folds."""
    return {f: fitted_weight([r for r in reads if r.fold != f], depth) for f in sorted({r.fold for r in reads})}


def reading_figures(reads: Sequence[Read], depth: int, weights: Mapping[int, float]) -> dict[str, float]:
    """Figures of questions of one kind.

    `retrieval`, `alone` and `fused` are recall@1; `change` is in points with `low` and `high`, its 95 % interval over
    families; `pairs` is the share of near misses that are right, of `near misses`.

    Args:
        reads: the questions.
        depth: pages that are read.
        weights: of each fold, see `fold_weights`.
    """
    sample = Sample([read.family for read in reads], [""] * len(reads))

    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    before = np.array([r.recall(0.0, depth) for r in reads])
    after = np.array([r.recall(weights[r.fold], depth) for r in reads])
    changed = sample.micro(100 * (after - before))
    pairs = [right for read in reads for right in read.near_misses(depth)]
    return {
        "questions": len(reads),
        "retrieval": mean(before.tolist()),
        "alone": mean([r.recall(None, depth) for r in reads]),
        "fused": mean(after.tolist()),
        "change": changed.value,
        "low": changed.low,
        "high": changed.high,
        "won": int((after > before).sum()),
        "lost": int((after < before).sum()),
        "retrieval @3": mean([r.recall(0.0, depth, 3) for r in reads]),
        "fused @3": mean([r.recall(weights[r.fold], depth, 3) for r in reads]),
        "near misses": len(pairs),
        "pairs": mean(pairs) if pairs else 0.0,
        "weight": mean([weights[r.fold] for r in reads]),
    }


def cascade_figures(
    reads: Sequence[Read], depth: int, weights: Mapping[int, float]
) -> Mapping[str, tuple[float, float]]:
    """Of each confidence in `SURE`: which share of the questions is read, and recall@1 when the others are not."""
    found = {}
    for sure in SURE:
        read = [r.confidence < sure for r in reads]
        recalls = [r.recall(weights[r.fold] if is_read else 0.0, depth) for r, is_read in zip(reads, read, strict=True)]
        found[f"{sure:g}"] = float(np.mean(read)), float(np.mean(recalls))
    return found
