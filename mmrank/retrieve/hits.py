"""From a ranking of pages to hits: boxes, the words around them, and reasons."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mmrank.hits import Hits
from mmrank.retrieve.confidence import confidences
from mmrank.retrieve.evidence import page_evidence, word_matcher
from mmrank.retrieve.matching import WordMatcher
from mmrank.retrieve.pages import PageRanking
from mmrank.retrieve.reasons import reason
from mmrank.retrieve.snippets import SpotFinder
from mmrank.types import Hit, Page


def page_hits(ranking: PageRanking, k: int) -> Hits:
    """The first k pages of a ranking, best first."""
    matcher = word_matcher(ranking.question, ranking.pool)
    shown = [int(at) for at in ranking.order()[:k]]
    sure = confidences(ranking, matcher, shown)
    return Hits(
        replace(page_hit(ranking, at, matcher), confidence=confidence)
        for at, confidence in zip(shown, sure, strict=True)
    )


def page_hit(ranking: PageRanking, at: int, matcher: WordMatcher | None = None) -> Hit:
    """One page of a ranking as a hit.

    Args:
        ranking: of a pool.
        at: which page of the pool.
        matcher: `word_matcher`, where it is there already.
    """
    pool, question = ranking.pool, ranking.question
    matcher = word_matcher(question, pool) if matcher is None else matcher
    features = pool.documents[int(pool.owner[at])]
    document, number = features.document, int(pool.number[at])
    page = document.pages[number]
    evidence = page_evidence(question, pool, at, matcher)
    written = ranking.reasons.get(at)
    if written is not None:
        # What a model wrote about a passage is shown with that passage's boxes.
        read = [item for item in evidence if item.element.id in written.grounds]
        if read:
            evidence = read
            page = replace(page, elements=tuple(one for one in page.elements if one.id in written.grounds))
    finder = SpotFinder(matcher, question.analysis.text)
    beside = number - 1 if number else 1

    def neighbour(text: str) -> Page | None:
        return document.pages[beside] if beside < len(document.pages) and features.may_have(text, beside) else None

    spots = finder.spots(page, neighbour, evidence)
    snippet = next((spot.text for spot in spots if spot.text), "")
    shown = tuple(element for spot in spots for element in spot.elements)
    return Hit(
        document=document.name,
        document_id=document.id,
        page=number,
        boxes=tuple(spot.box for spot in spots),
        score=float(ranking.scores[at]),
        stage=ranking.stage,
        snippet=snippet,
        marks=finder.marks(snippet),
        element_ids=tuple(element.id for element in shown),
        label=page.label,
        heading_path=features.heading_path(shown[0].id) if shown else (),
        reasoning=written.text if written is not None else reason(ranking, at, evidence, matcher),
        scores={name: float(values[at]) for name, values in ranking.signals.items()},
        answers=dict(Counter(map(str, ranking.judged.statuses))) if ranking.judged is not None else {},
        picture=document.page_image(number),
    )
