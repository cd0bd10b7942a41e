"""Supervised fine-tuning or contrastive learning: combinations of weight and direction, trained from the same start."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from mmrank.rerankers.prompts import YES_NO
from mmrank.train.objectives.judgement import Kind, direction, surrogate_loss, weights
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.grouped import fit, rows_of
from mmrank.train.trainers.label_logits import LabelScorer
from mmrank.train.trainers.language_models import load_causal
from mmrank.train.trainers.lora import with_language_lora
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.settings import LoraSettings, RecipeConfig

Combination = Literal["sft+sft", "sft+cl", "cl+sft", "cl+cl", "constant+sft", "constant+cl"]
"""weight+direction; "constant" weighs all documents alike."""


class SftVsClConfig(RecipeConfig):
    """See sft_vs_cl.yaml."""

    base: str = "Qwen/Qwen2.5-VL-3B-Instruct"
    candidates: int = Field(17, ge=2, description="per question, the relevant one included")
    combinations: list[Combination] = Field(
        ["sft+sft", "sft+cl", "cl+sft", "cl+cl", "constant+sft"], min_length=1, description="one run each"
    )
    lora: LoraSettings | None = LoraSettings()


def train(config: SftVsClConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train each combination; the report holds `<weight>+<direction> recall` and `… mrr` on held-out groups."""
    examples, held_out = config.source.read()
    rows, tests = rows_of(examples, config.candidates, config.trainer.seed), rows_of(held_out, config.candidates)
    texts = [YES_NO.frame(str(row["query"]), "") + " ".join(row["candidates"]) for row in (*rows, *tests)]
    start, tokenizer = load_causal(config.base, [*texts, "yes", "no"], config.trainer.seed)
    scorer = LabelScorer(tokenizer, YES_NO)
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    for combination in config.combinations:
        model = with_language_lora(copy.deepcopy(start), config.lora)
        folder = out / combination.replace("+", "_")
        first, last = fit(
            model,
            rows=rows,
            held_out=tests,
            scorer=scorer,
            objective=WeightTimesDirection(combination),
            settings=config.trainer,
            out=folder,
            resume=resumes_stage(folder, resume),
        )
        before = first
        after.update({f"{combination} {name}": value for name, value in last.items() if name != "loss"})
        (out / "comparison.json").write_text(json.dumps(after, indent=2), encoding="utf-8")
    return TrainingReport("sft_vs_cl", out, before, after)


class WeightTimesDirection:
    """The surrogate loss of one weight with one direction, mean over questions."""

    def __init__(self, name: Combination) -> None:
        self.weight, _, self.direction = name.partition("+")

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of one batch; padding has weight 0."""
        lowest = -1e4
        yes = scores[..., 0].masked_fill(~batch["mask"], lowest)
        no = scores[..., 1].masked_fill(~batch["mask"], 0.0)
        kind: Kind = "cl" if self.direction == "cl" else "sft"
        if self.weight == "constant":
            pull = torch.ones_like(yes)
        else:
            pull = weights(yes, no, "cl" if self.weight == "cl" else "sft")
        pull = pull.masked_fill(~batch["mask"], 0.0)
        return surrogate_loss(pull, direction(yes, no, kind))
