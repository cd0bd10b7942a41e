"""Fusion of rankings, by value."""

from __future__ import annotations

import pytest

from mmrank.retrieve.fusion import fuse


def test_z_scores_add_up() -> None:
    assert fuse({"dense": {"a": 1.0, "b": 0.0}, "lexical": {"a": 0.0, "b": 1.0}}) == {"a": 0.0, "b": 0.0}
    assert fuse({"dense": {"a": 1.0, "b": 0.0}, "lexical": {"a": 7.0, "b": 1.0}}) == {"a": 2.0, "b": -2.0}


def test_a_run_of_equal_scores_adds_nothing() -> None:
    assert fuse({"dense": {"a": 1.0, "b": 0.0}, "lexical": {"a": 0.3, "b": 0.3}}) == {"a": 1.0, "b": -1.0}


def test_the_scale_of_a_run_does_not_matter() -> None:
    dense, lexical = {"a": 0.9, "b": 0.5, "c": 0.1}, {"a": 1.0, "b": 7.0, "c": 2.0}
    scaled = {key: 100 * score + 5 for key, score in lexical.items()}
    one, other = (fuse({"dense": dense, "lexical": run}) for run in (lexical, scaled))
    assert one == pytest.approx(other)


def test_a_candidate_that_a_run_does_not_hold_gets_its_lowest_score() -> None:
    assert fuse({"dense": {"a": 1.0, "b": 0.0}, "lexical": {"b": 5.0, "c": 3.0}}) == {"a": 0.0, "b": 0.0, "c": -2.0}


def test_runs_may_be_empty() -> None:
    assert fuse({}) == {}
    assert fuse({"dense": {}, "lexical": {"a": 1.0}}) == {"a": 0.0}
