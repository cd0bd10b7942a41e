"""A long document in overlapping windows of tokens, as IDCM cuts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of token ids, each `overlap + size + overlap` long and filled up with the padding id.

    `valid[i]` says whether the centre of window i holds a token.
    """

    ids: tuple[tuple[int, ...], ...]
    valid: tuple[bool, ...]


def window_spans(length: int, *, size: int = 50, overlap: int = 7) -> list[tuple[int, int]]:
    """Where the valid windows lie among `length` tokens, context included and clipped to the document.

    >>> window_spans(51)
    [(0, 51), (43, 51)]
    """
    return [(max(0, at - overlap), min(length, at + size + overlap)) for at in range(0, max(length, 0), size)]


def official_windows(tokens: Sequence[int], *, size: int = 50, overlap: int = 7, padding: int = 0) -> Windows:
    """Cut a document's tokens (without the leading special token) into length // size + 1 windows.

    The window at i covers tokens i·size − overlap to (i + 1)·size + overlap; what lies outside is padding. A window is
    valid where its central `size` hold a token, so 50 tokens give one valid window, 51 two, 2,000 forty (IDCM).

    >>> [sum(official_windows([1] * n).valid) for n in (50, 51, 151, 2000)]
    [1, 2, 4, 40]
    """
    count = len(tokens) // size + 1
    padded = [padding] * overlap + list(tokens)
    padded += [padding] * (count * size + 2 * overlap - len(padded))
    ids = tuple(tuple(padded[at * size : (at + 1) * size + 2 * overlap]) for at in range(count))
    return Windows(ids, tuple(at * size < len(tokens) for at in range(count)))
