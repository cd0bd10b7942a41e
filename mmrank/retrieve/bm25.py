"""BM25 over a handful of texts in memory: the pages and passages of the documents a question is about.

The collection's own lexical index answers for millions of passages; inside the few documents that it chose, word
statistics are those of these documents, and nothing is worth storing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


class Bags:
    """Bags of words, and BM25 over them (Robertson and Zaragoza 2009, with the positive IDF of Lucene)."""

    def __init__(self, bags: Sequence[Mapping[str, int]], *, k1: float = 1.2, b: float = 0.75) -> None:
        self._bags = bags
        lengths = np.array([sum(bag.values()) for bag in bags], dtype=np.float64)
        mean = float(lengths.mean()) if len(bags) and lengths.any() else 1.0
        self._norm = k1 * (1 - b + b * lengths / mean)
        self._k1 = k1

    def idf(self, word: str) -> float:
        """How telling a word is here; higher for rarer ones."""
        holders = sum(word in bag for bag in self._bags)
        return math.log(1 + (len(self._bags) - holders + 0.5) / (holders + 0.5))

    def scores(self, words: Sequence[str]) -> NDArray[np.float64]:
        """BM25 of each bag, (bags,). A word counts once however often it is asked for."""
        total = np.zeros(len(self._bags))
        for word in dict.fromkeys(words):
            frequency = np.array([bag.get(word, 0) for bag in self._bags], dtype=np.float64)
            if frequency.any():
                total += self.idf(word) * frequency * (self._k1 + 1) / (frequency + self._norm)
        return total


def bag(words: Sequence[str]) -> Counter[str]:
    """Words to a bag."""
    return Counter(words)
