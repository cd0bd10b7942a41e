"""Text to the words that BM25 counts."""

from __future__ import annotations

import re
import unicodedata

_RUNS = re.compile(
    r"(?P<dense>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)"
    r"|(?:[^\W_]|(?<=\w)[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0980-\u0dff])+"
)


def tokenize(text: str) -> list[str]:
    """The words of a text: lower case, compatibility forms folded, digits kept.

    Scripts written without spaces (Chinese, Japanese) give overlapping pairs of characters.

    >>> tokenize("Figure 2: ＥＢＩＴＤＡ grew 12.5%")
    ['figure', '2', 'ebitda', 'grew', '12', '5']
    """
    words: list[str] = []
    for run in _RUNS.finditer(unicodedata.normalize("NFKC", text).casefold()):
        word = run.group()
        if run.group("dense") and len(word) > 1:
            words.extend(word[at : at + 2] for at in range(len(word) - 1))
        else:
            words.append(word)
    return words
