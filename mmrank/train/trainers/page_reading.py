"""Reading pages: a model's margin for each page of a question, what it learns from them, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrank.rerankers.echoes import without_echoes
from mmrank.rerankers.presentation import fenced, quote_tags
from mmrank.rerankers.prompts import YES_NO
from mmrank.train.objectives.distillation import dear_loss, softmax_cross_entropy
from mmrank.train.trainers import ranks
from mmrank.train.trainers.grouped import Objective, Row, ungroup
from mmrank.train.trainers.kept_prompts import ReadOnce
from mmrank.train.trainers.label_logits import MARGIN, LabelScorer


def shown(row: Row) -> dict[str, Any]:
    """A row whose question and pages are as a reranker shows them."""
    query = row["query"]
    return {
        **row,
        "query": quote_tags(query),
        "candidates": [fenced(without_echoes(text, query)) for text in row["candidates"]],
    }


class Pointwise:
    """The logit of yes less that of no, for each page by itself, as `--rerank reader` asks.

    Args:
        tokenizer: the model's.
        max_tokens: of a prompt; a longer view is cut at its end and counted in `shortened`.
        once: reads prompts in place of the model, see `ReadOnce`.
    """

    def __init__(self, tokenizer: Any, max_tokens: int, once: ReadOnce | None = None) -> None:
        self._once = once
        self._judge = LabelScorer(tokenizer, YES_NO, max_tokens=max_tokens)
        self.tokens = 0

    @property
    def shortened(self) -> int:
        """Views that were cut."""
        return self._judge.shortened

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`."""
        return self._judge.collate([shown(row) for row in rows])

    def lengths(self, row: Row) -> list[int]:
        """Tokens of each candidate's prompt."""
        row = shown(row)
        return [self._judge.length(self._judge.chat(row["query"], text)) for text in row["candidates"]]

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1): the margin."""
        self.tokens += int(inputs["attention_mask"].sum()) if model.training else 0
        if self._once is None:
            return self._judge.scores(model, inputs)[..., MARGIN : MARGIN + 1]
        labels = self._once.logits(inputs["input_ids"], inputs["attention_mask"], self._judge.labels)
        return ungroup(labels[:, :1] - labels[:, 1:], inputs["mask"])


def judged_alone(scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """SFT: the binary cross-entropy of yes and no; the negatives of a question weigh as much as its answer."""
    margins, mask = scores[..., 0], batch["mask"]
    others = (F.softplus(margins[:, 1:]) * mask[:, 1:]).sum(1) / mask[:, 1:].sum(1).clamp(min=1)
    return (F.softplus(-margins[:, 0]) + others).mean()


def judged_together(scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """CL: the softmax of a question's margins."""
    return softmax_cross_entropy(scores[..., 0], batch["mask"])


class TaughtTogether:
    """DeAR: the softmax of the margins, and a share of a teacher's.

    Args:
        alpha: share of the teacher.
        temperature: softens both.
    """

    def __init__(self, alpha: float, temperature: float) -> None:
        self.alpha, self.temperature = alpha, temperature

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of one batch."""
        mask, teacher = batch["mask"], batch["teacher"]
        return dear_loss(scores[..., 0], teacher, alpha=self.alpha, temperature=self.temperature, mask=mask)


class Rewarded:
    """GRPO (Shao et al. 2024) of a choice among a question's pages, as Rank-R1 rewards it: 1 for the right page.

    The answer is a page, without thoughts, and the chance of each is the softmax of the margins. So many answers are
    drawn per question, and each is used once: nothing is clipped, and there is no divergence from a reference.

    Args:
        completions: answers that are drawn per question.
        temperature: of the draws.
    """

    def __init__(self, completions: int, temperature: float = 1.0) -> None:
        self.completions, self.temperature = completions, temperature

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of one batch; 0 where all draws of a question are alike."""
        chances = (scores[..., 0] / self.temperature).masked_fill(~batch["mask"], -1e4).log_softmax(dim=1)
        drawn = torch.multinomial(chances.detach().exp(), self.completions, replacement=True)
        rewards = (drawn == 0).float()  # the relevant candidate is the first one
        advantages = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
        return -(advantages * chances.gather(1, drawn)).mean()


OBJECTIVES: Mapping[str, Objective] = {"sft": judged_alone, "cl": judged_together}


@torch.no_grad()
def read_pages(model: Any, scorer: Pointwise, rows: Sequence[Row], batch: int) -> list[list[float]]:
    """The margin of each candidate of each row.

    Args:
        model: put in evaluation mode.
        scorer: how pages are read.
        rows: `query` and `candidates` each.
        batch: rows that are read together.
    """
    model.eval()
    found: dict[int, list[float]] = {}
    order = sorted(range(len(rows)), key=lambda at: sum(map(len, rows[at]["candidates"])))
    for start in range(0, len(order), batch):
        places = order[start : start + batch]
        some = [rows[at] for at in places]
        found.update(zip(places, _read(model, scorer, some), strict=True))
    return [found[at] for at in range(len(rows))]


def _read(model: Any, scorer: Pointwise, rows: Sequence[Row]) -> list[list[float]]:
    inputs = {name: value.to(ranks.device()) for name, value in scorer.collate(rows).items()}
    scores = scorer.scores(model, inputs)[..., 0].float().cpu()
    return [scores[at, : len(row["candidates"])].tolist() for at, row in enumerate(rows)]
