"""The best few of many by comparisons of several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmrank.errors import InputError


@dataclass(frozen=True, slots=True)
class Sorted:
    """Positions, best first, and how many comparisons found the first `exact` of them."""

    order: tuple[int, ...]
    exact: int
    comparisons: int


def heapsort_top(count: int, best: Callable[[Sequence[int]], int | None], *, children: int, top: int) -> Sorted:
    """The best `top` of `count` things by a heap whose nodes have up to `children` children.

    Each comparison is among a node and its children; the rest keep their order. If comparisons are right, the top is
    exact (Rank-R1, after Setwise).

    Args:
        count: how many things there are, known by their positions.
        best: takes some positions, the first being the node, and returns the best one; None for no answer, which keeps
            the node.
        children: children per node.
        top: how many are to be found.

    >>> heapsort_top(5, max, children=2, top=2).order
    (4, 3, 0, 1, 2)
    """
    if children < 1 or top < 0:
        raise InputError("a comparison needs at least one child, and the top cannot be negative")
    heap = list(range(count))
    comparisons = 0

    def sink(at: int, size: int) -> None:
        nonlocal comparisons
        while (first := at * children + 1) < size:
            below = range(first, min(first + children, size))
            comparisons += 1
            winner = best([heap[at], *(heap[i] for i in below)])
            place = next((i for i in below if heap[i] == winner), at)
            if place == at:
                return
            heap[at], heap[place] = heap[place], heap[at]
            at = place

    wanted = min(top, count)
    found: list[int] = []
    if wanted:
        for at in range(count // children, -1, -1):
            sink(at, count)
    for size in range(count - 1, count - 1 - wanted, -1):
        found.append(heap[0])
        heap[0], heap[size] = heap[size], heap[0]
        if len(found) < wanted:
            sink(0, size)
    rest = [i for i in range(count) if i not in set(found)]
    return Sorted((*found, *rest), wanted, comparisons)
