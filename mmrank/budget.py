"""A budget of words or tokens, shared out among texts that together exceed it."""

from __future__ import annotations

from collections.abc import Sequence


def fair_shares(lengths: Sequence[int], budget: int) -> list[int]:
    """How much of each text may be kept so that all fit: the longest are cut first, short ones stay whole.

    Where the budget has less than one unit per text, the texts that keep one are spread evenly and the last is among
    them.

    Args:
        lengths: of the texts, in words or tokens.
        budget: for all texts together, in the same unit.

    >>> fair_shares([10, 100, 50], 70)
    [10, 30, 30]
    >>> fair_shares([1, 2], 70)
    [1, 2]
    >>> fair_shares([5, 5, 5, 5, 5], 2)
    [1, 0, 0, 0, 1]
    """
    if sum(lengths) <= budget:
        return list(lengths)
    shares = [0] * len(lengths)
    left = budget
    for done, text in enumerate(sorted(range(len(lengths)), key=lengths.__getitem__)):
        shares[text] = min(lengths[text], left // (len(lengths) - done))
        left -= shares[text]
    if any(share == 0 < length for share, length in zip(shares, lengths, strict=True)):
        filled = [position for position, length in enumerate(lengths) if length]
        chosen = (
            {filled[round(k * (len(filled) - 1) / max(budget - 1, 1))] for k in range(budget)} if budget > 0 else set()
        )
        return [int(position in chosen) for position in range(len(lengths))]
    return shares
