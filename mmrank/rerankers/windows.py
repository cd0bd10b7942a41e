"""Sliding windows over a ranking, from its end to its head."""

from __future__ import annotations

from typing import Literal

from mmrank.errors import InputError

OFFICIAL_END = 30
"""Where DeAR's published windows end, however many candidates there are."""


def windows(
    count: int,
    *,
    size: int = 20,
    stride: int = 10,
    end: int | None = None,
    mode: Literal["official", "fixed"] = "fixed",
) -> list[tuple[int, int]]:
    """Windows (begin, end) over `count` candidates, in the order in which they are ranked.

    "fixed" begins at the last candidate and ends with the window that begins at 0. "official" (DeAR) lays whole windows
    over the places 0 to 30, whether or not there are so many candidates, and cuts them to those that there are: few
    candidates are ranked, those after the 30th are not, and the first ones are left out where the stride does not meet
    them.

    Args:
        count: how many candidates there are.
        size: candidates per window.
        stride: how far the window slides, at most `size`.
        end: only so many first candidates are ranked; None for all ("official": 30).
        mode: see above.

    >>> windows(30)
    [(10, 30), (0, 20)]
    >>> windows(25), windows(25, mode="official"), windows(7), windows(7, mode="official")
    ([(5, 25), (0, 20)], [(10, 25), (0, 20)], [(0, 7)], [(0, 7)])
    """
    if not 1 <= stride <= size:
        raise InputError(f"a window of {size} cannot slide by {stride}; the stride is 1 to {size}")
    if mode == "official":
        last = OFFICIAL_END if end is None else end
        laid = [(last - size - back, last - back) for back in range(0, last - size + 1, stride)]
        return [(begin, min(stop, count)) for begin, stop in laid if begin < count]
    count = count if end is None else min(count, end)
    found = [(stop - size, stop) for stop in range(count, size - 1, -stride)]
    if (found[-1][0] if found else count) > 0:
        found.append((0, min(size, count)))
    return found
