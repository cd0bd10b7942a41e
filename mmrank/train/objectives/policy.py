"""The core of group-relative policy optimisation (GRPO): advantages and the clipped loss.

Follows the trainer MM-R5 was published with; Rank-R1 and ProRank use the same core.
"""

from __future__ import annotations

from torch import Tensor

from mmrank.errors import InputError


def group_advantages(rewards: Tensor, epsilon: float = 1e-4) -> Tensor:
    """How much better each completion is than its group.

    Args:
        rewards: (groups, completions), the sum of all rewards of each completion.
        epsilon: keeps groups of equal rewards finite; theirs are exactly zero.

    Returns:
        (groups, completions) in float32: (reward − mean) / (std + epsilon), std with n − 1.

    Raises:
        InputError: when a group has fewer than two completions, since its spread is undefined.

    >>> import torch
    >>> group_advantages(torch.tensor([[2, 1.125, 0, 1]])).round(decimals=5).tolist()[0][0] > 1.18
    True
    """
    if rewards.ndim != 2 or rewards.shape[1] < 2:
        raise InputError(f"rewards must be (groups, completions >= 2), got {tuple(rewards.shape)}")
    rewards = rewards.float()
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return centred / (rewards.std(dim=1, keepdim=True) + epsilon)


def completion_mask(tokens: Tensor, end_token: int) -> Tensor:
    """True up to and including the first end token; all True where there is none.

    Args:
        tokens: (batch, length) ids of completions.
        end_token: id that ends a completion.
    """
    ended = (tokens == end_token).long().cumsum(dim=1)
    return (ended == 0) | ((ended == 1) & (tokens == end_token))


def policy_loss(
    new: Tensor,
    old: Tensor,
    reference: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip: float = 0.2,
    beta: float = 0.04,
) -> Tensor:
    """The clipped policy loss with its penalty for leaving the reference model.

    Args:
        new: (batch, length) log-probabilities of the completion tokens under the model being trained.
        old: the same under the model that wrote the completions.
        reference: the same under the reference model.
        advantages: (batch,).
        mask: (batch, length) boolean, True for tokens that count.
        clip: half-width of the trusted interval of the probability ratio.
        beta: weight of the penalty exp(d) − d − 1, d = reference − new.

    Returns:
        A scalar: averaged over the tokens of each sequence, then over sequences.
    """
    ratio = (new - old).exp()
    gain = advantages.unsqueeze(1)  # (batch, 1)
    surrogate = (ratio * gain).minimum(ratio.clamp(1 - clip, 1 + clip) * gain)
    distance = reference - new
    penalty = distance.exp() - distance - 1
    per_token = (beta * penalty - surrogate).masked_fill(~mask, 0.0)
    return (per_token.sum(dim=1) / mask.sum(dim=1).clamp(min=1)).mean()
