"""The first pages of a ranking, reranked by their passages, as text or as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from mmrank.errors import InputError
from mmrank.rerankers.protocol import Reranker
from mmrank.retrieve.page_view import page_view
from mmrank.retrieve.pages import PageRanking, WrittenReason
from mmrank.retrieve.pool import Pool
from mmrank.types import Candidate, Part, PartKind
from mmrank.zscores import zscores

Unit = Literal["passage", "page", "picture"]
"""What a reranker is shown of a page: its best passages one by one, a view of the page as text, or its picture."""


def rerank_pages(
    ranking: PageRanking,
    reranker: Reranker,
    *,
    depth: int = 10,
    unit: Unit = "passage",
    passages: int = 2,
) -> PageRanking:
    """Rank the first pages again; a page counts by its best candidate, the other pages follow in their old order.

    Args:
        ranking: the first stage's.
        reranker: judges the candidates.
        depth: how many pages it sees.
        unit: what it sees of a page. Pages without text have no passages; they follow the pages that were judged.
        passages: how many per page, the best-fitting first.

    Raises:
        InputError: for numbers below 1, or where the reranker cannot read the candidates.
    """
    if depth < 1 or passages < 1:
        raise InputError(f"a reranker sees at least 1 page and 1 passage of it, got {depth} and {passages}")
    head = list(map(int, ranking.order()[:depth]))
    if unit == "passage":
        shown = _passages(ranking, head, passages)
    else:
        shown = _pictures(ranking, head) if unit == "picture" else page_views(ranking, head)
    owner = {candidate.id: at for at, candidate in shown}
    judged = reranker.rerank(ranking.question.query, [candidate for _, candidate in shown])
    best: dict[int, float] = {}
    reasons: dict[int, WrittenReason] = {}
    lowest = np.inf
    for item in judged.items:
        at = owner[item.candidate.id]
        if at not in best:
            # Equal scores keep the order of the reranker, which sorting pages in reading order would lose.
            best[at] = lowest = min(item.score, float(np.nextafter(lowest, -np.inf)))
            if item.reasoning:
                grounds = frozenset(identifier for part in item.candidate.parts for identifier in part.element_ids)
                reasons[at] = WrittenReason(item.reasoning, grounds)
    scores = np.array(ranking.scores, dtype=np.float64)
    rest = [at for at in map(int, ranking.order()) if at not in best]
    if rest and best:
        # The others keep their distances from each other and start below the last one that was judged.
        scores[rest] += min(best.values()) - scores[rest].max() - 1.0
    for at, score in best.items():
        scores[at] = score
    signals = dict(ranking.signals)
    signals["first stage"] = ranking.scores
    return replace(ranking, scores=scores, signals=signals, stage=judged.stage, reasons=reasons, judged=judged)


def _passages(ranking: PageRanking, head: list[int], count: int) -> list[tuple[int, Candidate]]:
    fits = passage_scores(ranking)
    found = []
    for at in head:
        placed = np.flatnonzero(ranking.pool.passage_page == at)
        for position in placed[np.argsort(-fits[placed], kind="stable")][:count]:
            candidate = _candidate(ranking, at, int(position))
            if candidate.text.strip():
                found.append((at, candidate))
    return found


def passage_scores(ranking: PageRanking) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How well each passage of the pool fits the question: words and vectors, z-scores added. (passages,)"""
    pool, question = ranking.pool, ranking.question
    words = pool.passage_words.scores(question.words)
    return zscores(words) + zscores(pool.similarities(question.vector))


def page_views(ranking: PageRanking, places: Sequence[int]) -> list[tuple[int, Candidate]]:
    """Pages as text (`page_view`), one candidate each, by their positions in the pool."""
    fits, pool = passage_scores(ranking), ranking.pool
    found = []
    for at in places:
        features, page = pool.documents[int(pool.owner[at])], int(pool.number[at])
        document = features.document
        fitting = [float(fit) for fit in fits[pool.passage_page == at]]
        parts = page_view(document, page, features.passages_on(page), fitting)
        score, signals = float(ranking.scores[at]), _signals(ranking, at)
        found.append((at, Candidate(f"{document.id}#{page}", parts, score, document.id, page, (), signals)))
    return found


def _candidate(ranking: PageRanking, at: int, position: int) -> Candidate:
    pool = ranking.pool
    owner = int(pool.owner[at])
    passage = pool.documents[owner].document.passages[position - int(pool.first_passage[owner])]
    return Candidate(
        passage.id,
        passage.parts,
        float(ranking.scores[at]),
        passage.document_id,
        passage.page,
        passage.heading_path,
        _signals(ranking, at),
    )


def _pictures(ranking: PageRanking, head: list[int]) -> list[tuple[int, Candidate]]:
    return [(at, page_candidate(ranking.pool, at, float(ranking.scores[at]), _signals(ranking, at))) for at in head]


def page_candidate(pool: Pool, at: int, score: float, scores: dict[str, float]) -> Candidate:
    """A page as a picture; its text is there for models that read only text."""
    document, page = pool.documents[int(pool.owner[at])].document, int(pool.number[at])
    elements = document.pages[page].elements
    text = "\n".join(element.text for element in elements if element.text)
    part = Part(PartKind.IMAGE, text, tuple(element.id for element in elements), document.page_image(page))
    return Candidate(f"{document.id}#{page}", (part,), score, document.id, page, (), scores)


def _signals(ranking: PageRanking, at: int) -> dict[str, float]:
    return {name: float(values[at]) for name, values in ranking.signals.items()}
