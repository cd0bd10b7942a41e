"""A passage is shown within its limits, and no part of it is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmrank.budget import fair_shares
from mmrank.encoders.batches import batched_by_length, in_batches
from mmrank.encoders.content import PictureCost, shown, within
from mmrank.picture_sizes import fitting
from mmrank.types import BBox, ImageRef


def words(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for word in text.split(" "):
        spans.append((start, start + len(word)))
        start += len(word) + 1
    return spans


@given(st.lists(st.integers(0, 500), max_size=20), st.integers(0, 600))
def test_fair_shares_fit_and_never_exceed_what_is_there(lengths: list[int], budget: int) -> None:
    shares = fair_shares(lengths, budget)
    assert sum(shares) <= max(budget, 0) or sum(lengths) <= budget
    assert all(share <= length for share, length in zip(shares, lengths, strict=True))
    filled = sum(length > 0 for length in lengths)
    if budget >= filled:
        assert all(share > 0 for share, length in zip(shares, lengths, strict=True) if length)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=20), st.integers(20, 600))
def test_a_shorter_part_never_gives_more_than_a_longer_one_keeps(lengths: list[int], budget: int) -> None:
    shares = fair_shares(lengths, budget)
    cut = [share for share, length in zip(shares, lengths, strict=True) if share < length]
    if cut:
        assert min(cut) + 1 >= max(shares)


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 500))
def test_a_fitted_picture_costs_what_it_may_and_no_more(width: int, height: int, tokens: int) -> None:
    columns, rows = (edge // 28 for edge in fitting(width, height, tokens, 28))
    assert 1 <= columns * rows <= tokens
    assert max(columns, rows) <= 100 * min(columns, rows)


def test_tables_and_pictures_are_shown_and_texts_told_in_the_order_of_the_page(passage) -> None:
    items = shown(passage("above", BBox(0, 0, 9, 9), "between", 1, heading=("Report", "Sales")))
    assert [type(item) for item in items] == [str, str, ImageRef, str, ImageRef]
    assert items[0] == "Report > Sales"


def test_the_longest_gives_first_and_the_last_part_stays(passage) -> None:
    items = shown(passage("a " * 200, 0, "the end"))
    kept = within(items, max_tokens=40, cost=PictureCost(20, 400), tokenise=words)
    text, picture, last = kept
    assert last == "the end"
    assert isinstance(picture, Image.Image)
    assert picture.width * picture.height <= 19 * 400
    assert len(words(text.strip())) == 19


def test_a_picture_of_fixed_cost_makes_the_texts_give(passage) -> None:
    items = shown(passage("a " * 200, 0, "the end"))
    text, picture, last = within(items, max_tokens=40, cost=PictureCost(None, 30), tokenise=words)
    assert (len(words(text.strip())), last) == (8, "the end")
    assert isinstance(picture, Image.Image)


def test_a_small_picture_is_not_blown_up(drawings) -> None:
    assert PictureCost(28, 1000).of(ImageRef(drawings, 0, BBox(0, 0, 10, 10))) == 3
    assert PictureCost(28, 1000).of(ImageRef(drawings, 0)) == 1000


def test_batches_hold_their_tokens_and_results_keep_their_order() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 100).tolist()
    seen: list[list[int]] = []

    def forward(rows: list[int]) -> list[int]:
        seen.append(rows)
        return [-row for row in rows]

    options = {"prepare": int, "length": int, "forward": forward}
    results = list(in_batches(lengths, **options, window=25, batch_tokens=128))
    assert results == [-length for length in lengths]
    assert all(len(rows) * max(rows) <= 128 for rows in seen)


def test_an_input_longer_than_a_batch_goes_alone() -> None:
    assert list(batched_by_length([500, 3], 100)) == [[1], [0]]


def test_only_two_windows_are_read_ahead() -> None:
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield 1

    results = in_batches(endless(), prepare=int, length=int, forward=list, window=10, batch_tokens=100)
    for _ in range(10):
        next(results)
    assert read <= 20
    results.close()


def test_a_picture_that_cannot_be_rendered_raises_in_the_caller() -> None:
    def fails(_: int) -> int:
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        list(in_batches([1], prepare=fails, length=int, forward=list, window=2, batch_tokens=4))
