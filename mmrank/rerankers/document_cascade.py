"""The cascade within documents (IDCM): a cheap selector chooses windows, and an expensive reranker scores
those alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError
from mmrank.llm.protocol import ModelInfo
from mmrank.rerankers.chunking import window_spans
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.presentation import show
from mmrank.rerankers.protocol import Ranking, Reranker
from mmrank.rerankers.selector import Selector
from mmrank.types import Candidate, Part, PartKind, Query

UNDECIDED = 4
"""Candidates near the border that get further windows."""
_TEXT_ONLY = ModelInfo("the cascade within documents", "none", 0)


def combine(scores: Sequence[float], weights: Sequence[float], *, missing: float = 0.0) -> float:
    """A document's score: its window scores, best first, in a weighted sum over the first len(weights).

    Args:
        scores: of the windows that were scored, in any order.
        weights: of the best scores, best first.
        missing: stands for windows a short document does not have. The official 0 lets short documents win wherever
            scores are negative; the least score does not.

    >>> combine([0.5, 2.0], [1.0, 0.5, 0.25], missing=-1.0)
    2.0
    """
    best = sorted(scores, reverse=True)[: len(weights)]
    filled = best + [missing] * (len(weights) - len(best))
    return float(np.dot(filled, weights))


class DocumentCascade:
    """Ranks long candidates (documents, pages) by their few most promising windows.

    Windows are cut as in the paper, but by words instead of the word pieces of one model. A candidate's reasoning is
    the text of its best window.

    Args:
        selector: scores all windows, cheaply.
        expensive: scores the chosen ones; any reranker whose scores do not depend on the other candidates.
        keep: windows chosen per candidate; 0 for all (the full model, for comparison).
        top: how many candidates matter. The four whose scores are nearest to the border below the first `top` have
            `more` further windows scored. 0: no second look, as published.
        more: see `top`.
        weights: of the best window scores, best first.
        missing: stands for windows a candidate does not have; None for the least score of any window.
        size: words per window.
        overlap: words of context on both sides.
        mode: "official" counts a missing window as 0.
        name: shown as the stage of a hit.
    """

    def __init__(
        self,
        selector: Selector,
        expensive: Reranker,
        *,
        keep: int = 4,
        top: int = 0,
        more: int = 5,
        weights: Sequence[float] = (1.0, 1.0, 1.0),
        missing: float | None = None,
        size: int = 50,
        overlap: int = 7,
        mode: Literal["official", "fixed"] = "fixed",
        name: str = "document-cascade",
    ) -> None:
        if min(keep, top, more) < 0 or not weights:
            raise InputError("keep, top and more cannot be negative, and there must be at least one weight")
        if size < 1 or overlap < 0:
            raise InputError(f"a window holds at least 1 word and overlaps by at least 0, got {size} and {overlap}")
        self._selector = selector
        self._expensive = expensive
        self._keep = keep
        self._top = top
        self._more = more
        self._weights = tuple(weights)
        self._missing = 0.0 if mode == "official" else missing
        self._size = size
        self._overlap = overlap
        self._name = name

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates.

        Raises:
            InputError: when a candidate holds nothing but pictures.
        """
        ledger = Ledger()
        if not candidates:
            return ledger.ranking((), self._name)
        documents = [self._windows(candidate) for candidate in candidates]
        order = self._order(query, documents)
        found: list[list[tuple[float, str]]] = [[] for _ in candidates]

        def judge(counts: Mapping[int, int]) -> list[float]:
            """Score this many further windows of each document; returns the documents' scores so far."""
            asked = [
                Candidate(f"{at}/{place}", (Part(PartKind.TEXT, documents[at][place], ()),), 0.0)
                for at, count in counts.items()
                for place in order[at][len(found[at]) : len(found[at]) + count]
            ]
            scored = self._expensive.rerank(query, asked)
            ledger.include(scored)
            for item in scored.items:
                found[int(item.candidate.id.partition("/")[0])].append((item.score, item.candidate.text))
            missing = self._missing
            if missing is None:
                missing = min(score for rows in found for score, _ in rows)
            return [combine([score for score, _ in rows], self._weights, missing=missing) for rows in found]

        scores = judge({at: self._keep or len(places) for at, places in enumerate(order)})
        if self._keep and 0 < self._top < len(candidates):
            border = sum(sorted(scores, reverse=True)[self._top - 1 : self._top + 1]) / 2
            near = sorted(range(len(candidates)), key=lambda at: abs(scores[at] - border))[:UNDECIDED]
            scores = judge(dict.fromkeys(near, self._more))
        reasons = {i: max(rows)[1] for i, rows in enumerate(found)}
        return ledger.ranking(ranked(candidates, scores, reasons), self._name)

    def _windows(self, candidate: Candidate) -> list[str]:
        text = "".join(str(piece) for piece in show(candidate, _TEXT_ONLY))
        words = [found.span() for found in re.finditer(r"\S+", text)]
        spans = window_spans(len(words), size=self._size, overlap=self._overlap)
        return [text[words[begin][0] : words[end - 1][1]] for begin, end in spans]

    def _order(self, query: Query, documents: Sequence[Sequence[str]]) -> list[list[int]]:
        """Positions of each document's windows, the most promising first."""
        if not self._keep:
            return [list(range(len(windows))) for windows in documents]
        cheap: list[NDArray[np.float32]] = self._selector.select(query.text, documents)
        return [[int(i) for i in np.argsort(-scores, kind="stable")] for scores in cheap]
