"""DeAR's first stage: hard labels, a teacher's scores, and their mix.

Everywhere `scores` and `teacher` are (batch, candidates) for the *same* candidates, positive in column 0, and a
boolean `mask` (batch, candidates) is False for padding.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmrank.errors import InputError

Main = Literal["ce", "ranknet", "listnet", "ranknet_ce"]


def _masked(scores: Tensor, mask: Tensor | None) -> Tensor:
    scores = scores.float()
    return scores if mask is None else scores.masked_fill(~mask, float("-inf"))


def softmax_cross_entropy(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over a question's candidates, target column 0; mean over the batch."""
    return -_masked(scores, mask).log_softmax(dim=1)[:, 0].mean()


def one_hot(scores: Tensor) -> Tensor:
    """Hard labels in the shape of a teacher's scores: 1 in column 0."""
    labels = torch.zeros_like(scores, dtype=torch.float32)
    labels[:, 0] = 1
    return labels


def ranknet(scores: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over all pairs i < j of the cross-entropy of σ(s_i − s_j) against σ(y_i − y_j).

    Args:
        scores: (batch, candidates) of the student.
        target: (batch, candidates): a teacher's scores, or `one_hot(scores)`.
        mask: pairs with a missing candidate are left out.
    """
    first, second = torch.triu_indices(scores.shape[1], scores.shape[1], offset=1)
    scores, target = scores.float(), target.float()
    loss = F.binary_cross_entropy_with_logits(
        scores[:, first] - scores[:, second],
        (target[:, first] - target[:, second]).sigmoid(),
        reduction="none",
    )  # (batch, pairs)
    if mask is None:
        return loss.mean()
    present = mask[:, first] & mask[:, second]
    return loss[present].mean()


def listnet(scores: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """KL(softmax(y) ‖ softmax(s)), mean over the batch."""
    return _divergence(scores, target, 1.0, mask)


def distillation(scores: Tensor, teacher: Tensor, temperature: float = 2.0, mask: Tensor | None = None) -> Tensor:
    """T² · KL(softmax(t/T) ‖ softmax(s/T)), mean over the batch."""
    return temperature**2 * _divergence(scores, teacher, temperature, mask)


def _divergence(scores: Tensor, target: Tensor, temperature: float, mask: Tensor | None) -> Tensor:
    student = (_masked(scores, mask) / temperature).log_softmax(dim=1)
    wanted = (_masked(target, mask) / temperature).log_softmax(dim=1)
    terms = wanted.exp() * (wanted - student)
    if mask is not None:
        terms = terms.masked_fill(~mask, 0.0)
    return terms.sum(dim=1).mean()


def dear_loss(
    scores: Tensor,
    teacher: Tensor,
    *,
    alpha: float = 0.1,
    temperature: float = 2.0,
    main: Main = "ce",
    target: Literal["teacher", "labels"] = "labels",
    mask: Tensor | None = None,
) -> Tensor:
    """(1 − α) · main + α · distillation.

    Args:
        scores: (batch, candidates) of the student.
        teacher: (batch, candidates) of the teacher, for the same candidates.
        alpha: share of the distillation term.
        temperature: softens both distributions in the distillation term.
        main: the loss on the labels; "ranknet_ce" is half RankNet on labels, half cross-entropy.
        target: what RankNet and ListNet compare with. Cross-entropy always takes the labels.
        mask: see the module.

    Raises:
        InputError: when student and teacher scored different numbers of candidates, or α is outside 0 to 1.
    """
    if scores.shape != teacher.shape:
        raise InputError(f"student scored {tuple(scores.shape)}, teacher {tuple(teacher.shape)}: score the same lists")
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha must be between 0 and 1, got {alpha}")
    wanted = teacher if target == "teacher" else one_hot(scores)
    losses = {
        "ce": lambda: softmax_cross_entropy(scores, mask),
        "ranknet": lambda: ranknet(scores, wanted, mask),
        "listnet": lambda: listnet(scores, wanted, mask),
        "ranknet_ce": lambda: 0.5 * ranknet(scores, one_hot(scores), mask) + 0.5 * softmax_cross_entropy(scores, mask),
    }
    if main not in losses:
        raise InputError(f"unknown loss {main!r}; there are: {', '.join(losses)}")
    return (1 - alpha) * losses[main]() + alpha * distillation(scores, teacher, temperature, mask)
