"""The words of a text as the ranking of pages compares them."""

from __future__ import annotations

from mmrank.index import placed_words, tokenize
from mmrank.plurals import singular

WORDS_VERSION = 2
"""To be raised whenever `words` gives other words for a text: what was prepared with the earlier ones is made again."""
STOPWORDS = frozenset(
    "a an the of in on at to for from by with and or is are was were be been being do does did has have had how what "
    "which who whom whose when where why that this these those it its as into than then there their they them he she "
    "his her you your we our i me my can could will would shall should may might must not no so if about according "
    "many much please answer question following given".split()
)


def words(text: str) -> list[str]:
    """Words in reading order, plurals as singulars (Harman's S-stemmer, 1991).

    >>> words("Countries with 2 smartphones, buses and glass")
    ['country', 'with', '2', 'smartphone', 'buse', 'and', 'glass']
    """
    return [singular(word) for word in tokenize(text)]


def written_words(text: str) -> list[str]:
    """Words without the forms of numbers and pairs of characters that are added to them, one per place.

    >>> written_words("Sales grew 12.5%")
    ['sale', 'grew', '12', '5']
    """
    found, places = placed_words(text)
    return [singular(word) for word, place, before in zip(found, places, [-1, *places], strict=False) if place > before]


def content_words(text: str) -> tuple[str, ...]:
    """A question's words without stop words, once each; all of them where only stop words are there."""
    found = dict.fromkeys(tokenize(text))
    content = [word for word in found if word not in STOPWORDS] or list(found)
    return tuple(dict.fromkeys(map(singular, content)))
