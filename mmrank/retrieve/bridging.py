"""Words of a question that no page has, replaced by the words that they most likely mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from mmrank.plurals import singular
from mmrank.query.spelling import is_english
from mmrank.retrieve.languages import ENGLISH, stemmer

SHORTEST_PART = 3
SHORTEST_BRIDGED = 4
"""Shorter words have too many neighbours to guess which one was meant."""
LONG = 8
"""From so many letters on two mistakes are bridged, below one."""
_ENDINGS = ("", "e", "y", "s", "es", "ies", "d", "ed", "ied", "ing", "er", "ers", "ion", "ions", "al", "ly", "ment")

_IN_CURRENCY = re.compile(r"[a-z]{3}\d{7,}")
"""An amount with its currency, as `mmrank.index.numbers` writes it."""


class Vocabulary(Protocol):
    """The words of the texts that are searched, as `mmrank.retrieve.words` makes them."""

    def known(self, words: Sequence[str]) -> list[bool]:
        """Whether a text has each word."""

    def beginning(self, letter: str) -> Iterable[str]:
        """The words of letters only that begin with a letter."""

    def side_by_side(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether the words of each pair stand one after the other somewhere."""


def bridged(asked: Sequence[str], vocabulary: Vocabulary, language: str = ENGLISH) -> tuple[str, ...]:
    """A question's words, those that no text has replaced by the words they most likely mean.

    In this order: the same word joined or parted ("website", "web site"); in other languages than English, inflected
    otherwise; misspelled by one letter, or two in a long word, with the first letter right. A word without such a
    neighbour stays, and an English word is no misspelling of another.

    Args:
        asked: the question's words, as `content_words` gives them.
        vocabulary: of the texts that are searched.
        language: of the question.
    """
    there = vocabulary.known(asked)
    if all(there):
        return tuple(asked)
    found: list[str] = []
    at = 0
    while at < len(asked):
        word = asked[at]
        beside = asked[at + 1] if at + 1 < len(asked) and not there[at + 1] else None
        if there[at]:
            found.append(word)
        elif _IN_CURRENCY.fullmatch(word) and len(asked) > 1:
            pass  # the amount without its currency is among the words too
        elif beside is not None and vocabulary.known([word + beside]) == [True]:
            found.append(word + beside)
            at += 1
        else:
            found += (
                _parted(word, vocabulary)
                or _inflected(word, vocabulary, language)
                or respelled(word, vocabulary.beginning(word[:1]))
                or [word]
            )
        at += 1
    return tuple(dict.fromkeys(found))


def _parted(word: str, vocabulary: Vocabulary) -> list[str]:
    splits = [(word[:at], singular(word[at:])) for at in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)]
    beside = vocabulary.side_by_side(splits) if splits and word.isalpha() else []
    return next((list(split) for split, there in zip(splits, beside, strict=False) if there), [])


def _inflected(word: str, vocabulary: Vocabulary, language: str) -> list[str]:
    if language == ENGLISH or len(word) < SHORTEST_BRIDGED or not word.isalpha():
        return []  # in English, measured, other forms lead to a wrong page more often than to the right one
    cut = stemmer(language)
    stem = cut(word)
    return sorted(other for other in vocabulary.beginning(word[0]) if cut(other) == stem)


def respelled(word: str, near: Iterable[str]) -> list[str]:
    """The word that a misspelled one most likely means, in a list; empty where none is near or the word is English.

    >>> respelled("activsion", ["activision", "actuation"])
    ['activision']
    """
    if len(word) < SHORTEST_BRIDGED or not word.isalpha() or is_english(word) or is_english(f"{word}s"):
        return []
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    most = 2 if len(word) >= LONG else 1
    close = process.extract(word, sorted(near), scorer=OSA.distance, score_cutoff=most, limit=1)
    return [other for other, _, _ in close]


def inflections(word: str) -> list[str]:
    """Forms that an English word may take, among them words that do not exist: for vocabularies too large to be read.

    >>> [form in inflections("return") for form in ("returned", "returning", "return", "turn")]
    [True, True, False, False]
    """
    if len(word) < SHORTEST_BRIDGED or not word.isalpha():
        return []
    cut = stemmer(ENGLISH)
    stem = cut(word)
    bases = (stem, stem[:-1]) if stem.endswith("i") else (stem,)
    forms = (base + ending for base in bases for ending in _ENDINGS)
    return [form for form in dict.fromkeys(forms) if form != word and cut(form) == stem]
