"""The combinations of weight and direction that are no loss of their own: constant, masked, learned."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("trl")

from mmrank.train.recipes.sft_vs_cl import WeightTimesDirection
from mmrank.train.trainers.label_logits import ALONG, NEGATIVE, POSITIVE

MASK = torch.tensor([[True, True, True, False]])


def outputs() -> torch.Tensor:
    """Logits of yes and no, and a learnt direction, of a right document, two others and padding."""
    made = torch.zeros(1, 4, ALONG + 1)
    made[0, :, POSITIVE] = torch.tensor([3.0, 0.5, -4.0, 7.0])
    made[0, :, NEGATIVE] = torch.tensor([0.0, 0.3, 0.4, 7.0])
    made[0, :, ALONG] = torch.tensor([0.2, -0.1, 0.6, 7.0])
    return made.requires_grad_()


def gradients(name: str) -> dict[int, list[float]]:
    """Of each output, by document."""
    made = outputs()
    WeightTimesDirection(name, 0.1)(made, {"mask": MASK}).backward()  # type: ignore[arg-type]
    assert made.grad is not None
    return {kind: made.grad[0, :, kind].tolist() for kind in (POSITIVE, NEGATIVE, ALONG)}


def test_a_constant_weight_pulls_all_documents_alike() -> None:
    assert gradients("constant+sft") == {POSITIVE: [-1, 1, 1, 0], NEGATIVE: [1, -1, -1, 0], ALONG: [0, 0, 0, 0]}
    assert gradients("constant+cl") == {POSITIVE: [-1, 1, 1, 0], NEGATIVE: [0] * 4, ALONG: [0] * 4}


def test_the_mask_lets_go_of_documents_that_are_right() -> None:
    """p(yes) of the first is .95 and p(no) of the third .99: both are right by more than 1 - tau; the second is not."""
    assert gradients("masked+sft") == {POSITIVE: [0, 1, 0, 0], NEGATIVE: [0, -1, 0, 0], ALONG: [0] * 4}


def test_a_learnt_direction_is_weighed_and_moves_nothing_else() -> None:
    found = gradients("cl+learned")
    share = torch.tensor([3.0, 0.5, -4.0]).softmax(dim=0).tolist()
    assert found[ALONG] == pytest.approx([share[0] - 1, share[1], share[2], 0], abs=1e-6)
    assert found[POSITIVE] == found[NEGATIVE] == [0] * 4
