"""The words of a text as the ranking of pages compares them."""

from __future__ import annotations

import re

from mmrank.index import placed_words, tokenize
from mmrank.plurals import singular
from mmrank.retrieve.languages import ENGLISH, stop_words

WORDS_VERSION = 3
"""To be raised whenever `words` gives other words for a text: what was prepared with the earlier ones is made again."""
STOPWORDS = frozenset(
    "a an the of in on at to for from by with and or is are was were be been being do does did has have had how what "
    "which who whom whose when where why that this these those it its as into than then there their they them he she "
    "his her you your we our i me my can could will would shall should may might must not no so if about according "
    "many much please answer question following given".split()
)

_NAMING = re.compile(r"(?<![A-Z]{2}\s)\b[A-Z]{2,4}\b(?!\s[A-Z]{2})|(?<=\s)May\b")
"""Acronyms, but not within a run of capitals, as titles are written; the month."""
_EMPHASIS = frozenset({"AND", "OR", "NOT", "NO"})


def words(text: str) -> list[str]:
    """Words in reading order, plurals as singulars.

    >>> words("Countries with 2 smartphones, buses and glass")
    ['country', 'with', '2', 'smartphone', 'bus', 'and', 'glass']
    """
    return [singular(word) for word in tokenize(text)]


def written_words(text: str) -> list[str]:
    """Words without the forms of numbers and pairs of characters that are added to them, one per place.

    >>> written_words("Sales grew 12.5%")
    ['sale', 'grew', '12', '5']
    """
    found, places = placed_words(text)
    return [singular(word) for word, place, before in zip(found, places, [-1, *places], strict=False) if place > before]


def content_words(text: str, language: str = ENGLISH) -> tuple[str, ...]:
    """A question's words without stop words, plurals as singulars, once each; all where only stop words are there.

    Acronyms in capitals, and the month of May, count even where they are spelled like a stop word.

    >>> content_words("What is the budget of IT and of the WHO?")
    ('budget', 'it', 'who')
    """
    return tuple(dict.fromkeys(map(singular, without_stop_words(text, language))))


def without_stop_words(text: str, language: str = ENGLISH) -> list[str]:
    """The same words as they are written, as often as they are.

    >>> without_stop_words("What are the fees, and the fees for mooring?")
    ['fees', 'fees', 'mooring']
    """
    stop = _stop_words(text, language)
    found = tokenize(text)
    return [word for word in found if word not in stop] or found


def _stop_words(text: str, language: str) -> frozenset[str]:
    stop = STOPWORDS if language == ENGLISH else stop_words(language)
    if text.isupper():
        return stop
    return stop - {word.casefold() for word in set(_NAMING.findall(text)) - _EMPHASIS}
