"""DeAR, first stage: a small cross-encoder learns from labels and a teacher's cached scores on the same candidates."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from mmrank.rerankers.cross_encoder import minilm_with_head
from mmrank.train.objectives.distillation import Main, dear_loss
from mmrank.train.recipes.adapters import save_adapter
from mmrank.train.recipes.config import LoraSettings, RecipeConfig
from mmrank.train.recipes.grouped import fit, rows_of
from mmrank.train.recipes.pointwise import PairScorer, with_adapter
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source
from mmrank.train.recipes.teachers import load_teacher, with_teacher


class DearConfig(RecipeConfig):
    """See dear.yaml."""

    teacher: str = "maxsim"
    source: Source = Source()
    candidates: int = Field(2, ge=2, description="N, a question")
    alphas: list[float] = Field(default_factory=lambda: [0.1], description="one run each; 0 is hard labels alone")
    temperature: float = Field(2.0, gt=0)
    main: Main = "ce"
    target: Literal["teacher", "labels"] = "labels"
    max_tokens: int = Field(228, ge=16, le=512)
    lora: LoraSettings = LoraSettings()


def train(config: DearConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Score once by the teacher, then train one student for each α from the same start."""
    examples, held_out = config.source.read()
    teacher = load_teacher(config.teacher)
    rows = with_teacher(rows_of(examples, config.candidates, config.trainer.seed), teacher, out / "teacher.jsonl")
    tests = with_teacher(rows_of(held_out, config.candidates), teacher, out / "teacher.jsonl")
    torch.manual_seed(config.trainer.seed)
    start = minilm_with_head()
    before: dict[str, float] = {
        "teacher recall": sum(max(row["teacher"]) == row["teacher"][0] for row in tests) / len(tests)
    }
    after: dict[str, float] = {}
    for alpha in config.alphas:
        torch.manual_seed(config.trainer.seed)
        model = with_adapter(copy.deepcopy(start), config.lora)
        folder = out / f"alpha-{alpha:g}"
        first, last = fit(
            model,
            rows=rows,
            held_out=tests,
            scorer=PairScorer(config.max_tokens),
            objective=Distilled(config, alpha),
            settings=config.trainer,
            out=folder,
            resume=resume and (folder / "checkpoints").is_dir(),
        )
        before.update(first)
        after.update({f"alpha={alpha:g} {name}": value for name, value in last.items() if name != "loss"})
        save_adapter(folder, model, {"base": "minilm", "recipe": "dear"}, head="classifier")
    return TrainingReport("dear", out, before, after)


class Distilled:
    """`dear_loss` with the recipe's settings."""

    def __init__(self, config: DearConfig, alpha: float) -> None:
        self.config, self.alpha = config, alpha

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """Of one batch."""
        return dear_loss(
            scores[..., 0],
            batch["teacher"],
            alpha=self.alpha,
            temperature=self.config.temperature,
            main=self.config.main,
            target=self.config.target,
            mask=batch["mask"],
        )
