"""What a reader learns from a choice among pages."""

from __future__ import annotations

import pytest
import torch

from mmrank.train.trainers.page_reading import Rewarded

MASK = torch.tensor([[True, True, True], [True, True, False]])


def test_drawn_pages_raise_the_chance_of_the_right_one() -> None:
    torch.manual_seed(0)
    scores = torch.zeros(2, 3, 1, requires_grad=True)
    optimizer = torch.optim.SGD([scores], lr=0.5)
    for _ in range(60):
        optimizer.zero_grad()
        Rewarded(8)(scores, {"mask": MASK}).backward()
        optimizer.step()
    chances = scores.detach()[..., 0].masked_fill(~MASK, -1e4).softmax(dim=1)
    assert (chances[:, 0] > 0.8).all()
    assert float(chances[1, 2]) == pytest.approx(0.0)


def test_draws_that_are_all_right_teach_nothing() -> None:
    scores = torch.tensor([[[50.0], [0.0], [0.0]]], requires_grad=True)
    Rewarded(4)(scores, {"mask": MASK[:1]}).backward()
    assert scores.grad is not None
    assert float(scores.grad.abs().sum()) == pytest.approx(0.0)
