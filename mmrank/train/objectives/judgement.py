"""Supervised fine-tuning against contrastive learning for yes/no rerankers, taken apart into weight and direction.

After "SFT or CL?" (GMR, lychee-rerank-mm). `yes` and `no` are the logits of the two words at the last position,
(batch, documents), the first document of each row relevant. Losses are sums over documents and rows unless
`reduction="mean"`: the reduction changes the effective learning rate, so fix it before comparing.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmrank.errors import InputError

Kind = Literal["sft", "cl"]
Reduction = Literal["sum", "mean"]


def sft_loss(yes: Tensor, no: Tensor, reduction: Reduction = "mean") -> Tensor:
    """−log p(right word) on the two words; "mean" is over documents."""
    margin = yes.float() - no.float()
    wanted = torch.zeros_like(margin)
    wanted[:, 0] = 1
    return F.binary_cross_entropy_with_logits(margin, wanted, reduction=reduction)


def cl_loss(yes: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Softmax over the documents' "yes" logits, the first one right; "mean" is over questions."""
    loss = -yes.float().log_softmax(dim=1)[:, 0]
    return loss.mean() if reduction == "mean" else loss.sum()


def weights(yes: Tensor, no: Tensor, kind: Kind) -> Tensor:
    """How hard each document pulls, (batch, documents), detached.

    "sft": probability of the wrong word. "cl": for the relevant document the share of the others, for each other
    document its own share.
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
    """What is pulled, (batch, documents): yes − no for "sft", yes for "cl"."""
    if kind == "sft":
        return yes.float() - no.float()
    if kind == "cl":
        return yes.float()
    raise InputError(f"unknown direction {kind!r}; there are: sft, cl")


def constant_weights(yes: Tensor, no: Tensor, threshold: float | None = None) -> Tensor:
    """Weight 1 for every document; with a threshold τ, 0 once its right word is likelier than 1 − τ."""
    ones = torch.ones_like(yes, dtype=torch.float32)
    if threshold is None:
        return ones
    wrong = weights(yes, no, "sft")
    return ones.masked_fill(1 - wrong > 1 - threshold, 0.0)


def url_loss(pull: Tensor, along: Tensor, reduction: Reduction = "mean") -> Tensor:
    """The surrogate whose gradient is weight times direction.

    With (W_SFT, D_SFT) its gradient is that of `sft_loss`, with (W_CL, D_CL) that of `cl_loss` (both as sums).

    Args:
        pull: (batch, documents) weights; no gradient flows through them.
        along: (batch, documents) directions.
        reduction: "mean" is over questions.
    """
    signed = along * torch.cat([-torch.ones_like(along[:, :1]), torch.ones_like(along[:, 1:])], dim=1)
    loss = (pull.detach() * signed).sum(dim=1)
    return loss.mean() if reduction == "mean" else loss.sum()
