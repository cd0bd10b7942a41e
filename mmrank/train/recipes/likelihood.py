"""Query likelihood: a language model scores a passage by the log-probability of the question after it.

UPR (Sachan et al., EMNLP 2022) ranks by log p(question | passage) of an untrained model. By Bayes' rule, the softmax of
these values over a question's candidates is the probability that the question was asked about each of them. So softmax
cross-entropy over the candidates trains the model.
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
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.base_weights import how_to_load
from mmrank.train.trainers.grouped import Row, fit, grouped_mask, rows_of, ungroup
from mmrank.train.trainers.language_models import load_causal, save_model, turns
from mmrank.train.trainers.lora import save_adapter, with_language_lora
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, RecipeConfig


class LikelihoodConfig(RecipeConfig):
    """See likelihood.yaml."""

    base: str = "smollm2"
    model: ModelSettings = ModelSettings()
    candidates: int = Field(4, ge=2, description="per question, the relevant one included")
    passage_tokens: int = Field(160, ge=8, description="a longer candidate is truncated")
    question_tokens: int = Field(64, ge=4, description="a longer question is truncated")
    lora: LoraSettings | None = LoraSettings()


def train(config: LikelihoodConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train, and write `adapter.safetensors`, or the whole model to `model` if all weights were trained."""
    examples, held_out = config.source.read()
    rows, tests = rows_of(examples, config.candidates, config.trainer.seed), rows_of(held_out, config.candidates)
    texts = [
        message.text
        for row in (*rows, *tests)
        for text in row["candidates"]
        for message in likelihood_chat((text,), (row["query"],))
    ]
    model, tokenizer = load_causal(
        config.base, texts, config.trainer.seed, how_to_load(config, adapted=config.lora is not None)
    )
    torch.manual_seed(config.trainer.seed)
    model = with_language_lora(model, config.lora)
    before, after = fit(
        model,
        rows=rows,
        held_out=tests,
        scorer=LikelihoodScorer(tokenizer, config.passage_tokens, config.question_tokens),
        objective=lambda scores, batch: softmax_cross_entropy(scores[..., 0], batch["mask"]),
        settings=config.trainer,
        out=out,
        baseline=config.measure.baseline,
        plus=config.lora.plus if config.lora else None,
        resume=resume,
    )
    if config.lora is None:
        save_model(model, tokenizer, out / "model")
    else:
        save_adapter(out, model, {"base": config.base, "recipe": "likelihood"})
    return TrainingReport("likelihood", out, before, after)


def works(config: LikelihoodConfig) -> list[Work]:
    """The one stage of a run, for its plan."""
    examples, _ = config.source.read()
    scorer = LikelihoodScorer(tokenizer_of(config.base), config.passage_tokens, config.question_tokens)
    rows = rows_of(examples, config.candidates, config.trainer.seed)
    groups = [[len(scorer.ids(row["query"], text)[0]) for text in row["candidates"]] for row in rows]
    return [Work("likelihood", config.trainer, config.lora, [sum(each) for each in groups], max(map(max, groups)))]


class LikelihoodScorer:
    """Sum of the log-probabilities of the question's tokens after each candidate."""

    def __init__(self, tokenizer: Any, passage_tokens: int, question_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.passage_tokens = passage_tokens
        self.question_tokens = question_tokens

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`. Padded on the left; `asked` (all candidates, tokens) is True at the question's tokens."""
        made = [self.ids(row["query"], text) for row in rows for text in row["candidates"]]
        width = max(len(ids) for ids, _ in made)
        input_ids = torch.full((len(made), width), self.tokenizer.pad_token_id)
        attention = torch.zeros((len(made), width), dtype=torch.long)
        asked = torch.zeros((len(made), width), dtype=torch.bool)
        for place, (ids, question) in enumerate(made):
            input_ids[place, width - len(ids) :] = torch.tensor(ids)
            attention[place, width - len(ids) :] = 1
            asked[place, width - question :] = True
        return {"input_ids": input_ids, "attention_mask": attention, "asked": asked, "mask": grouped_mask(rows)}

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1)."""
        asked = inputs["asked"]
        longest = int(asked.sum(dim=1).max())
        # Only where a token of a question comes next: logits over the whole vocabulary are the expensive part.
        logits = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            position_ids=(inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0),
            use_cache=False,
            logits_to_keep=longest + 1,
        ).logits[:, :-1]  # (all candidates, longest question, vocabulary)
        wanted, counted = inputs["input_ids"][:, -longest:], asked[:, -longest:]
        log_probabilities = logits[counted].float().log_softmax(-1).gather(-1, wanted[counted][:, None])[:, 0]
        owner = counted.nonzero()[:, 0]
        summed = log_probabilities.new_zeros(len(asked)).index_add(0, owner, log_probabilities)
        return ungroup(summed[:, None], inputs["mask"])

    def ids(self, query: str, candidate: str) -> tuple[list[int], int]:
        """Token ids of a candidate and the question after it, and how many are the question's."""
        question = self._cut(query, self.question_tokens)
        chat = turns(likelihood_chat((self._cut(candidate, self.passage_tokens),), ())[:-1])
        prompt = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        first = self.tokenizer.encode(prompt, add_special_tokens=False)
        second = self.tokenizer.encode(question, add_special_tokens=False)
        return [*first, *second], len(second)

    def _cut(self, text: str, tokens: int) -> str:
        found = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return text if len(found) <= tokens else text[: found[tokens - 1][1]]
