"""Weights by value, and the surrogate's gradients against those of the true losses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmrank.errors import InputError
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.objectives.judgement import Kind, direction, surrogate_loss, weights

YES = torch.tensor([[1, 0.5, -0.2]])
NO = torch.tensor([[0, 0.3, 0.4]])


def true_loss(yes: Tensor, no: Tensor, kind: Kind) -> Tensor:
    """SFT: minus the log-probability of the right word, summed over documents. CL: softmax over documents."""
    if kind == "cl":
        return softmax_cross_entropy(yes)
    right = torch.zeros_like(yes)
    right[:, 0] = 1
    return binary_cross_entropy_with_logits(yes - no, right, reduction="sum") / len(yes)


def test_weights_have_their_golden_values() -> None:
    assert weights(YES, NO, "sft")[0].tolist() == pytest.approx([0.268941, 0.549834, 0.354344], abs=1e-6)
    assert weights(YES, NO, "cl")[0].tolist() == pytest.approx([0.475815, 0.317934, 0.157881], abs=1e-6)


@pytest.mark.parametrize("kind", ["sft", "cl"])
def test_matching_weight_and_direction_give_the_gradient_of_the_true_loss(kind: Kind) -> None:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64).float()
    gradients = []
    for surrogate in (True, False):
        yes, no = (part.clone().requires_grad_() for part in rows)
        if surrogate:
            loss = surrogate_loss(weights(yes, no, kind), direction(yes, no, kind))
        else:
            loss = true_loss(yes, no, kind)
        loss.backward()
        gradients.append([yes.grad, no.grad if no.grad is not None else torch.zeros_like(no)])
    for first, second in zip(*gradients, strict=True):
        assert torch.allclose(first, second, atol=1e-6)


def test_no_gradient_flows_through_the_weights() -> None:
    yes, no = YES.clone().requires_grad_(), NO.clone().requires_grad_()
    assert not weights(yes, no, "sft").requires_grad


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="dpo"):
        weights(YES, NO, "dpo")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="dpo"):
        direction(YES, NO, "dpo")  # type: ignore[arg-type]
