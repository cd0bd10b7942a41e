"""Supervised fine-tuning (SFT) and contrastive learning (CL) for yes/no rerankers, as a weight times a direction.

After "Supervised Fine-Tuning or Contrastive Learning? Towards Better Multimodal LLM Reranking" (Dai et al. 2025). `yes`
and `no` are the logits of the two words at the last position, (batch, documents); the first document of each row is the
relevant one.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mmrank.errors import InputError

Kind = Literal["sft", "cl"]


def weights(yes: Tensor, no: Tensor, kind: Kind) -> Tensor:
    """How much each document contributes, (batch, documents), detached.

    "sft": the probability of the wrong word. "cl", with shares by softmax over the "yes" logits: for the relevant
    document the share of all others, for each other document its own.

    Raises:
        InputError: for another kind.
    """
    yes, no = yes.detach().float(), no.detach().float()
    if kind == "sft":
        margin = yes - no
        return torch.cat([(-margin[:, :1]).sigmoid(), margin[:, 1:].sigmoid()], dim=1)
    if kind == "cl":
        share = yes.softmax(dim=1)
        return torch.cat([1 - share[:, :1], share[:, 1:]], dim=1)
    raise InputError(f"unknown weight {kind!r}; there are: sft, cl")


def direction(yes: Tensor, no: Tensor, kind: Kind) -> Tensor:
    """What is raised or lowered, (batch, documents): yes − no for "sft", yes for "cl".

    Raises:
        InputError: for another kind.
    """
    if kind == "sft":
        return yes.float() - no.float()
    if kind == "cl":
        return yes.float()
    raise InputError(f"unknown direction {kind!r}; there are: sft, cl")


def surrogate_loss(weight: Tensor, along: Tensor) -> Tensor:
    """A loss whose gradient is weight times direction, summed over documents, mean over rows.

    With both "sft", its gradient is that of the binary cross-entropy of yes − no, summed over documents; with both
    "cl", that of the softmax cross-entropy over the "yes" logits.

    Args:
        weight: (batch, documents); no gradient flows through it.
        along: (batch, documents), the directions.
    """
    signed = along * torch.cat([-torch.ones_like(along[:, :1]), torch.ones_like(along[:, 1:])], dim=1)
    return (weight.detach() * signed).sum(dim=1).mean()
