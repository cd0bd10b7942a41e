"""InfoNCE: the right passage against all others of the batch (van den Oord et al. 2018; DPR, Karpukhin et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from mmrank.errors import InputError


def info_nce(
    queries: Tensor,
    passages: Tensor,
    *,
    temperature: float | Tensor = 0.05,
    positives: Tensor | None = None,
    excluded: Tensor | None = None,
) -> Tensor:
    """Mean over queries of −log softmax(cosine / temperature) at the right passage.

    Args:
        queries: (b, d) unit vectors.
        passages: (n, d) unit vectors, n at least b.
        temperature: a number or a learned scalar, above 0.
        positives: (b,) the right passage of each query; without it the k-th passage is that of the k-th query.
        excluded: (b, n) boolean, True where a passage is not compared with a query (the right passage again, or
            another known answer). The right passage itself is always compared.

    Returns:
        A scalar, float32.

    Raises:
        InputError: when the shapes do not fit.
    """
    if queries.dim() != 2 or passages.dim() != 2 or queries.shape[1] != passages.shape[1]:
        raise InputError(f"queries {tuple(queries.shape)} and passages {tuple(passages.shape)} do not fit")
    if positives is None:
        if len(passages) < len(queries):
            raise InputError(f"{len(queries)} queries need as many passages, got {len(passages)}")
        positives = torch.arange(len(queries), device=queries.device)
    return contrast(queries.float() @ passages.float().T / temperature, positives, excluded)


def contrast(logits: Tensor, positives: Tensor, excluded: Tensor | None = None) -> Tensor:
    """InfoNCE of given logits, (b, n); see `info_nce`."""
    if excluded is not None:
        kept = torch.zeros_like(excluded).scatter_(1, positives[:, None], True)
        logits = logits.masked_fill(excluded & ~kept, -torch.inf)
    return cross_entropy(logits, positives)
