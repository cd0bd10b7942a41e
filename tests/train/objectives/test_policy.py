"""The core of GRPO by value."""

from __future__ import annotations

import pytest
import torch

from mmrank.errors import InputError
from mmrank.train.objectives.policy import completion_mask, group_advantages, policy_loss


def test_advantages_have_their_golden_values() -> None:
    found = group_advantages(torch.tensor([[2, 1.125, 0, 1]]))
    assert found[0].tolist() == pytest.approx([1.18287, 0.11447, -1.25918, -0.03816], abs=1e-5)


def test_equal_rewards_give_zero_advantages() -> None:
    assert group_advantages(torch.full((2, 4), 0.7)).abs().max().item() < 1e-3
    assert group_advantages(torch.ones(1, 4)).tolist() == [[0, 0, 0, 0]]


def test_a_group_of_one_is_refused() -> None:
    with pytest.raises(InputError, match="completions"):
        group_advantages(torch.ones(3, 1))


def test_tokens_after_the_first_end_do_not_count_and_the_end_does() -> None:
    tokens = torch.tensor([[5, 9, 7, 9], [5, 6, 7, 8]])
    assert completion_mask(tokens, 9).tolist() == [[True, True, False, False], [True] * 4]


def test_an_unmoved_policy_gains_its_advantage_and_pays_no_penalty() -> None:
    log = torch.full((2, 3), -1.0)
    loss = policy_loss(log, log, log, torch.tensor([1.0, -0.5]), torch.ones(2, 3, dtype=torch.bool))
    assert loss.item() == pytest.approx(-0.25)


def test_the_ratio_is_clipped_and_the_penalty_is_added() -> None:
    old, new = torch.zeros(1, 1), torch.full((1, 1), 0.5)
    loss = policy_loss(new, old, old, torch.tensor([2.0]), torch.ones(1, 1, dtype=torch.bool), clip=0.2, beta=0.1)
    distance = -0.5
    penalty = torch.tensor(distance).exp().item() - distance - 1
    assert loss.item() == pytest.approx(-1.2 * 2 + 0.1 * penalty, abs=1e-6)


def test_each_sequence_weighs_the_same_whatever_its_length() -> None:
    log = torch.zeros(2, 4)
    mask = torch.tensor([[True, False, False, False], [True, True, True, True]])
    assert policy_loss(log, log, log, torch.tensor([1.0, 3.0]), mask).item() == pytest.approx(-2.0)
