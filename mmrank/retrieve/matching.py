"""Where the words of a question stand in a text, found without making words of all of it."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from math import fsum

from mmrank.amounts import SCALE
from mmrank.plurals import singular
from mmrank.retrieve.words import words

PREFIX = 4
"""Letters by which a word that may be one of the question's is found; then the whole word is compared."""

_NUMBER = (
    rf"(?:(?<![^\W_])|(?<=[\u3040-\u9fff]))\d(?:[\d.,’\u00a0\u2009\u202f]*\d)?(?:\s?(?:%|{SCALE}))?"
    r"(?:(?![^\W_])|(?=[\u3040-\u9fff]))"
)
"""A number, which may be written in several pieces."""
_PIECES = re.compile(r"[a-z0-9]+")


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
        begins = {word[0] for word in weights}
        if any(map(str.isdigit, begins)):
            either.insert(0, _NUMBER)
        # Most letters begin no word of the question: they are passed over before anything else is tried.
        first = "".join(map(re.escape, sorted(begins))) + r"\d"
        self._pattern = re.compile(f"(?=[{first}])(?:{'|'.join(either)})") if either else None
        self._numbers = {digits for digits in map(_telling_digits, weights) if digits}
        self._word = lru_cache(maxsize=1024)(self._compare)

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and word for each place, in characters."""
        folded = text.casefold()
        if len(folded) != len(text):  # "ß" becomes "ss": then letter by letter, so that the places stay
            folded = "".join(min(letter.casefold(), letter, key=len) for letter in text)
        return list(self._spans(folded))

    def found(self, text: str) -> set[str]:
        """Which words of the question a text has."""
        return {word for _, _, word in self._spans(_folded(text))}

    def found_in(self, texts: Sequence[str]) -> list[set[str]]:
        """Which words of the question each of several texts has, looked for at once."""
        lines = list(map(_folded, texts))
        ends = list(accumulate(len(line) + 1 for line in lines))
        found: list[set[str]] = [set() for _ in lines]
        for start, _, word in self._spans("\n".join(lines)):
            found[bisect_right(ends, start)].add(word)
        return found

    def weight(self, found: Iterable[str]) -> float:
        """Summed weight of words of the question."""
        return fsum(map(self.weights.__getitem__, found))  # the same in whatever order a set has its words

    def cover(self, text: str) -> float:
        """Summed weight of the words of the question that a text has."""
        return self.weight(self.found(text))

    def _spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        """As `spans`, in a text whose case is folded: a pattern that ignores case takes twice as long."""
        if self._pattern is not None:
            for match in self._pattern.finditer(text):
                word = self._word(match.group())
                if word is not None:
                    yield match.start(), match.end(), word

    def _compare(self, written: str) -> str | None:
        if not self._may_be_asked(written):
            return None
        found = [word for word in words(written) if word in self.weights]
        return max(found, key=lambda word: (self.weights[word], len(word)), default=None)

    def _may_be_asked(self, written: str) -> bool:
        """Whether to make words of what is written: of the many numbers of a table few are the question's."""
        if not written.isascii() or written.count(".") > 1:  # with two points it may be a date
            return True
        pieces = _PIECES.findall(written)
        return any(singular(piece) in self.weights for piece in pieces) or _telling_digits(written) in self._numbers


def _folded(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()


def _telling_digits(written: str) -> str:
    """The digits that all ways to write a number have in common.

    >>> _telling_digits("1.2 billion"), _telling_digits("1,200"), _telling_digits("0.120%")
    ('12', '12', '12')
    """
    return "".join(filter(str.isdigit, written)).strip("0")


def _dense(word: str) -> bool:
    return "\u3040" <= word[0] <= "\u9fff"
