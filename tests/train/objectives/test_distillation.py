"""DeAR's losses by value."""

from __future__ import annotations

import pytest
import torch

from mmrank.errors import InputError
from mmrank.train.objectives.distillation import (
    dear_loss,
    distillation,
    listnet,
    one_hot,
    ranknet,
    softmax_cross_entropy,
)

STUDENT = torch.tensor([[2, 0.5, -1], [0, 1, 0.5]])
TEACHER = torch.tensor([[3, 1, -2], [1.5, 0, -0.5]])


def test_each_loss_has_its_golden_value() -> None:
    found = {
        "ce": softmax_cross_entropy(STUDENT),
        "ranknet teacher": ranknet(STUDENT, TEACHER),
        "ranknet labels": ranknet(STUDENT, one_hot(STUDENT)),
        "listnet teacher": listnet(STUDENT, TEACHER),
        "listnet labels": listnet(STUDENT, one_hot(STUDENT)),
        "kd": distillation(STUDENT, TEACHER),
        "total": dear_loss(STUDENT, TEACHER),
        "total ranknet": dear_loss(STUDENT, TEACHER, main="ranknet", target="teacher"),
    }
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {
            "ce": 0.960790,
            "ranknet teacher": 0.571599,
            "ranknet labels": 0.836609,
            "listnet teacher": 0.375821,
            "listnet labels": 0.303375,
            "kd": 0.450184,
            "total": 0.909730,
            "total ranknet": 0.559458,
        },
        abs=2e-6,
    )


def test_the_mixed_main_loss_is_half_ranknet_half_cross_entropy() -> None:
    mixed = dear_loss(STUDENT, TEACHER, alpha=0, main="ranknet_ce")
    assert mixed.item() == pytest.approx((0.836609 + 0.960790) / 2, abs=2e-6)


def test_a_masked_candidate_changes_nothing() -> None:
    mask = torch.tensor([[True, True, True, False]] * 2)
    padded = [torch.cat([scores, torch.full((2, 1), 9.0)], dim=1) for scores in (STUDENT, TEACHER)]
    for main in ("ce", "ranknet", "listnet", "ranknet_ce"):
        plain = dear_loss(STUDENT, TEACHER, main=main)  # type: ignore[arg-type]
        masked = dear_loss(*padded, main=main, mask=mask)  # type: ignore[arg-type]
        assert masked.item() == pytest.approx(plain.item(), abs=1e-6)


def test_gradients_stay_finite_under_a_mask() -> None:
    scores = torch.cat([STUDENT, torch.zeros(2, 1)], dim=1).requires_grad_()
    teacher = torch.cat([TEACHER, torch.zeros(2, 1)], dim=1)
    dear_loss(scores, teacher, mask=torch.tensor([[True, True, True, False]] * 2)).backward()
    assert scores.grad is not None and torch.isfinite(scores.grad).all()
    assert scores.grad[:, 3].tolist() == [0, 0]


def test_scores_of_different_lists_are_refused() -> None:
    with pytest.raises(InputError, match="same lists"):
        dear_loss(STUDENT, TEACHER[:, :2])
