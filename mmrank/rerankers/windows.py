"""Sliding windows over a ranking, from its end to its head."""

from __future__ import annotations

from typing import Literal

from mmrank.errors import InputError


def windows(
    count: int,
    *,
    size: int = 20,
    stride: int = 10,
    mode: Literal["official", "fixed"] = "fixed",
) -> list[tuple[int, int]]:
    """Windows (begin, end) over `count` candidates, in the order in which they are ranked.

    "official" (DeAR, after RankGPT) ranks only whole windows: fewer candidates than a window are not ranked at all, and
    the first ones are left out when the stride does not meet them. "fixed" ends with the window that begins at 0.

    >>> windows(30)
    [(10, 30), (0, 20)]
    >>> windows(25), windows(25, mode="official"), windows(7), windows(7, mode="official")
    ([(5, 25), (0, 20)], [(5, 25)], [(0, 7)], [])
    """
    if not 1 <= stride <= size:
        raise InputError(f"a window of {size} cannot slide by {stride}; the stride is 1 to {size}")
    found = []
    end = count
    while end - size >= 0:
        found.append((end - size, end))
        end -= stride
    reached = found[-1][0] if found else count
    if mode == "fixed" and reached > 0:
        found.append((0, min(size, count)))
    return found
