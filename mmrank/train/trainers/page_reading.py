"""Reading pages: a model's margin for each page of a question, pointwise or setwise, and what it cost."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrank.errors import InputError
from mmrank.rerankers.echoes import without_echoes
from mmrank.rerankers.presentation import fenced, quote_tags
from mmrank.rerankers.prompts import YES_NO, setwise_chat
from mmrank.train.objectives.distillation import dear_loss, softmax_cross_entropy
from mmrank.train.trainers import ranks
from mmrank.train.trainers.grouped import Objective, Row, grouped_mask, ungroup
from mmrank.train.trainers.label_logits import MARGIN, LabelScorer
from mmrank.train.trainers.language_models import turns

ANSWER = "<answer>["
"""What a setwise answer begins with; the next token is the label."""


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
    """

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        self._judge = LabelScorer(tokenizer, YES_NO, max_tokens=max_tokens)
        self.tokens = 0
        self.shuffled = False

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
        return self._judge.scores(model, inputs)[..., MARGIN : MARGIN + 1]


class Setwise:
    """The logit of each page's label where the answer begins, all pages of a question in one prompt.

    While it trains, pages stand in an order by chance; otherwise as they are given.

    Args:
        tokenizer: the model's.
        max_tokens: of a page's view, cut at its end and counted in `shortened`.
        seed: of the orders.

    Raises:
        InputError: when a label is not a single token.
    """

    def __init__(self, tokenizer: Any, max_tokens: int, seed: int = 0) -> None:
        self.tokenizer, self.max_tokens = tokenizer, max_tokens
        self.tokens = self.shortened = 0
        self.shuffled = True
        self._rng = random.Random(seed)
        self.labels = []
        for number in range(1, 10):
            ids = tokenizer.encode(str(number), add_special_tokens=False)
            if len(ids) != 1:
                raise InputError(f"the label {number} is {len(ids)} tokens for this tokenizer; it must be one")
            self.labels.append(ids[0])

    def asked(self, row: Row) -> dict[str, Any]:
        """`prompt`, all pages of a row with their labels up to the label that answers, and `gold`, the right one."""
        prompt, order = self._prompt(row)
        return {"prompt": prompt, "gold": order.index(0) + 1}

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`; `places` (batch, candidates) holds the label of each candidate, from 0."""
        mask = grouped_mask(rows)
        made = [self._prompt(row) for row in rows]
        places = [order.index(at) for _, order in made for at in range(len(order))]
        self.tokenizer.padding_side = "left"
        prompts = [prompt for prompt, _ in made]
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        return {
            "input_ids": inputs["input_ids"],
            "attention_mask": inputs["attention_mask"],
            "places": ungroup(torch.tensor(places)[:, None], mask)[..., 0],
            "mask": mask,
        }

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1): the label's log-probability among those of the candidates."""
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        self.tokens += int(mask.sum()) if model.training else 0
        logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False).logits[:, -1]
        found = logits[:, self.labels].float().gather(1, inputs["places"])  # (batch, candidates)
        return found.masked_fill(~inputs["mask"], -1e4).log_softmax(dim=1)[..., None]

    def _prompt(self, row: Row) -> tuple[str, list[int]]:
        """The prompt, and the candidates in the order in which it shows them."""
        row = shown(row)
        order = list(range(len(row["candidates"])))
        if self.shuffled:
            self._rng.shuffle(order)
        views = [(self._short(row["candidates"][at]),) for at in order]
        chat = turns(setwise_chat((row["query"],), views, reason=False))
        prompt = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return str(prompt) + ANSWER, order

    def _short(self, view: str) -> str:
        offsets = self.tokenizer(view, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        if len(offsets) <= self.max_tokens:
            return view
        self.shortened += 1
        return view[: offsets[self.max_tokens - 1][1]]


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


OBJECTIVES: Mapping[str, Objective] = {"sft": judged_alone, "cl": judged_together, "choose": judged_together}


Scorer = Pointwise | Setwise


@torch.no_grad()
def read_pages(model: Any, scorer: Scorer, rows: Sequence[Row], batch: int) -> list[list[float]]:
    """The margin of each candidate of each row. Setwise, every row is read in two orders, and the mean counts.

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
        values = _read(model, scorer, some)
        if isinstance(scorer, Setwise):
            turned = _read(model, scorer, [{**row, "candidates": row["candidates"][::-1]} for row in some])
            values = [
                [(a + b) / 2 for a, b in zip(one, other[::-1], strict=True)]
                for one, other in zip(values, turned, strict=True)
            ]
        found.update(zip(places, values, strict=True))
    return [found[at] for at in range(len(rows))]


def _read(model: Any, scorer: Scorer, rows: Sequence[Row]) -> list[list[float]]:
    scorer.shuffled = False
    inputs = {name: value.to(ranks.device()) for name, value in scorer.collate(rows).items()}
    scorer.shuffled = True
    scores = scorer.scores(model, inputs)[..., 0].float().cpu()
    return [scores[at, : len(row["candidates"])].tolist() for at, row in enumerate(rows)]
