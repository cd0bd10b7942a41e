"""Passages merge into a document as written."""

import numpy as np
import pytest

from mmrank.encoders.merge import merge
from mmrank.encoders.vectors import truncate, unit
from mmrank.errors import InputError

RNG = np.random.default_rng(7)
ROWS = unit(RNG.normal(size=(12, 6)))
WAYS = {
    "mean": {},
    "length": {"lengths": np.arange(1, 13)},
    "distinctive": {"background": RNG.normal(size=6)},
    "kmeans": {"vectors": 3},
}


@pytest.mark.parametrize("way", WAYS)
def test_document_vectors_are_float32_and_of_unit_length(way: str) -> None:
    merged = merge(ROWS, way, **WAYS[way])
    assert merged.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(merged, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_the_passages_does_not_count(way: str) -> None:
    order = RNG.permutation(12)
    arguments = dict(WAYS[way])
    if way == "length":
        arguments["lengths"] = arguments["lengths"][order]
    expected = merge(ROWS, way, **WAYS[way])
    found = merge(ROWS[order], way, **arguments)
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(expected, axis=0), atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_a_document_of_one_passage_is_its_passage(way: str) -> None:
    arguments = {**WAYS[way], **({"lengths": [4]} if way == "length" else {})}
    for row in merge(ROWS[:1], way, **arguments):
        np.testing.assert_allclose(row, ROWS[0], atol=1e-6)


def test_the_mean_is_over_unit_vectors_whatever_their_length_was() -> None:
    merged = merge(np.array([[10.0, 0.0], [0.0, 0.1]]))
    np.testing.assert_allclose(merged, [[np.sqrt(0.5), np.sqrt(0.5)]], atol=1e-6)


def test_length_weighs_by_length() -> None:
    merged = merge(np.eye(2), "length", lengths=[3, 4])
    np.testing.assert_allclose(merged, [[0.6, 0.8]], atol=1e-6)


def test_distinctive_leans_to_what_the_collection_does_not_say() -> None:
    merged = merge(np.eye(2), "distinctive", background=np.array([1.0, 0.2]))
    assert merged[0, 1] > merged[0, 0]


def test_kmeans_finds_planted_topics() -> None:
    topics = np.eye(6)[:3]
    rows = np.repeat(topics, 5, axis=0) + 0.01 * RNG.normal(size=(15, 6))
    centres = merge(rows, "kmeans", vectors=3)
    assert sorted(np.argmax(centres @ topics.T, axis=1)) == [0, 1, 2]
    assert (centres @ topics.T).max(1).min() > 0.99


def test_kmeans_gives_no_more_vectors_than_there_are_different_passages() -> None:
    assert merge(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), "kmeans", vectors=5).shape == (2, 2)


def test_passages_that_cancel_out_still_give_a_unit_vector_in_any_order() -> None:
    rows = np.array([[1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(merge(rows), merge(rows[::-1]))
    assert np.linalg.norm(merge(rows)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("rows", "way", "arguments", "says"),
    [
        (np.zeros((0, 3)), "mean", {}, "n >= 1"),
        (np.ones(3), "mean", {}, "shape"),
        (np.array([[np.nan, 1.0]]), "mean", {}, "finite"),
        (np.eye(2), "median", {}, "there are: mean, length"),
        (np.eye(2), "length", {}, "needs lengths="),
        (np.eye(2), "length", {"lengths": [0, 0]}, "not all 0"),
        (np.eye(2), "distinctive", {}, "needs background="),
        (np.eye(2), "kmeans", {"vectors": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_merged_is_said(rows, way: str, arguments: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        merge(rows, way, **arguments)


def test_truncated_vectors_are_of_unit_length_again() -> None:
    np.testing.assert_allclose(truncate(np.array([[0.6, 0.0, 0.8]]), 2), [[1.0, 0.0]])
    with pytest.raises(InputError, match="cannot be cut to 4"):
        truncate(np.eye(3), 4)


def test_truncating_keeps_the_order_that_the_first_numbers_give() -> None:
    np.testing.assert_allclose(truncate(ROWS, 3), unit(ROWS[:, :3]))
