"""Stop words and stems of the language that a question is asked in."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

ENGLISH = "en"
_ENGLISH = re.compile(r"\b(?:the|of|what|which|how|and|are|does|did|who|where|when|from)\b", re.IGNORECASE)
SHORTEST = 4
"""Words that are needed to tell a language; a shorter question is taken for English."""
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "fi": "finnish", "fr": "french", "hi": "hindi", "hu": "hungarian", "id": "indonesian", "it": "italian",
    "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish",
    "tr": "turkish",
}  # fmt: skip
"""Names that Snowball and the lists of stop words give to languages, by ISO 639-1."""


def question_language(text: str) -> str:
    """The language of a question, ISO 639-1.

    >>> [question_language(text) for text in ("Wie hoch war der Umsatz im Jahr 2020?", "How high were sales in 2020?")]
    ['de', 'en']
    """
    if _ENGLISH.search(text) or len(text.split()) < SHORTEST:
        return ENGLISH
    import py3langid

    language, _ = py3langid.classify(text)
    return str(language) if language in STEMMERS else ENGLISH


@cache
def stop_words(language: str) -> frozenset[str]:
    """Words of a language that tell nothing by themselves, in lower case.

    >>> "wie" in stop_words("de"), "umsatz" in stop_words("de")
    (True, False)
    """
    from stop_words import get_stop_words

    return frozenset(word.casefold() for word in get_stop_words(STEMMERS[language]))


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """Cuts a word of a language to its stem.

    >>> stemmer("de")("umsätzen") == stemmer("de")("umsätze")
    True
    """
    import snowballstemmer

    stem: Callable[[str], str] = snowballstemmer.stemmer(STEMMERS[language]).stemWord
    return stem
