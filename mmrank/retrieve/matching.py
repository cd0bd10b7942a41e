"""Where the words of a question stand in a text, found without making words of all of it."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from mmrank.amounts import SCALE
from mmrank.retrieve.words import words

PREFIX = 4
"""Letters by which a word that may be one of the question's is found; then the whole word is compared."""

_NUMBER = (
    rf"(?:(?<![^\W_])|(?<=[\u3040-\u9fff]))\d(?:[\d.,’\u00a0\u2009\u202f]*\d)?(?:\s?(?:%|{SCALE}))?"
    r"(?:(?![^\W_])|(?=[\u3040-\u9fff]))"
)
"""A number, which may be written in several pieces."""


class WordMatcher:
    """The words of one question, ready to be found in many texts.

    Args:
        weights: how much each word tells; the words are as `words` makes them.

    >>> matcher = WordMatcher({"ferry": 0.6, "fare": 0.4})
    >>> matcher.spans("Fares of ferries to Farewell")
    [(0, 5, 'fare'), (9, 16, 'ferry')]
    >>> matcher.cover("Fares to Farewell")
    0.4
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights = weights
        dense = [re.escape(word) for word in sorted(weights, key=len, reverse=True) if _dense(word)]
        spaced = sorted({re.escape(word[:PREFIX].removesuffix("y")) for word in weights if not _dense(word)})
        either = [*dense, *([rf"(?<![^\W_])(?:{'|'.join(spaced)})[^\W_]*"] if spaced else [])]
        if any(word[0].isdigit() for word in weights):
            either.insert(0, _NUMBER)
        self._pattern = re.compile("|".join(either), re.IGNORECASE) if either else None
        self._word = lru_cache(maxsize=1024)(self._compare)

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and word for each place, in characters."""
        return list(self._spans(text))

    def found(self, text: str) -> set[str]:
        """Which words of the question a text has."""
        return {word for _, _, word in self._spans(text if text.isascii() else unicodedata.normalize("NFKC", text))}

    def found_in(self, texts: Sequence[str]) -> list[set[str]]:
        """Which words of the question each of several texts has, looked for at once."""
        lines = [text if text.isascii() else unicodedata.normalize("NFKC", text) for text in texts]
        ends = list(accumulate(len(line) + 1 for line in lines))
        found: list[set[str]] = [set() for _ in lines]
        for start, _, word in self._spans("\n".join(lines)):
            found[bisect_right(ends, start)].add(word)
        return found

    def weight(self, found: Iterable[str]) -> float:
        """Summed weight of words of the question."""
        return sum(self.weights[word] for word in found)

    def cover(self, text: str) -> float:
        """Summed weight of the words of the question that a text has."""
        return self.weight(self.found(text))

    def _spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        if self._pattern is not None:
            for match in self._pattern.finditer(text):
                word = self._word(match.group())
                if word is not None:
                    yield match.start(), match.end(), word

    def _compare(self, written: str) -> str | None:
        found = [word for word in words(written) if word in self.weights]
        return max(found, key=lambda word: (self.weights[word], len(word)), default=None)


def _dense(word: str) -> bool:
    return "\u3040" <= word[0] <= "\u9fff"
