"""Rerankers made of other rerankers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmrank.errors import InputError
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.protocol import RankedCandidate, Ranking, Reranker, habits_of
from mmrank.types import Candidate, Query
from mmrank.zscores import zscores


class Cascade:
    """A cheap reranker orders all candidates, an expensive one the first `keep`; the rest keep the cheap order.

    Args:
        cheap: sees every candidate.
        expensive: sees the first `keep` of the cheap order.
        keep: how many.
        name: shown as the stage of a hit; by default made of the two names.
    """

    def __init__(self, cheap: Reranker, expensive: Reranker, *, keep: int = 8, name: str = "") -> None:
        if keep < 1:
            raise InputError(f"a cascade keeps at least 1 candidate, got {keep}")
        self._cheap = cheap
        self._expensive = expensive
        self._keep = keep
        self._name = name or f"{cheap.name}>{expensive.name}"

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates. Scores of the head are the expensive reranker's, the others lie below them."""
        ledger = Ledger()
        first = self._cheap.rerank(query, candidates)
        ledger.include(first)
        head = [item.candidate for item in first.items[: self._keep]]
        second = self._expensive.rerank(query, head)
        ledger.include(second)
        floor = min((item.score for item in second.items), default=0.0)
        tail = [
            RankedCandidate(item.candidate, floor - rank, item.reasoning)
            for rank, item in enumerate(first.items[self._keep :], 1)
        ]
        return ledger.ranking((*second.items, *tail), self._name)


class DualStage(Cascade):
    """Pointwise scores for all, then a listwise pass over the head (DeAR: ranks 0 to 30 in windows of 20)."""

    def __init__(self, pointwise: Reranker, listwise: Reranker, *, head: int = 30, name: str = "dual-stage") -> None:
        super().__init__(pointwise, listwise, keep=head, name=name)


class Fused:
    """A reranker's scores and the first stage's, each standardised over the candidates, in a weighted sum.

    Args:
        reranker: whose ranking is fused.
        first_stage: a name in `Candidate.scores`, or "score" for `Candidate.score`.
        weight: of the reranker, 0 to 1; the first stage gets the rest.
        name: shown as the stage of a hit; by default the reranker's.
    """

    def __init__(self, reranker: Reranker, first_stage: str = "score", weight: float = 0.5, *, name: str = "") -> None:
        if not 0 <= weight <= 1:
            raise InputError(f"the weight of a fused reranker lies between 0 and 1, got {weight}")
        self._reranker = reranker
        self._first_stage = first_stage
        self._weight = weight
        self._name = name or reranker.name
        self.habits = habits_of(reranker)

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates; equal sums keep the reranker's order.

        Raises:
            InputError: when a candidate lacks the first stage's score.
        """
        ledger = Ledger()
        ranking = self._reranker.rerank(query, candidates)
        ledger.include(ranking)
        theirs = np.array([item.score for item in ranking.items], dtype=np.float64)
        first = np.array([self._first(item.candidate) for item in ranking.items], dtype=np.float64)
        sums = self._weight * zscores(theirs) + (1 - self._weight) * zscores(first)
        reasons = {i: item.reasoning for i, item in enumerate(ranking.items) if item.reasoning is not None}
        return ledger.ranking(ranked([item.candidate for item in ranking.items], sums, reasons), self._name)

    def _first(self, candidate: Candidate) -> float:
        if self._first_stage == "score":
            return candidate.score
        if self._first_stage not in candidate.scores:
            raise InputError(
                f"candidate {candidate.id!r} has no score named {self._first_stage!r}; it has:"
                f" {', '.join(candidate.scores) or 'none'}"
            )
        return candidate.scores[self._first_stage]
