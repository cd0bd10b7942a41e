"""A reader's margins beside retrieval's scores."""

from __future__ import annotations

import numpy as np
import pytest

from mmrank.evaluate.reading import Read, cascade_figures, fitted_weight, fold_weights, reading_figures


def read(scores: list[float], margins: list[float], gold: int, *, fold: int = 0, sure: float = 0.5) -> Read:
    flags = np.arange(len(scores)) == gold
    return Read(f"family {fold}", fold, 1, sure, np.array(scores), np.array(margins), flags)


SECOND = [read([1.0, 0.9, 0.0], [-1.0, 2.0, 0.0], 1, fold=at % 2) for at in range(6)]
"""The second page is right, and the reader says so."""


def test_a_reader_that_is_right_gets_weight_and_one_that_is_wrong_gets_none() -> None:
    assert fitted_weight(SECOND, 3) > 0.1
    wrong = [read([1.0, 0.9, 0.0], [-2.0, 2.0, 2.0], 0) for _ in range(4)]
    assert fitted_weight(wrong, 3) == 0.0
    assert fitted_weight([read([1.0, 0.5], [1.0, 2.0], 7)], 2) == 0.0


def test_figures_count_what_was_won_and_the_near_misses() -> None:
    figures = reading_figures(SECOND, 3, fold_weights(SECOND, 3))
    assert (figures["retrieval"], figures["alone"], figures["fused"]) == (0.0, 1.0, 1.0)
    assert (figures["change"], figures["won"], figures["lost"]) == (100.0, 6, 0)
    assert (figures["near misses"], figures["pairs"]) == (6, 1.0)
    assert figures["low"] == pytest.approx(100.0)


def test_only_the_first_pages_change_places() -> None:
    one = read([3.0, 2.0, 1.0], [0.0, 0.0, 9.0], 2)
    assert one.recall(1.0, 2) == 0.0
    assert one.recall(1.0, 3) == 1.0
    assert one.recall(1.0, 2, 3) == 1.0


def test_questions_that_retrieval_is_sure_of_are_not_read() -> None:
    reads = [*SECOND, read([1.0, 0.9], [-1.0, 2.0], 1, fold=0, sure=0.95)]
    share, recall = cascade_figures(reads, 3, {0: 1.0, 1: 1.0})["0.9"]
    assert share == pytest.approx(6 / 7)
    assert recall == pytest.approx(6 / 7)
