"""Start a recipe by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrank.errors import InputError, require

if TYPE_CHECKING:
    from mmrank.train.recipes.report import TrainingReport

RECIPES = {
    "contrastive": "ContrastiveConfig",
    "late_interaction": "LateInteractionConfig",
    "token_weights": "TokenWeightsConfig",
    "query_adapter": "QueryAdapterConfig",
    "pointwise": "PointwiseConfig",
    "likelihood": "LikelihoodConfig",
    "rank_r1": "RankR1Config",
    "mm_r5": "MmR5Config",
    "prorank": "ProRankConfig",
    "sft_vs_cl": "SftVsClConfig",
    "dear": "DearConfig",
    "idcm": "IdcmConfig",
    "identify": "IdentifyConfig",
}
"""Recipe → its settings. The recipe's module of the same name holds both the settings and `train`."""

SUMMARIES = {
    "contrastive": "Any encoder by contrast: text or vision-language, one vector a passage or one a token.",
    "late_interaction": "MiniLM's pooled and token vectors in one adapter, in-batch and hard negatives.",
    "token_weights": "Which words of a question count in late interaction: 770 numbers beside a frozen MiniLM.",
    "query_adapter": "Questions' vectors beside a frozen encoder and index: what words leave open, at low rank.",
    "pointwise": "The embedded cross-encoder: softmax over a question's candidates.",
    "likelihood": "How likely the question is after a passage, told apart by contrast (UPR).",
    "rank_r1": "Setwise reasoning by GRPO (Rank-R1).",
    "mm_r5": "Listwise reasoning by imitation and GRPO, over passages or page pictures (MM-R5).",
    "prorank": "GRPO until the model answers 0 or 1, then fine scores (ProRank).",
    "sft_vs_cl": "Four combinations of weight and direction, compared (GMR).",
    "dear": "A cross-encoder from labels and a teacher's cached scores (DeAR, first stage).",
    "idcm": "A cheap selector of windows from a frozen expensive model (IDCM).",
    "identify": "One vector a document merged from its sections, then a section reranker (IDentIfy).",
}
"""Recipe → what it trains."""


def run(
    recipe: str,
    *,
    config: Path | None = None,
    variant: str | None = None,
    out: Path,
    resume: bool = False,
    **changes: Any,
) -> TrainingReport:
    """Train by a recipe.

    Args:
        recipe: one of `RECIPES`.
        config: a YAML file whose settings go over the recipe's own.
        variant: a variant named in the recipe's file, for instance "small".
        out: folder for checkpoints, metrics.jsonl, TensorBoard's files and the result.
        resume: go on at the last checkpoint in `out`.
        changes: settings that go over all others.

    Raises:
        InputError: for an unknown recipe, variant or setting, and where there is nothing to resume.
        MissingExtraError: when the extra `train` is not installed.
    """
    if recipe not in RECIPES:
        raise InputError(f"unknown recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    for needed in ("peft", "trl", "accelerate", "datasets", "tensorboard"):
        require(needed, "train")
    if resume and not any(out.rglob("checkpoint-*")):
        raise InputError(f"{out} holds no checkpoint to resume; start without --resume")
    from mmrank.train.recipes.config import load_config

    module = importlib.import_module(f"mmrank.train.recipes.{recipe}")
    settings = load_config(getattr(module, RECIPES[recipe]), recipe, config=config, variant=variant, changes=changes)
    train: Callable[..., TrainingReport] = module.train
    return train(settings, out, resume=resume)
