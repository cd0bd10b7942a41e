"""SFT and CL by value, and the surrogate's gradients against the true losses."""

from __future__ import annotations

import pytest
import torch

from mmrank.errors import InputError
from mmrank.train.objectives.judgement import (
    Kind,
    cl_loss,
    constant_weights,
    direction,
    sft_loss,
    url_loss,
    weights,
)

YES = torch.tensor([[1, 0.5, -0.2]])
NO = torch.tensor([[0, 0.3, 0.4]])


def test_weights_and_losses_have_their_golden_values() -> None:
    assert weights(YES, NO, "sft")[0].tolist() == pytest.approx([0.268941, 0.549834, 0.354344], abs=1e-6)
    assert weights(YES, NO, "cl")[0].tolist() == pytest.approx([0.475815, 0.317934, 0.157881], abs=1e-6)
    assert sft_loss(YES, NO).item() == pytest.approx(0.516296, abs=1e-6)
    assert cl_loss(YES).item() == pytest.approx(0.645911, abs=1e-6)


@pytest.mark.parametrize("kind", ["sft", "cl"])
def test_matching_weight_and_direction_give_the_gradient_of_the_true_loss(kind: Kind) -> None:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64).float()
    gradients = []
    for surrogate in (True, False):
        yes, no = (part.clone().requires_grad_() for part in rows)
        if surrogate:
            loss = url_loss(weights(yes, no, kind), direction(yes, no, kind), "sum")
        else:
            loss = sft_loss(yes, no, "sum") if kind == "sft" else cl_loss(yes, "sum")
        loss.backward()
        gradients.append([yes.grad, no.grad if no.grad is not None else torch.zeros_like(no)])
    for first, second in zip(*gradients, strict=True):
        assert torch.allclose(first, second, atol=1e-6)


def test_no_gradient_flows_through_the_weights() -> None:
    yes, no = YES.clone().requires_grad_(), NO.clone().requires_grad_()
    assert not weights(yes, no, "sft").requires_grad


def test_a_threshold_masks_documents_that_are_right_already() -> None:
    yes, no = torch.tensor([[4.0, 4.0, -4.0]]), torch.zeros(1, 3)
    assert constant_weights(yes, no, 0.1).tolist() == [[0, 1, 0]]
    assert constant_weights(yes, no).tolist() == [[1, 1, 1]]


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="dpo"):
        weights(YES, NO, "dpo")  # type: ignore[arg-type]
