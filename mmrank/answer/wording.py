"""The words of a question, weighted, and how much of them a text has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from mmrank.lexical import idf
from mmrank.retrieve.words import content_words, words

STEM = 6
"""Letters by which forms of a longer word are taken as one word: "rezoned" and "rezonings"."""


@lru_cache(maxsize=65536)
def stems(text: str) -> tuple[str, ...]:
    """The words of a text in order, each cut to its stem.

    >>> stems("The rezonings of 2003")
    ('the', 'rezoni', 'of', '2003')
    """
    return tuple(word[:STEM] for word in words(text))


class Wording:
    """The words of a question, each with how much it tells among some texts; together 1.

    Args:
        question: without instructions on how to write the answer.
        texts: among which a word's rarity is measured.
        years: that the question names.
    """

    def __init__(self, question: str, texts: Iterable[str], years: Sequence[int] = ()) -> None:
        self._text = f" {' '.join(words(question))} "
        asked = dict.fromkeys(word[:STEM] for word in content_words(re.sub(r"[_/-]", " ", question)))
        for year in years:
            asked[str(year)] = None
        counts: Counter[str] = Counter()
        total = 0
        for text in texts:
            total += 1
            counts.update(set(stems(text)) & asked.keys())
        weights = {word: idf(max(total, 1), counts[word]) for word in asked}
        known = sum(weights.values()) or 1.0
        self.weights = {word: weight / known for word, weight in weights.items()}

    def found(self, text: str) -> frozenset[str]:
        """Which words of the question a text has."""
        return frozenset(self.weights.keys() & set(stems(text)))

    def weight(self, found: Iterable[str]) -> float:
        """Summed weight of words of the question, 0 to 1."""
        return sum(self.weights[word] for word in found)

    def names(self, text: str) -> bool:
        """Whether the question has a text of several words, word for word.

        >>> Wording("Did Recruiter A view more?", []).names("recruiter a")
        True
        """
        own = " ".join(words(text))
        return " " in own and f" {own} " in self._text

    def cover(self, text: str) -> float:
        """Summed weight of the words of the question that a text has, 0 to 1."""
        return self.weight(self.found(text))

    def precision(self, text: str) -> float:
        """Share of a text's content words that the question has, 0 to 1; 1 for a text without any."""
        own = {word[:STEM] for word in content_words(text)} if text.strip() else set()
        return len(own & self.weights.keys()) / len(own) if own else 1.0
