"""LambdaLoss by value, and the labels it is given."""

from __future__ import annotations

import pytest
import torch

from mmrank.train.objectives.selector import lambda_loss, selection_gains


def test_lambda_loss_has_its_golden_value_and_padding_does_not_change_it() -> None:
    scores, gains = torch.tensor([[0.3, 1.2, -0.4, 0.9]]), torch.tensor([[2.0, 0, 0, 1]])
    assert lambda_loss(scores, gains).item() == pytest.approx(0.813189, abs=1e-6)
    padded = torch.tensor([[0.3, 1.2, -0.4, 0.9, 7.0]]), torch.tensor([[2.0, 0, 0, 1, 3.0]])
    mask = torch.tensor([[True, True, True, True, False]])
    assert lambda_loss(*padded, mask).item() == pytest.approx(0.813189, abs=1e-6)


def test_a_list_without_gains_adds_nothing_and_its_gradient_is_zero() -> None:
    scores = torch.tensor([[0.3, 1.2]], requires_grad=True)
    loss = lambda_loss(scores, torch.zeros(1, 2))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None and scores.grad.tolist() == [[0, 0]]


def test_descending_the_loss_brings_the_best_window_to_the_top() -> None:
    scores = torch.tensor([[0.0, 0.5, 1.0]], requires_grad=True)
    gains = torch.tensor([[2.0, 1.0, 0.0]])
    for _ in range(200):
        (gradient,) = torch.autograd.grad(lambda_loss(scores, gains), scores)
        scores = (scores - 0.1 * gradient).detach().requires_grad_()
    assert scores.argsort(descending=True).tolist() == [[0, 1, 2]]


def test_the_teachers_best_windows_get_falling_gains_and_missing_ones_none() -> None:
    teacher = torch.tensor([[0.1, 0.9, -3.0, 0.5], [0.4, 0.2, 9.0, 9.0]])
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    assert selection_gains(teacher, mask, 2).tolist() == [[0, 2, 0, 1], [2, 1, 0, 0]]
    assert selection_gains(teacher, mask, 8)[1].tolist() == [8, 7, 0, 0]
