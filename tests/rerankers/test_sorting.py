from __future__ import annotations

import random

import pytest

from mmrank.errors import InputError
from mmrank.rerankers.sorting import heapsort_top
from mmrank.rerankers.windows import windows


@pytest.mark.parametrize(
    ("count", "children", "top", "calls"),
    [(100, 19, 10, 23.65), (20, 19, 10, 10), (20, 19, 1, 1), (100, 3, 10, 82), (21, 19, 1, 2.15), (1, 19, 10, 0)],
)
def test_the_top_is_exact_at_the_published_number_of_calls(count: int, children: int, top: int, calls: float) -> None:
    made = []
    for seed in range(100):
        worth = list(range(count))
        random.Random(seed).shuffle(worth)
        found = heapsort_top(
            count, lambda places, worth=worth: max(places, key=worth.__getitem__), children=children, top=top
        )
        best = sorted(range(count), key=lambda i, worth=worth: -worth[i])
        assert list(found.order[:top]) == best[:top]
        assert sorted(found.order) == list(range(count))
        made.append(found.comparisons)
    assert sum(made) / len(made) == pytest.approx(calls, abs=0.6)


def test_without_answers_all_keep_their_order() -> None:
    found = heapsort_top(30, lambda places: None, children=19, top=3)
    assert found.order[0] == 0 and sorted(found.order) == list(range(30))


def test_the_rest_keeps_the_first_stage_order() -> None:
    found = heapsort_top(10, max, children=3, top=2)
    assert found.order == (9, 8, 0, 1, 2, 3, 4, 5, 6, 7)


def test_fixed_windows_reach_the_head() -> None:
    for count in range(1, 60):
        fixed = windows(count)
        assert {i for begin, end in fixed for i in range(begin, end)} == set(range(count))
        assert fixed[-1][0] == 0
    assert windows(0) == []
    assert windows(100, end=30) == windows(30)


@pytest.mark.parametrize(("size", "stride", "end"), [(20, 10, 30), (20, 10, 100), (4, 3, 10), (5, 5, 5), (6, 2, 5)])
def test_official_windows_are_those_of_the_published_loop(size: int, stride: int, end: int) -> None:
    """From `end` down while a whole window fits above 0; slices of a shorter list are shorter, and may be empty."""
    for count in range(120):
        places, read = list(range(count)), []
        for start in range(end - size, -1, -stride):
            read.append(places[start : start + size])
        stated = [(piece[0], piece[-1] + 1) for piece in read if piece]
        given = {} if end == 30 else {"end": end}
        assert windows(count, size=size, stride=stride, mode="official", **given) == stated


def test_a_stride_beyond_the_window_is_an_error() -> None:
    with pytest.raises(InputError):
        windows(30, size=10, stride=11)
