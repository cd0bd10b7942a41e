"""InfoNCE by value."""

import math

import pytest
import torch

from mmrank.errors import InputError
from mmrank.train.objectives.contrastive import info_nce

QUERIES = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
PASSAGES = torch.tensor([[1.0, 0.0], [0.6, 0.8]])


def test_it_is_the_softmax_over_cosines_divided_by_the_temperature() -> None:
    first = -math.log(math.exp(2) / (math.exp(2) + math.exp(1.2)))
    second = -math.log(math.exp(1.6) / (math.exp(1.6) + math.exp(0)))
    assert info_nce(QUERIES, PASSAGES, temperature=0.5).item() == pytest.approx((first + second) / 2, abs=1e-6)


def test_more_passages_than_queries_are_negatives_of_all() -> None:
    extra = torch.cat([PASSAGES, torch.tensor([[0.0, 1.0]])])
    first = -math.log(math.exp(1) / (math.exp(1) + math.exp(0.6) + math.exp(0)))
    second = -math.log(math.exp(0.8) / (math.exp(0) + math.exp(0.8) + math.exp(1)))
    assert info_nce(QUERIES, extra, temperature=1.0).item() == pytest.approx((first + second) / 2, abs=1e-6)


def test_an_excluded_passage_does_not_count_and_gets_no_gradient() -> None:
    passages = torch.cat([PASSAGES, torch.tensor([[0.0, 1.0]])]).requires_grad_()
    excluded = torch.tensor([[False, False, True], [False, False, True]])
    loss = info_nce(QUERIES, passages, temperature=1.0, excluded=excluded)
    assert loss.item() == pytest.approx(info_nce(QUERIES, PASSAGES, temperature=1.0).item(), abs=1e-6)
    loss.backward()
    assert passages.grad is not None
    assert passages.grad[2].abs().sum() == 0


def test_the_right_passage_cannot_be_excluded() -> None:
    everything = torch.ones(2, 2, dtype=torch.bool)
    assert info_nce(QUERIES, PASSAGES, excluded=everything).item() == 0


def test_the_right_passage_may_stand_anywhere() -> None:
    swapped = info_nce(QUERIES, PASSAGES.flip(0), positives=torch.tensor([1, 0]))
    assert swapped.item() == pytest.approx(info_nce(QUERIES, PASSAGES).item(), abs=1e-6)


def test_half_precision_inputs_are_scored_in_float32() -> None:
    assert info_nce(QUERIES.bfloat16(), PASSAGES.bfloat16()).dtype == torch.float32


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit"):
        info_nce(QUERIES, torch.ones(2, 3))
    with pytest.raises(InputError, match="as many passages"):
        info_nce(QUERIES, PASSAGES[:1])
