"""How likely a slip of the fingers is that turns one word into another."""

from __future__ import annotations

DOUBLED = 0.6
"""A letter written twice instead of once, or once instead of twice."""
SWAPPED = 0.7
"""Two letters in each other's place."""
LEFT_OUT = 0.8
"""A letter that is not there."""
BESIDE = 0.9
"""The key beside the right one."""
OTHER_FIRST = 0.5
"""What another first letter costs besides: people seldom slip there."""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _beside() -> frozenset[str]:
    places = {letter: (row, at + row * 0.4) for row, keys in enumerate(_ROWS) for at, letter in enumerate(keys)}
    return frozenset(
        one + other
        for one, (row, at) in places.items()
        for other, (other_row, other_at) in places.items()
        if one != other and abs(row - other_row) <= 1 and abs(at - other_at) <= 1
    )


_NEIGHBOURS = _beside()
"""Pairs of letters whose keys touch on a keyboard."""


def slip_cost(written: str, meant: str) -> float:
    """What it costs to write a word when another is meant: 0 for the same word, about 1 per slip.

    A weighted optimal string alignment (Damerau 1964): a slip that fingers make often costs less than another.

    >>> slip_cost("tthe", "the"), slip_cost("mame", "name"), slip_cost("mame", "male")
    (0.6, 1.4, 1.0)
    >>> slip_cost("statse", "states") < slip_cost("statse", "state")
    True
    """
    rows = [[float(at) for at in range(len(meant) + 1)]]
    for at, letter in enumerate(written, start=1):
        row = [float(at)]
        for to, other in enumerate(meant, start=1):
            if letter == other:
                change = 0.0
            else:
                change = BESIDE if letter + other in _NEIGHBOURS else 1.0
            first = OTHER_FIRST if at == to == 1 and change else 0.0
            twice = at > 1 and letter == written[at - 2] and letter == other
            once = to > 1 and other == meant[to - 2] and letter == other
            best = min(
                rows[-1][to - 1] + change + first,
                rows[-1][to] + (DOUBLED if twice else 1.0 + (OTHER_FIRST if at == 1 else 0.0)),
                row[to - 1] + (DOUBLED if once else LEFT_OUT + (OTHER_FIRST if to == 1 else 0.0)),
            )
            if at > 1 and to > 1 and letter == meant[to - 2] and written[at - 2] == other and letter != other:
                best = min(best, rows[-2][to - 2] + SWAPPED)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
