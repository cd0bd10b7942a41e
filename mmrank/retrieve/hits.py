"""From a ranking of pages to hits: boxes, the words around them, and reasons."""

from __future__ import annotations

from collections import Counter

from mmrank.hits import Hits
from mmrank.retrieve.evidence import page_evidence, snippet
from mmrank.retrieve.pages import PageRanking
from mmrank.retrieve.reasons import reason
from mmrank.types import Hit

EVIDENCE_BOXES = 3
CLEAR = 0.6
"""A box beside the best one is shown from this share of its score."""


def page_hits(ranking: PageRanking, k: int) -> Hits:
    """The first k pages of a ranking, best first."""
    return Hits(page_hit(ranking, int(at)) for at in ranking.order()[:k])


def page_hit(ranking: PageRanking, at: int) -> Hit:
    """One page of a ranking as a hit.

    Args:
        ranking: of a pool.
        at: which page of the pool.
    """
    pool, question = ranking.pool, ranking.question
    features = pool.documents[int(pool.owner[at])]
    page = int(pool.number[at])
    evidence = page_evidence(question, pool, at)
    written = ranking.reasons.get(at)
    if written is not None:
        # What a model wrote about a passage is shown with that passage's boxes.
        evidence = [item for item in evidence if item.element.id in written.grounds] or evidence
    shown = [item for item in evidence[:EVIDENCE_BOXES] if item.score >= CLEAR * evidence[0].score]
    return Hit(
        document=features.document.name,
        document_id=features.document.id,
        page=page,
        boxes=tuple(item.element.box for item in shown),
        score=float(ranking.scores[at]),
        stage=ranking.stage,
        snippet=snippet(question, evidence),
        element_ids=tuple(item.element.id for item in shown),
        label=features.document.pages[page].label,
        heading_path=features.heading_path(shown[0].element.id) if shown else (),
        reasoning=written.text if written is not None else reason(ranking, at, evidence),
        scores={name: float(values[at]) for name, values in ranking.signals.items()},
        answers=dict(Counter(map(str, ranking.judged.statuses))) if ranking.judged is not None else {},
        picture=features.document.page_image(page),
    )
