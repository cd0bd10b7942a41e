"""Recipes by name: which there are, and how one is run."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrank.errors import InputError, require
from mmrank.train.protocol import Recipe, TrainingReport

if TYPE_CHECKING:
    from mmrank.train.trainers.planning import StagePlan


@dataclass(frozen=True, slots=True)
class RecipeEntry:
    """A recipe: the name of its settings class, and what it trains, in one line.

    The module `mmrank.train.recipes.<name>` holds both the settings class and the function `train`.
    """

    settings: str
    summary: str


RECIPES = {
    "contrastive": RecipeEntry(
        "ContrastiveConfig",
        "Any text or vision-language encoder, with one vector per passage or one per token: contrastive loss.",
    ),
    "late_interaction": RecipeEntry(
        "LateInteractionConfig",
        "The embedded MiniLM's passage vectors and token vectors together, by one adapter: contrastive loss.",
    ),
    "token_weights": RecipeEntry(
        "TokenWeightsConfig",
        "How much each word of a question counts in late interaction: 770 numbers beside a frozen MiniLM.",
    ),
    "query_adapter": RecipeEntry(
        "QueryAdapterConfig",
        "A low-rank change to the vectors of questions; the encoder and the index stay as they are.",
    ),
    "pointwise": RecipeEntry(
        "PointwiseConfig", "The embedded cross-encoder: softmax over the candidates of each question."
    ),
    "likelihood": RecipeEntry(
        "LikelihoodConfig",
        "A language model that scores a passage by the log-probability of the question after it (UPR).",
    ),
    "rank_r1": RecipeEntry(
        "RankR1Config", "A language model that thinks, then names the one most relevant passage: GRPO (Rank-R1)."
    ),
    "mm_r5": RecipeEntry(
        "MmR5Config",
        "A model that reasons about passages or page pictures, then ranks them: imitation, then GRPO (MM-R5).",
    ),
    "prorank": RecipeEntry(
        "ProRankConfig", "A language model that judges a passage by 0 or 1: GRPO, then fine-grained scores (ProRank)."
    ),
    "sft_vs_cl": RecipeEntry(
        "SftVsClConfig", "A yes/no judge by supervised fine-tuning, contrastive learning and their mixtures (GMR)."
    ),
    "reader": RecipeEntry(
        "ReaderConfig", "A reader of the first pages that retrieval finds: ways to train it, judged out of fold."
    ),
    "dear": RecipeEntry(
        "DearConfig", "The embedded cross-encoder from labels and a teacher's scores (DeAR, first stage)."
    ),
    "idcm": RecipeEntry(
        "IdcmConfig",
        "A model like BERT for windows of long documents, and a cheap one that selects the windows (IDCM).",
    ),
    "identify": RecipeEntry(
        "IdentifyConfig",
        "One vector per document, the mean of its sections' vectors, and a reranker of sections (IDentIfy).",
    ),
}
"""Name → recipe."""


def run_recipe(
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
        config: a YAML file whose settings override the recipe's own.
        variant: a variant named in the recipe's file, for instance "small".
        out: folder for checkpoints, metrics.jsonl, TensorBoard's files and the result.
        resume: continue from the last checkpoint in `out`.
        changes: settings that override all others.

    Raises:
        InputError: for an unknown recipe, variant or setting, and when there is nothing to resume.
        MissingExtraError: when the extra `train` is not installed.
    """
    if recipe not in RECIPES:
        raise InputError(f"unknown recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    for needed in ("peft", "trl", "accelerate", "datasets", "tensorboard"):
        require(needed, "train")
    from mmrank.train.trainers import ranks

    ranks.join()
    if resume and not any(out.rglob("checkpoint-*")):
        raise InputError(f"{out} holds no checkpoint to resume; start without --resume")
    module, settings = _settings(recipe, config, variant, changes)
    train: Recipe = module.train
    return train(settings, out, resume=resume)


def plan_recipe(
    recipe: str,
    *,
    config: Path | None = None,
    variant: str | None = None,
    gpus: int = 1,
    throughput: float | None = None,
    **changes: Any,
) -> list[StagePlan]:
    """What a run would take, without training.

    Args:
        recipe: one of `RECIPES`.
        config: see `run_recipe`.
        variant: see `run_recipe`.
        gpus: how many share the work.
        throughput: tokens per second and GPU; without it no hours are given.
        changes: settings that override all others.

    Raises:
        InputError: for recipes of the embedded models, which train in minutes and need no plan.
    """
    if recipe not in RECIPES:
        raise InputError(f"unknown recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    from mmrank.train.trainers.planning import plan

    module, settings = _settings(recipe, config, variant, changes)
    if not hasattr(module, "works"):
        raise InputError(f"{recipe} has no plan: it trains one of the small embedded models")
    base = settings.encoder if recipe == "contrastive" else settings.base
    if base in ("tiny", "smollm2", "minilm"):
        raise InputError(f"{base} needs no plan: it is small; name another one")
    return plan(base, module.works(settings), model=getattr(settings, "model", None), gpus=gpus, throughput=throughput)


def _settings(recipe: str, config: Path | None, variant: str | None, changes: dict[str, Any]) -> tuple[Any, Any]:
    """The module of a recipe, and its settings."""
    from mmrank.train.trainers.settings import load_config

    module = importlib.import_module(f"mmrank.train.recipes.{recipe}")
    settings_class = getattr(module, RECIPES[recipe].settings)
    return module, load_config(settings_class, recipe, config=config, variant=variant, changes=changes)
