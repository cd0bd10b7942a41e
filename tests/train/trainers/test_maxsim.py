"""Scores of late interaction."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("trl")


def test_token_scores_ignore_padding_on_both_sides() -> None:
    from mmrank.train.trainers.maxsim import token_scores

    torch.manual_seed(0)
    queries = torch.nn.functional.normalize(torch.randn(2, 3, 8), dim=-1)
    passages = torch.nn.functional.normalize(torch.randn(4, 5, 8), dim=-1)
    kept = token_scores(queries, torch.ones(2, 3, dtype=torch.bool), passages, torch.ones(4, 5, dtype=torch.bool))
    wide_q = torch.cat([queries, torch.full((2, 2, 8), 9.0)], dim=1)
    wide_p = torch.cat([passages, torch.full((4, 1, 8), 9.0)], dim=1)
    q_mask = torch.tensor([[True] * 3 + [False] * 2] * 2)
    p_mask = torch.tensor([[True] * 5 + [False]] * 4)
    assert torch.allclose(token_scores(wide_q, q_mask, wide_p, p_mask), kept, atol=1e-6)
    by_hand = (queries[0] @ passages[1].T).max(dim=1).values.mean()
    assert kept[0, 1].item() == pytest.approx(by_hand.item(), abs=1e-6)
