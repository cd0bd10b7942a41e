"""Query likelihood: how likely a question is after a passage, by a language model trained to tell passages apart.

UPR (Sachan et al., EMNLP 2022) ranks by log p(question | passage) of a model as it is. By Bayes' rule the softmax of
these over a question's candidates is the chance of each to be the one it was asked about, so the groups of the other
recipes train it: softmax cross-entropy over the candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from mmrank.rerankers.prompts import likelihood_chat
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.recipes.adapters import save_adapter
from mmrank.train.recipes.causal import load_causal, turns
from mmrank.train.recipes.config import LoraSettings, RecipeConfig
from mmrank.train.recipes.grouped import Row, fit, grouped_mask, rows_of, ungroup
from mmrank.train.recipes.reinforce import lora_config, save_whole
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source


class LikelihoodConfig(RecipeConfig):
    """See likelihood.yaml."""

    base: str = "smollm2"
    source: Source = Source()
    candidates: int = Field(4, ge=2, description="a question, the relevant one included")
    passage_tokens: int = Field(160, ge=8, description="a candidate is cut after this many")
    question_tokens: int = Field(64, ge=4, description="a question is cut after this many")
    lora: LoraSettings | None = LoraSettings()


def train(config: LikelihoodConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train; write `adapter.safetensors`, or the whole model to `model` where all weights were trained."""
    examples, held_out = config.source.read()
    rows, tests = rows_of(examples, config.candidates, config.trainer.seed), rows_of(held_out, config.candidates)
    texts = [
        message.text
        for row in (*rows, *tests)
        for text in row["candidates"]
        for message in likelihood_chat((text,), (row["query"],))
    ]
    model, tokenizer = load_causal(config.base, texts, config.trainer.seed)
    torch.manual_seed(config.trainer.seed)
    if config.lora is not None:
        from peft import get_peft_model

        model = get_peft_model(model, lora_config(config.lora))
    before, after = fit(
        model,
        rows=rows,
        held_out=tests,
        scorer=LikelihoodScorer(tokenizer, config.passage_tokens, config.question_tokens),
        objective=lambda scores, batch: softmax_cross_entropy(scores[..., 0], batch["mask"]),
        settings=config.trainer,
        out=out,
        resume=resume,
    )
    if config.lora is None:
        save_whole(model, tokenizer, out / "model")
    else:
        save_adapter(out, model, {"base": config.base, "recipe": "likelihood"})
    return TrainingReport("likelihood", out, before, after)


class LikelihoodScorer:
    """Log-probability of the question's tokens after each candidate, summed."""

    def __init__(self, tokenizer: Any, passage_tokens: int, question_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.passage_tokens = passage_tokens
        self.question_tokens = question_tokens

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `Scorer`. Padded on the right; `asked` (all candidates, tokens) is True at the question's tokens."""
        made = [self._ids(row["query"], text) for row in rows for text in row["candidates"]]
        width = max(len(ids) for ids, _ in made)
        input_ids = torch.full((len(made), width), self.tokenizer.pad_token_id)
        attention = torch.zeros((len(made), width), dtype=torch.long)
        asked = torch.zeros((len(made), width), dtype=torch.bool)
        for place, (ids, question) in enumerate(made):
            input_ids[place, : len(ids)] = torch.tensor(ids)
            attention[place, : len(ids)] = 1
            asked[place, len(ids) - question : len(ids)] = True
        return {"input_ids": input_ids, "attention_mask": attention, "asked": asked, "mask": grouped_mask(rows)}

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1)."""
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        states = inner.model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
        ).last_hidden_state  # (all candidates, tokens, hidden)
        asked = inputs["asked"][:, 1:]
        # Only where a question's token comes next: logits over the whole vocabulary are the dear part.
        logits = inner.lm_head(states[:, :-1][asked]).float()  # (question tokens of all candidates, vocabulary)
        spoken = logits.log_softmax(-1).gather(-1, inputs["input_ids"][:, 1:][asked][:, None])[:, 0]
        owner = asked.nonzero()[:, 0]
        summed = spoken.new_zeros(len(asked)).index_add(0, owner, spoken)
        return ungroup(summed[:, None], inputs["mask"])

    def _ids(self, query: str, candidate: str) -> tuple[list[int], int]:
        question = self._cut(query, self.question_tokens)
        chat = turns(likelihood_chat((self._cut(candidate, self.passage_tokens),), ())[:-1])
        prompt = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        first = self.tokenizer.encode(prompt, add_special_tokens=False)
        second = self.tokenizer.encode(question, add_special_tokens=False)
        return [*first, *second], len(second)

    def _cut(self, text: str, tokens: int) -> str:
        found = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return text if len(found) <= tokens else text[: found[tokens - 1][1]]
