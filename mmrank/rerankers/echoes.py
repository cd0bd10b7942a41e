"""Repetitions of the question in a candidate's text: they say nothing about whether it holds the answer."""

from __future__ import annotations

import re

RUN = 5
"""Words in the question's order from which on they are no coincidence."""
SHARE = 0.9
"""Of the question's words that must stand in a row for it to be repeated. An answer may have most of them."""
CUT = "…"
_ASKS = re.compile(r"\?|^\W*(?:what|which|who|whom|whose|when|where|why|how)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")


def without_echoes(text: str, question: str) -> str:
    """A text in which each repetition of the question is replaced by "…".

    A passage that repeats the question looks relevant to a language model whatever else it says. What stands beside
    the repetition, such as the answer below a question that a page asks itself, stays. Only what asks is looked for: a
    text that has the words of a statement may be what is sought. So may one with a question of fewer than five words.

    >>> without_echoes("Which ferry sails first on Sunday? The Skerry, at seven.", "which ferry sails first on sunday")
    '…? The Skerry, at seven.'
    >>> without_echoes("The first ferry on Sunday sails at seven.", "which ferry sails first on sunday")
    'The first ferry on Sunday sails at seven.'
    """
    asked = [word.casefold() for word in _WORD.findall(question)]
    if len(asked) < RUN or not _ASKS.search(question):
        return text
    found = [(match.group().casefold(), match.span()) for match in _WORD.finditer(text)]
    words = [word for word, _ in found]
    places: dict[str, list[int]] = {}
    for at, word in enumerate(asked):
        places.setdefault(word, []).append(at)
    needed = max(RUN, SHARE * len(asked))
    pieces: list[str] = []
    kept = at = 0
    while at < len(words):
        length = max((_run(words, at, asked, begin) for begin in places.get(words[at], ())), default=0)
        if length >= needed:
            pieces += [text[kept : found[at][1][0]], CUT]
            kept = found[at + length - 1][1][1]
        at += max(length, 1) if length >= needed else 1
    return "".join([*pieces, text[kept:]])


def _run(words: list[str], at: int, asked: list[str], begin: int) -> int:
    """How many words are the same from two places on."""
    length = 0
    while at + length < len(words) and begin + length < len(asked) and words[at + length] == asked[begin + length]:
        length += 1
    return length
