"""The language a document is written in."""

from __future__ import annotations

from collections.abc import Sequence

SAMPLED_PAGES = 3
CHARACTERS = 1500
"""Read from each sampled page."""
LEAST = 60
"""Letters that are needed to tell a language."""


def language_of(pages: Sequence[str]) -> str | None:
    """ISO 639-1 code of the language of the pages with the most text, by py3langid; None for too little text.

    Args:
        pages: the text of each page.

    >>> language_of(["Der Hafen liegt hinter dem Deich, und die Flut kommt zweimal am Tag in das alte Becken herein."])
    'de'
    """
    longest = sorted(pages, key=len, reverse=True)[:SAMPLED_PAGES]
    text = " ".join(" ".join(page[:CHARACTERS].split()) for page in longest)
    if sum(letter.isalpha() for letter in text) < LEAST:
        return None
    from py3langid import langid

    return next(str(code) for code, _ in langid.rank(text) if len(code) == 2)
