"""Where a page is ranked: every signal for every page of the pool, multiplied by its weight and added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmrank.retrieve.bridging import bridged
from mmrank.retrieve.documents import RankedDocument
from mmrank.retrieve.evidence import Evidence, page_evidence
from mmrank.retrieve.pool import Pool
from mmrank.retrieve.question import Question
from mmrank.retrieve.signals import TEXT_SIGNALS
from mmrank.retrieve.structure import STRUCTURAL_SIGNALS
from mmrank.zscores import grouped_zscores, zscores

if TYPE_CHECKING:
    from mmrank.rerankers.protocol import Ranking

PAGE_WEIGHT = 0.4
"""Weight of a page's z-score beside the score of an element on it, where elements of several pages are compared."""
WEIGHTS: dict[str, float] = {
    "lexical": 0.6,
    "dense": 0.5,
    "heading": 0.2,
    "pairs": 0.35,
    "quoted": 4.0,
    "handle": 3.0,
    "page_number": 5.0,
    "place": 5.0,
    "front": 2.5,
    "kind": 1.5,
    "statement": 8.0,
}
"""Weight of each signal. Round numbers: fitted weights, out of fold, are no better (docs/results.md)."""


DOCUMENT_WEIGHT = 2.0
"""Weight of a document's score beside the scores of its pages, in a search over several documents."""


@dataclass(frozen=True, slots=True)
class WrittenReason:
    """What a reranker wrote about a page, and the ids of the elements that it read."""

    text: str
    grounds: frozenset[str]


@dataclass(frozen=True, slots=True)
class PageRanking:
    """Every page of a pool, scored.

    Attributes:
        question: the question.
        pool: the pages.
        scores: (pages,), higher is better; comparable within this ranking only.
        signals: value of each signal, (pages,) each, before weights.
        stage: name of what gave the scores: "retrieve", or the reranker.
        reasons: what a reranker wrote about a page, by the page's position in the pool.
        judged: the reranker's own ranking, with what it cost; None without a reranker.
        documents: what was found of each document, by id; empty where the document was given.
    """

    question: Question
    pool: Pool
    scores: NDArray[np.float64]
    signals: Mapping[str, NDArray[np.float64]]
    stage: str = "retrieve"
    reasons: Mapping[int, WrittenReason] = field(default_factory=dict)
    judged: Ranking | None = None
    documents: Mapping[str, RankedDocument] = field(default_factory=dict)

    def order(self) -> NDArray[np.int64]:
        """Pages of the pool, best first; ties in reading order."""
        return np.argsort(-self.scores, kind="stable")

    def evidence(self, limit: int, pages: int = 10) -> list[Evidence]:
        """Elements of the best pages, best first, by the page's score and their own.

        Args:
            limit: how many elements.
            pages: how many pages are looked into.
        """
        page_scores = zscores(self.scores)
        found_elements = [
            Evidence(found.element, PAGE_WEIGHT * float(page_scores[at]) + found.score)
            for at in map(int, self.order()[:pages])
            for found in page_evidence(self.question, self.pool, at)
        ]
        return sorted(found_elements, key=lambda evidence: -evidence.score)[:limit]


def measure_signals(question: Question, pool: Pool) -> dict[str, NDArray[np.float64]]:
    """All signals, (pages,) each; text signals as z-scores within each document.

    So a weight means the same over a collection as where the document is given: which document is meant is for the
    documents' own scores to say, and a heading that few of a thousand pages have counts no more than among fifty.
    """
    signals = {name: grouped_zscores(signal(question, pool), pool.owner) for name, signal in TEXT_SIGNALS.items()}
    signals.update((name, signal(question, pool)) for name, signal in STRUCTURAL_SIGNALS.items())
    return signals


def rank_pages(
    question: Question,
    pool: Pool,
    weights: Mapping[str, float] | None = None,
    documents: Mapping[str, RankedDocument] | None = None,
) -> PageRanking:
    """Score every page of the pool.

    Args:
        question: the question.
        pool: the pages.
        weights: of the signals that are used, by name; `WEIGHTS` by default.
        documents: what was found of the pool's documents, by id. A page gets the distance of its document's score from
            the best one as the signal "document".
    """
    question = replace(question, words=bridged(question.words, pool.page_words, question.language))
    signals = measure_signals(question, pool)
    chosen = WEIGHTS if weights is None else weights
    scores = np.zeros(len(pool))
    for name, weight in chosen.items():
        scores += weight * signals[name]
    if documents is not None and len(pool):
        owners = np.array([documents[features.document.id].score for features in pool.documents])
        signals["document"] = (owners - owners.max())[pool.owner]
        scores += DOCUMENT_WEIGHT * signals["document"]
    return PageRanking(question, pool, scores, signals, documents=documents or {})
