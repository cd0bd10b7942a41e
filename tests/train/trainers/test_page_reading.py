"""What a reader learns from a choice among pages."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

from mmrank.rerankers.prompts import YES_NO
from mmrank.train.trainers.language_models import load_causal
from mmrank.train.trainers.page_reading import Pointwise, Rewarded

MASK = torch.tensor([[True, True, True], [True, True, False]])


def test_drawn_pages_raise_the_chance_of_the_right_one() -> None:
    torch.manual_seed(0)
    scores = torch.zeros(2, 3, 1, requires_grad=True)
    optimizer = torch.optim.SGD([scores], lr=0.5)
    for _ in range(60):
        optimizer.zero_grad()
        Rewarded(8)(scores, {"mask": MASK}).backward()
        optimizer.step()
    chances = scores.detach()[..., 0].masked_fill(~MASK, -1e4).softmax(dim=1)
    assert (chances[:, 0] > 0.8).all()
    assert float(chances[1, 2]) == pytest.approx(0.0)


def test_draws_that_are_all_right_teach_nothing() -> None:
    scores = torch.tensor([[[50.0], [0.0], [0.0]]], requires_grad=True)
    Rewarded(4)(scores, {"mask": MASK[:1]}).backward()
    assert scores.grad is not None
    assert float(scores.grad.abs().sum()) == pytest.approx(0.0)


@pytest.mark.parametrize("workers", [0, 2])
def test_cut_pages_are_counted_whichever_process_prepares_batches(workers: int) -> None:
    texts = [f"{number} " + "wheat " * number for number in range(1, 81, 10)]
    _, tokenizer = load_causal("tiny", [*texts, YES_NO.frame("yes no wheat", ""), YES_NO.instruction])
    rows = [{"query": "wheat", "candidates": [text, "wheat"]} for text in texts]
    longest = [max(Pointwise(tokenizer, max_tokens=10_000).lengths(row)) for row in rows]
    limit = sorted(longest)[len(rows) // 2]
    scorer = Pointwise(tokenizer, max_tokens=limit)
    batches = DataLoader(rows, batch_size=2, collate_fn=scorer.collate, num_workers=workers)  # type: ignore[arg-type]
    assert max(batch["input_ids"].shape[1] for batch in batches) <= limit
    assert scorer.shortened == sum(length > limit for length in longest) > 0
