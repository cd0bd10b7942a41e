"""Keys and values of a prompt's beginning, computed once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any


def common_prefix(rows: Sequence[list[int]]) -> int:
    """Length of the longest common beginning that leaves at least one token of each row.

    >>> common_prefix([[1, 2, 3], [1, 2, 4], [1, 2]])
    1
    """
    first, last = min(rows), max(rows)  # every row lies between them in lexical order
    shared = 0
    for a, b in zip(first, last, strict=False):
        if a != b:
            break
        shared += 1
    return min(shared, min(map(len, rows)) - 1)


class CachedPrefix:
    """Keys and values of one beginning (batch of 1), to be copied for each use."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def repeated(self, count: int) -> Any:
        """A cache of batch size `count` that may be written to."""
        cache = copy.deepcopy(self._cache)
        if count > 1:
            cache.batch_repeat_interleave(count)
        return cache


class PrefixCache:
    """The keys and values of the last prompt, so that the next one need only run what is new."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._cache: Any = None

    def take(self, ids: list[int]) -> tuple[Any, int]:
        """A cache that covers as much of `ids` as is known, and how much that is; at least one id stays to be run."""
        from transformers import DynamicCache

        known = common_prefix([ids, [*self._ids, -1]]) if self._cache is not None else 0
        cache, self._cache = self._cache, None
        if known == 0:
            return DynamicCache(), 0
        if cache.get_seq_length() > known:
            cache.crop(known - cache.get_seq_length())
        return cache, known

    def keep(self, ids: list[int], cache: Any) -> None:
        """Remember the cache of a prompt whose first tokens are `ids`."""
        length = cache.get_seq_length()
        self._ids, self._cache = ids[:length], cache

    def reach(self, model: Any, ids: list[int]) -> tuple[CachedPrefix, int]:
        """Run the model over what of `ids` is not known yet. Also returns how many tokens that saved."""
        if self._cache is not None and self._ids == ids:
            return CachedPrefix(self._cache), len(ids)
        cache, known = self.take(ids)
        import torch

        rest = torch.tensor([ids[known:]], device=model.device)
        model(input_ids=rest, past_key_values=cache, use_cache=True, logits_to_keep=1)
        self.keep(ids, cache)
        return CachedPrefix(cache), known
