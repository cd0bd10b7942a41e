"""Hard negatives: passages that a retriever ranks high although they do not answer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

from mmrank.lexical import idf

Scorer = Callable[[str, Sequence[str]], Sequence[float]]
"""A retriever: (question, passages) → one score per passage."""


def hard_negatives(
    query: str,
    passages: Sequence[str],
    relevant: Collection[int],
    score: Scorer,
    *,
    count: int,
    margin: float | None = None,
) -> list[int]:
    """Positions of the best-scored passages that are not relevant, best first.

    Args:
        query: the question.
        passages: the pool, for instance the question's own document.
        relevant: positions of the relevant passages in the pool.
        score: the retriever.
        count: at most this many.
        margin: leave out passages that score above `margin` times the best relevant one, since they are likely to
            answer too, without a label. None keeps all.
    """
    scores = score(query, passages)
    limit = math.inf
    if margin is not None and relevant:
        limit = margin * max(scores[position] for position in relevant)
    known = {passages[position] for position in relevant}
    found = [
        position
        for position in sorted(range(len(passages)), key=lambda position: -scores[position])
        if position not in relevant and passages[position] not in known and scores[position] <= limit
    ]
    return found[:count]


def word_overlap(query: str, passages: Sequence[str]) -> list[float]:
    """A retriever without a model: shared words, rare ones weighing more.

    >>> [round(score, 2) for score in word_overlap("net sales", ["net sales rose", "net loss", "weather"])]
    [1.45, 0.47, 0.0]
    """
    words = [_words(passage) for passage in passages]
    seen = Counter(word for bag in words for word in bag)
    weight = {word: idf(len(passages), n) for word, n in seen.items()}
    asked = _words(query)
    return [math.fsum(weight[word] for word in bag & asked) for bag in words]


@lru_cache(maxsize=65_536)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", text.lower()))
