"""Scores of late interaction, with gradients (MaxSim, Khattab & Zaharia 2020)."""

from __future__ import annotations

import torch
from torch import Tensor


def token_scores(queries: Tensor, query_mask: Tensor, passages: Tensor, passage_mask: Tensor) -> Tensor:
    """Mean over the tokens of a question of their best cosine with a token of the passage.

    Args:
        queries: (queries, query tokens, dim), unit vectors.
        query_mask: (queries, query tokens) boolean.
        passages: (passages, tokens, dim), unit vectors.
        passage_mask: (passages, tokens) boolean.

    Returns:
        (queries, passages).
    """
    similarity = torch.einsum("qid,pjd->qpij", queries, passages)  # (queries, passages, query tokens, tokens)
    best = similarity.masked_fill(~passage_mask[None, :, None, :], float("-inf")).amax(dim=-1)
    counted = best.masked_fill(~query_mask[:, None, :], 0.0)
    return counted.sum(dim=-1) / query_mask.sum(dim=-1, keepdim=True).clamp(min=1)
