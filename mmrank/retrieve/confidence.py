"""How sure a ranking is of its pages: the calibrated probability that a page holds the answer.

A logistic model over a handful of measures that mean the same in any collection. Its constants are fitted by
`python benchmarks/confidence.py`, over several sets at once and over questions about nothing in the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmrank.lexical import idf

if TYPE_CHECKING:
    from mmrank.retrieve.matching import WordMatcher
    from mmrank.retrieve.pages import PageRanking

MEASURES = ("covered", "rare", "unknown", "cosine", "margin", "below", "named", "whole")
"""What the model sees of a page, see `measures`."""
WEIGHTS: Mapping[str, float] = {
    "covered": 1.339, "rare": 1.036, "unknown": 0.302, "cosine": 2.475, "margin": 0.627, "below": -0.552,
    "named": 1.115, "whole": 1.419,
}  # fmt: skip
BIAS = -4.367
NEXT = 5
"""The first page's lead is over the mean of this many pages after it."""
NAMING = ("handle", "page_number", "place", "quoted", "front", "statement")
"""Signals by which a question names its page."""


def confidences(ranking: PageRanking, matcher: WordMatcher, pages: Sequence[int]) -> list[float]:
    """The probability, 0 to 1, that each of some pages is right."""
    rows = measures(ranking, matcher, pages)
    weights = np.array([WEIGHTS[name] for name in MEASURES])
    return [float(value) for value in 1 / (1 + np.exp(-(rows @ weights + BIAS)))]


def first_confidence(ranking: PageRanking) -> float:
    """The probability that the first page of a ranking is right; 0 where there are no pages."""
    from mmrank.retrieve.evidence import word_matcher

    order = ranking.order()
    if not len(order):
        return 0.0
    [found] = confidences(ranking, word_matcher(ranking.question, ranking.pool), [int(order[0])])
    return found


def _retrieval_scores(ranking: PageRanking) -> NDArray[np.float64]:
    """Scores of the first stage, (pages,): those of a reranker are on other scales."""
    if ranking.judged is None:
        return ranking.scores
    from mmrank.retrieve.pages import DOCUMENT_WEIGHT, WEIGHTS

    signals = {**WEIGHTS, "document": DOCUMENT_WEIGHT}
    return np.asarray(
        sum(weight * ranking.signals[name] for name, weight in signals.items() if name in ranking.signals)
    )


def measures(ranking: PageRanking, matcher: WordMatcher, pages: Sequence[int]) -> NDArray[np.float64]:
    """What tells right pages from others, (pages, measures).

    - covered: weight of the question's words on the page, 0 to 1
    - rare: the same over the rarer half of these words
    - unknown: share of the question's words that no page of the pool has
    - cosine: of the question and the page's best passage
    - margin: how far the page's score is above the mean of the pages that follow the first
    - below: how far it is below the first page's score
    - named: 1 where the question names the page by a place, a quotation or a statement
    - whole: 1 where one document was ranked, which is then known to be the right one
    """
    pool, question = ranking.pool, ranking.question
    asked = question.words
    nowhere = idf(len(pool), 0) - 1e-9
    unknown = sum(pool.page_words.idf(word) >= nowhere for word in asked) / max(len(asked), 1)
    ordered = sorted(asked, key=lambda word: -matcher.weights[word])
    rarer = ordered[: (len(ordered) + 1) // 2]
    rare_total = matcher.weight(rarer) or 1.0
    cosine = pool.page_max(pool.similarities(question.vector), 0.0)
    scores = _retrieval_scores(ranking)
    order = np.argsort(-scores, kind="stable")
    following = order[1 : 1 + NEXT]
    level = float(scores[following].mean()) if len(following) else float(scores[order[0]])
    rows = []
    for at in pages:
        found = pool.page_words.on_page(asked, at)
        rows.append(
            [
                matcher.weight(found),
                matcher.weight(word for word in rarer if word in found) / rare_total,
                unknown,
                float(cosine[at]),
                float(np.clip(scores[at] - level, 0, 5)),
                float(np.clip(scores[order[0]] - scores[at], 0, 5)),
                float(any(ranking.signals[name][at] > 0 for name in NAMING)),
                float("document" not in ranking.signals),
            ]
        )
    return np.array(rows).reshape(len(rows), len(MEASURES))
