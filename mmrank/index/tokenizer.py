"""Text to the words that BM25 counts."""

from __future__ import annotations

import re
import unicodedata

from mmrank.index.numbers import folded_numbers

_RUNS = re.compile(
    r"(?P<dense>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)"
    r"|(?:[^\W_]|(?<=\w)[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0980-\u0dff])+"
)
_INVISIBLE = re.compile("[\u00ad\u2060\ufeff]")
"""Soft hyphens and marks that only say where a line may break."""
_MARK = re.compile(r"(?:(?<=[^\W\d_][^\W\d_][^\W\d_])|(?<=[^\W\d_][)\]”\"])|(?<=\d))(?=[⁰¹²³⁴-⁹])")
"""Before the mark of a footnote ("Ballast¹"). A unit keeps its power ("m²", "km²")."""
_GROUPING = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u202f’](?=\d{3}(?!\d))")
"""What sets thousands apart and is no word's end: no-break and thin spaces, the apostrophe ’."""
_DIGIT = re.compile(r"\d")


def tokenize(text: str) -> list[str]:
    """The words of a text: lower case, compatibility forms folded, digits kept.

    Scripts written without spaces (Chinese, Japanese) give their characters, and overlapping pairs of them. A number or
    a date that is written in several pieces is followed by its one form, see `mmrank.index.numbers`.

    >>> tokenize("Figure 2: ＥＢＩＴＤＡ grew 12.5%")
    ['figure', '2', 'ebitda', 'grew', '12', '5', '12.5', '12.5%']
    >>> tokenize("所得税")
    ['所', '所得', '得', '得税', '税']
    """
    return placed_words(text)[0]


def placed_words(text: str) -> tuple[list[str], list[int]]:
    """The words of a text as in `tokenize`, and the place of each: 0, 1, 2, … as they are written.

    A number's form stands where its last piece does, a pair of characters where its first one does.

    >>> placed_words("grew 12.5%")
    (['grew', '12', '5', '12.5', '12.5%'], [0, 1, 2, 2, 2])
    """
    if not text.isascii():
        text = _GROUPING.sub(",", _MARK.sub(" ", _INVISIBLE.sub("", text)))
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    forms = sorted(folded_numbers(text)) if _DIGIT.search(text) else []
    words: list[str] = []
    places: list[int] = []
    place = -1
    at = 0
    for run in _RUNS.finditer(text):
        while at < len(forms) and forms[at][0] <= run.start():
            words.append(forms[at][1])
            places.append(max(place, 0))
            at += 1
        word = run.group()
        place += 1
        if run.group("dense") and len(word) > 1:
            for character in range(len(word) - 1):
                words += (word[character], word[character : character + 2])
                places += (place, place)
                place += 1
            word = word[-1]
        words.append(word)
        places.append(place)
    words += [form for _, form in forms[at:]]
    places += [max(place, 0)] * (len(forms) - at)
    return words, places
