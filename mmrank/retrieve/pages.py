"""Pages from passages: every signal for every page of the pool, weighed together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmrank.rerankers.protocol import Ranking
from mmrank.retrieve.evidence import Evidence, page_evidence
from mmrank.retrieve.signals import PLAIN_SIGNALS, TEXT_SIGNALS, Question
from mmrank.retrieve.view import Pool

PAGE_WEIGHT = 0.4
"""What a standard deviation of the page's score counts beside the score of a spot on it."""
WEIGHTS: dict[str, float] = {
    "lexical": 0.6,
    "dense": 0.5,
    "heading": 0.2,
    "pairs": 0.35,
    "quoted": 2.0,
    "handle": 3.0,
    "page_number": 5.0,
    "place": 5.0,
    "front": 2.5,
    "kind": 1.5,
    "statement": 8.0,
}
"""What each signal counts. Round numbers: fitted weights, out of fold, are no better (docs/results.md)."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What a reranker wrote about a page, and the ids of the elements that it was shown."""

    text: str
    grounds: frozenset[str]


@dataclass(frozen=True, slots=True)
class PageRanking:
    """Every page of a pool, scored.

    Attributes:
        question: what was asked.
        pool: the pages.
        scores: (pages,), higher is better; comparable within this ranking only.
        signals: what each signal said, (pages,) each, before weighing.
        stage: what gave the scores.
        reasons: what a reranker wrote about a page, by its position in the pool.
        judged: the reranker's own answer, with what it cost; None without a reranker.
    """

    question: Question
    pool: Pool
    scores: NDArray[np.float64]
    signals: Mapping[str, NDArray[np.float64]]
    stage: str = "retrieve"
    reasons: Mapping[int, Reason] = field(default_factory=dict)
    judged: Ranking | None = None

    def order(self) -> NDArray[np.int64]:
        """Pages of the pool, best first; ties in reading order."""
        return np.argsort(-self.scores, kind="stable")

    def evidence(self, limit: int, pages: int = 10) -> list[Evidence]:
        """The spots of the best pages, best first: a spot counts by its page and by itself.

        Args:
            limit: how many spots.
            pages: how many pages are looked into.
        """
        page_scores = standardise(self.scores)
        spots = [
            Evidence(found.element, PAGE_WEIGHT * float(page_scores[at]) + found.score)
            for at in map(int, self.order()[:pages])
            for found in page_evidence(self.question, self.pool, at)
        ]
        return sorted(spots, key=lambda spot: -spot.score)[:limit]


def measure(question: Question, pool: Pool) -> dict[str, NDArray[np.float64]]:
    """All signals, (pages,) each; text signals as z-scores within the pool."""
    signals = {name: standardise(signal(question, pool)) for name, signal in TEXT_SIGNALS.items()}
    signals.update((name, signal(question, pool)) for name, signal in PLAIN_SIGNALS.items())
    return signals


def standardise(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Z-scores; zeros where all are equal.

    >>> standardise(np.array([1.0, 3.0])).tolist()
    [-1.0, 1.0]
    """
    if len(scores) == 0:
        return scores
    deviation = float(scores.std())
    return (scores - scores.mean()) / deviation if deviation > 1e-12 else np.zeros_like(scores)


def rank_pages(question: Question, pool: Pool, weights: Mapping[str, float] | None = None) -> PageRanking:
    """Score every page of the pool."""
    signals = measure(question, pool)
    chosen = WEIGHTS if weights is None else weights
    scores = np.zeros(len(pool))
    for name, weight in chosen.items():
        scores += weight * signals[name]
    return PageRanking(question, pool, scores, signals)
