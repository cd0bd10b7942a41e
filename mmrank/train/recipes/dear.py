"""DeAR, first stage: a student learns from labels and from a teacher's scores of the same candidates."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from mmrank.errors import InputError
from mmrank.rerankers.cross_encoder import minilm_with_head
from mmrank.train.objectives.distillation import Main, dear_loss
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.base_weights import how_to_load
from mmrank.train.trainers.grouped import fit, rows_of
from mmrank.train.trainers.lora import save_adapter
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.scalar_heads import PrefixedPairScorer, load_scalar, save_scalar, with_scalar_lora
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, RecipeConfig
from mmrank.train.trainers.teachers import load_teacher, with_teacher
from mmrank.train.trainers.text_pairs import TextPairScorer, with_head_adapter


class DearConfig(RecipeConfig):
    """See dear.yaml."""

    base: str = Field("minilm", description="the student: minilm, a folder or a hub name of a model like Llama")
    model: ModelSettings = ModelSettings()
    teacher: str = Field(
        "maxsim",
        description="maxsim, likelihood, an adapter.safetensors, a folder, a hub name, or a .jsonl of scores: query, "
        "candidate, score",
    )
    candidates: int = Field(2, ge=2, description="per question (the paper's N)")
    alphas: list[float] = Field(
        default_factory=lambda: [0.1], description="shares of the teacher's loss, one run each; 0 is labels alone"
    )
    temperature: float = Field(2.0, gt=0, description="softens both distributions in the teacher's loss")
    main: Main = Field("ce", description="the other loss: ce, ranknet, listnet or ranknet_ce")
    target: Literal["teacher", "labels"] = Field("labels", description="what ranknet and listnet compare with")
    query_tokens: int = Field(32, ge=4, description="of a question, for a student like Llama")
    passage_tokens: int = Field(196, ge=8, description="of a candidate, for a student like Llama")
    max_tokens: int = Field(228, ge=16, le=512, description="per pair of question and candidate, for minilm")
    lora: LoraSettings = LoraSettings()


def train(config: DearConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Score all candidates once with the teacher, then train one student per α, each from the same start."""
    examples, held_out = config.source.read()
    teacher = load_teacher(config.teacher)
    rows = with_teacher(rows_of(examples, config.candidates, config.trainer.seed), teacher, out / "teacher.jsonl")
    tests = with_teacher(rows_of(held_out, config.candidates), teacher, out / "teacher.jsonl")
    torch.manual_seed(config.trainer.seed)
    start, tokenizer = load_student(config)
    scorer: Any = (
        TextPairScorer(config.max_tokens)
        if tokenizer is None
        else PrefixedPairScorer(tokenizer, config.query_tokens, config.passage_tokens)
    )
    before: dict[str, float] = {
        "teacher recall": sum(max(row["teacher"]) == row["teacher"][0] for row in tests) / len(tests)
    }
    after: dict[str, float] = {}
    for alpha in config.alphas:
        torch.manual_seed(config.trainer.seed)
        fresh = copy.deepcopy(start) if len(config.alphas) > 1 else start
        model = (with_head_adapter if tokenizer is None else with_scalar_lora)(fresh, config.lora)
        folder = out / f"alpha-{alpha:g}"
        first, last = fit(
            model,
            rows=rows,
            held_out=tests,
            scorer=scorer,
            objective=Distilled(config, alpha),
            settings=config.trainer,
            out=folder,
            baseline=config.measure.baseline,
            plus=config.lora.plus,
            resume=resumes_stage(folder, resume),
        )
        before.update(first)
        after.update({f"alpha={alpha:g} {name}": value for name, value in last.items() if name != "loss"})
        if tokenizer is None:
            save_adapter(folder, model, {"base": "minilm", "recipe": "dear"}, head="classifier")
        else:
            save_scalar(folder / "adapter", model, tokenizer)
    return TrainingReport("dear", out, before, after, {"shortened candidates": getattr(scorer, "shortened", 0)})


def works(config: DearConfig) -> list[Work]:
    """The runs of all α, for their plan.

    Raises:
        InputError: for MiniLM, which needs none.
    """
    if config.base == "minilm":
        raise InputError("minilm trains in minutes and needs no plan; name a larger student as base")
    examples, _ = config.source.read()
    scorer = PrefixedPairScorer(tokenizer_of(config.base), config.query_tokens, config.passage_tokens)
    rows = rows_of(examples, config.candidates, config.trainer.seed)
    groups = [[len(scorer.ids(row["query"], text)) for text in row["candidates"]] for row in rows]
    lengths, longest = [sum(each) for each in groups], max(map(max, groups))
    return [Work(f"alpha {alpha:g}", config.trainer, config.lora, lengths, longest) for alpha in config.alphas]


def load_student(config: DearConfig) -> tuple[Any, Any]:
    """The student, and its tokenizer, which MiniLM's scorer has itself."""
    if config.base == "minilm":
        return minilm_with_head(), None
    return load_scalar(config.base, how_to_load(config, adapted=True), config.trainer.seed)


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
