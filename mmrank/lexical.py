"""BM25 over texts held in memory: the pages and passages of a few documents, or the windows of one.

The lexical index of a collection (`mmrank.index`) answers for millions of passages and stores its statistics. Within
the few documents that are ranked together, word statistics are those of these documents, and nothing is worth storing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def idf(texts: int, holding: int) -> float:
    """How much a word tells: inverse document frequency in Lucene's form, which is never negative.

    Args:
        texts: how many texts there are.
        holding: how many of them hold the word.

    >>> round(idf(10, 1), 3), round(idf(10, 10), 3)
    (1.992, 0.047)
    """
    return math.log(1 + (texts - holding + 0.5) / (holding + 0.5))


def bm25(
    words: NDArray[np.int64],
    rows: NDArray[np.int64],
    counts: NDArray[np.float64],
    lengths: NDArray[np.float64],
    *,
    k1: float = 1.2,
    b: float = 0.75,
) -> NDArray[np.float64]:
    """BM25 (Robertson and Zaragoza 2009) of every text, from the postings of the words that are asked for. (texts,)

    Args:
        words: (postings,), which of the asked words each posting is of, from 0; those of one text ascend.
        rows: (postings,), the text it is in.
        counts: (postings,), how often it occurs there.
        lengths: (texts,), words of each text.
        k1: how slowly repetitions of a word lose weight, at least 0.
        b: how much long texts are held back, 0 to 1.
    """
    mean = float(lengths.mean()) if len(lengths) and lengths.any() else 1.0
    norm = k1 * (1 - b + b * lengths / mean)
    weights = np.array([idf(len(lengths), held) for held in np.bincount(words).tolist()])
    total = np.zeros(len(lengths))
    if len(words):
        gains = weights[words] * counts * (k1 + 1) / (counts + norm[rows])
        total += np.bincount(rows, weights=gains, minlength=len(lengths))
    return total


class InMemoryBM25:
    """BM25 (Robertson and Zaragoza 2009) over bags of words.

    Args:
        bags: per text, how often each word occurs in it.
        k1: how slowly repetitions of a word lose weight, at least 0.
        b: how much long texts are held back, 0 to 1.

    >>> bm25 = InMemoryBM25([{"net": 1, "sales": 1}, {"net": 1, "loss": 2}])
    >>> bm25.scores(["sales"]).round(2).tolist()
    [0.75, 0.0]
    """

    def __init__(self, bags: Sequence[Mapping[str, int]], *, k1: float = 1.2, b: float = 0.75) -> None:
        self._bags = bags
        lengths = np.array([sum(bag.values()) for bag in bags], dtype=np.float64)
        mean = float(lengths.mean()) if len(bags) and lengths.any() else 1.0
        self._norm = k1 * (1 - b + b * lengths / mean)
        self._k1 = k1

    def idf(self, word: str) -> float:
        """How much a word tells among these texts; higher for rarer words."""
        return idf(len(self._bags), sum(word in bag for bag in self._bags))

    def scores(self, words: Sequence[str]) -> NDArray[np.float64]:
        """BM25 score of each text, (texts,). A word counts once, however often it is asked for."""
        total = np.zeros(len(self._bags))
        for word in dict.fromkeys(words):
            frequency = np.array([bag.get(word, 0) for bag in self._bags], dtype=np.float64)
            if frequency.any():
                total += self.idf(word) * frequency * (self._k1 + 1) / (frequency + self._norm)
        return total
