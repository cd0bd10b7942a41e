"""How long input is shortened: evenly, from the end of each piece; no piece is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mmrank.budget import fair_shares
from mmrank.errors import InputError


def share(lengths: Sequence[int], budget: int) -> list[int]:
    """How many tokens of each text are kept so that all fit the budget, as `fair_shares`, at least one of each.

    Raises:
        InputError: when there is not even one token for each text that has any.
    """
    if budget < sum(lengths) and budget < sum(1 for length in lengths if length):
        raise InputError(f"{len(lengths)} texts cannot share {budget} tokens; use fewer or a longer context")
    return fair_shares(lengths, budget)


def shorten(text: str, limit: int, count: Callable[[str], int]) -> str:
    """The longest beginning of `text`, in whole words, of at most `limit` tokens.

    A first word that alone is longer is cut within.

    >>> shorten("one two three four", 2, lambda text: len(text.split()))
    'one two'
    """
    # A token holds at least a byte, but not always a letter: those of Chinese may take two or three.
    if len(text.encode(errors="replace")) <= limit or count(text) <= limit:
        return text
    # No token is empty, so nothing past `limit` words can be kept.
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    low, high = 0, min(len(ends), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[: ends[middle - 1]]) <= limit:
            low = middle
        else:
            high = middle - 1
    if low:
        return text[: ends[low - 1]]
    word = text.split(maxsplit=1)[0]
    while word and count(word) > limit:
        word = word[: len(word) // 2]
    return word


def shorten_all(texts: Sequence[str], budget: int, count: Callable[[str], int]) -> list[str]:
    """Texts shortened evenly until they fit the budget together.

    Raises:
        InputError: when the budget does not leave one token for each text.
    """
    lengths = [count(text) for text in texts]
    return [
        text if keep >= length else shorten(text, keep, count)
        for text, length, keep in zip(texts, lengths, share(lengths, budget), strict=True)
    ]
