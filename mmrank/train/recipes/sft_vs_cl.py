"""Supervised fine-tuning or contrastive learning: combinations of weight and direction, trained from the same start."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from mmrank.rerankers.prompts import YES_NO
from mmrank.train.objectives.judgement import direction, surrogate_loss, weights
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers import ranks
from mmrank.train.trainers.base_weights import how_to_load
from mmrank.train.trainers.grouped import Row, fit, rows_of
from mmrank.train.trainers.label_logits import ALONG, DIRECTION, MARGIN, NEGATIVE, POSITIVE, LabelScorer, with_direction
from mmrank.train.trainers.language_models import load_causal
from mmrank.train.trainers.lora import with_language_lora
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, RecipeConfig
from mmrank.train.trainers.vision_language import MAX_PIXELS, load_vision

Combination = Literal[
    "sft+sft",
    "sft+cl",
    "sft+learned",
    "cl+sft",
    "cl+cl",
    "cl+learned",
    "constant+sft",
    "constant+cl",
    "masked+sft",
    "masked+cl",
]
"""weight+direction. "constant" weighs all documents alike; "masked" those alone that are not right yet; "learned" is a
direction of the hidden states that begins random and is trained."""


class SftVsClConfig(RecipeConfig):
    """See sft_vs_cl.yaml."""

    base: str = "Qwen/Qwen2.5-VL-3B-Instruct"
    model: ModelSettings = ModelSettings()
    pictures: bool = Field(False, description="candidates are pages as pictures: file.pdf#page=4")
    max_pixels: int = Field(MAX_PIXELS, ge=784, description="per picture")
    max_tokens: int = Field(3200, ge=32, description="per prompt; candidates are shortened, pictures scaled to fit")
    candidates: int = Field(17, ge=2, description="per question, the relevant one included")
    combinations: list[Combination] = Field(
        ["sft+sft", "sft+cl", "cl+sft", "cl+cl", "constant+sft", "masked+sft"],
        min_length=1,
        description="one run each",
    )
    tau: float = Field(
        0.1, gt=0, lt=1, description="of the weight masked: a document counts until its label's probability is 1 - tau"
    )
    lora: LoraSettings | None = LoraSettings()


def train(config: SftVsClConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train each combination; the report holds `<weight>+<direction> recall` and `… mrr` on held-out groups.

    Each leaves its `model`, if all weights were trained, or its adapter in peft's format, `adapter/`.
    """
    examples, held_out = config.source.read()
    rows, tests = rows_of(examples, config.candidates, config.trainer.seed), rows_of(held_out, config.candidates)
    start, tokenizer = load_judge(config, rows, tests)
    scorer = LabelScorer(
        tokenizer,
        YES_NO,
        pictures=config.pictures,
        max_pixels=config.max_pixels,
        max_tokens=config.max_tokens,
    )
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    for combination in config.combinations:
        learned = combination.endswith("+learned")
        model = copy.deepcopy(start) if len(config.combinations) > 1 else start
        if learned:
            model = with_direction(model, config.trainer.seed)
        torch.manual_seed(config.trainer.seed)
        model = with_language_lora(model, config.lora, whole=DIRECTION if learned else None)
        folder = out / combination.replace("+", "_")
        first, last = fit(
            model,
            rows=rows,
            held_out=tests,
            scorer=scorer,
            objective=WeightTimesDirection(combination, config.tau),
            settings=config.trainer,
            out=folder,
            baseline=config.measure.baseline,
            plus=config.lora.plus if config.lora else None,
            resume=resumes_stage(folder, resume),
            all_used=learned,
            rank_by=RANKED_BY[combination.partition("+")[2]],
        )
        before.update({f"{combination} {name}": value for name, value in first.items() if name != "loss"})
        after.update({f"{combination} {name}": value for name, value in last.items() if name != "loss"})
        if ranks.writes():
            (out / "comparison.json").write_text(json.dumps(after, indent=2), encoding="utf-8")
            model.save_pretrained(folder / ("model" if config.lora is None else "adapter"))
            tokenizer.save_pretrained(folder / ("model" if config.lora is None else "adapter"))
    return TrainingReport("sft_vs_cl", out, before, after, {"shortened candidates": scorer.shortened})


def works(config: SftVsClConfig) -> list[Work]:
    """The runs of the combinations, for their plan."""
    examples, _ = config.source.read()
    tokenizer = tokenizer_of(config.base, sees=config.pictures)
    scorer = LabelScorer(
        tokenizer, YES_NO, pictures=config.pictures, max_pixels=config.max_pixels, max_tokens=config.max_tokens
    )
    groups = [
        [scorer.length(scorer.chat(row["query"], text)) for text in row["candidates"]]
        for row in rows_of(examples, config.candidates, config.trainer.seed)
    ]
    lengths, longest = [sum(each) for each in groups], max(map(max, groups))
    return [Work(name, config.trainer, config.lora, lengths, longest) for name in config.combinations]


def load_judge(config: SftVsClConfig, rows: Sequence[Row], tests: Sequence[Row]) -> tuple[Any, Any]:
    """The model, and its tokenizer or, with pictures, its processor."""
    how = how_to_load(config, adapted=config.lora is not None)
    if config.pictures:
        return load_vision(config.base, how)
    texts = [YES_NO.frame(str(row["query"]), "") + " ".join(row["candidates"]) for row in (*rows, *tests)]
    return load_causal(config.base, [*texts, "yes", "no"], config.trainer.seed, how)


RANKED_BY = {"sft": MARGIN, "cl": POSITIVE, "learned": ALONG}
"""Direction → the output that candidates are ranked by: the probability of yes, its logit, or what was learnt."""


class WeightTimesDirection:
    """The surrogate loss of one weight with one direction, mean over questions.

    Args:
        name: the combination.
        tau: of the weight "masked".
    """

    def __init__(self, name: Combination, tau: float = 0.1) -> None:
        self.weight, _, self.direction = name.partition("+")
        self.tau = tau

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of one batch; padding has weight 0."""
        lowest = -1e4
        yes = scores[..., POSITIVE].masked_fill(~batch["mask"], lowest)
        no = scores[..., NEGATIVE].masked_fill(~batch["mask"], 0.0)
        if self.weight in ("constant", "masked"):
            pull = torch.ones_like(yes)
        else:
            pull = weights(yes, no, "cl" if self.weight == "cl" else "sft")
        if self.weight == "masked":
            pull = pull * (weights(yes, no, "sft") >= self.tau)  # the probability of the wrong word
        pull = pull.masked_fill(~batch["mask"], 0.0)
        if self.direction == "learned":
            along = scores[..., ALONG].masked_fill(~batch["mask"], 0.0)
        else:
            along = direction(yes, no, "cl" if self.direction == "cl" else "sft")
        return surrogate_loss(pull, along)
