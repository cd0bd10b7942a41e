"""DeAR, first stage: a small cross-encoder learns from labels and from a teacher's scores of the same candidates."""

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
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.grouped import fit, rows_of
from mmrank.train.trainers.lora import save_adapter
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.settings import LoraSettings, RecipeConfig
from mmrank.train.trainers.teachers import load_teacher, with_teacher
from mmrank.train.trainers.text_pairs import TextPairScorer, with_head_adapter


class DearConfig(RecipeConfig):
    """See dear.yaml."""

    teacher: str = Field("maxsim", description="maxsim, likelihood, an adapter.safetensors, a folder or a hub name")
    candidates: int = Field(2, ge=2, description="per question (the paper's N)")
    alphas: list[float] = Field(
        default_factory=lambda: [0.1], description="shares of the teacher's loss, one run each; 0 is labels alone"
    )
    temperature: float = Field(2.0, gt=0, description="softens both distributions in the teacher's loss")
    main: Main = Field("ce", description="the other loss: ce, ranknet, listnet or ranknet_ce")
    target: Literal["teacher", "labels"] = Field("labels", description="what ranknet and listnet compare with")
    max_tokens: int = Field(228, ge=16, le=512, description="per pair of question and candidate")
    lora: LoraSettings = LoraSettings()


def train(config: DearConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Score all candidates once with the teacher, then train one student per α, each from the same start."""
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
        model = with_head_adapter(copy.deepcopy(start), config.lora)
        folder = out / f"alpha-{alpha:g}"
        first, last = fit(
            model,
            rows=rows,
            held_out=tests,
            scorer=TextPairScorer(config.max_tokens),
            objective=Distilled(config, alpha),
            settings=config.trainer,
            out=folder,
            resume=resumes_stage(folder, resume),
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
        """The loss of one batch."""
        return dear_loss(
            scores[..., 0],
            batch["teacher"],
            alpha=self.alpha,
            temperature=self.config.temperature,
            main=self.config.main,
            target=self.config.target,
            mask=batch["mask"],
        )
