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
    "late_interaction": "LateInteractionConfig",
    "pointwise": "PointwiseConfig",
    "rank_r1": "RankR1Config",
    "mm_r5": "MmR5Config",
    "prorank": "ProRankConfig",
    "sft_vs_cl": "SftVsClConfig",
    "dear": "DearConfig",
    "idcm": "IdcmConfig",
    "identify": "IdentifyConfig",
}
"""Recipe → its settings. The recipe's module of the same name holds both the settings and `train`."""


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
        InputError: for an unknown recipe, variant or setting.
        MissingExtraError: when the extra `train` is not installed.
    """
    if recipe not in RECIPES:
        raise InputError(f"unknown recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    for needed in ("peft", "trl", "accelerate", "datasets", "tensorboard"):
        require(needed, "train")
    from mmrank.train.recipes.config import load_config

    module = importlib.import_module(f"mmrank.train.recipes.{recipe}")
    settings = load_config(getattr(module, RECIPES[recipe]), recipe, config=config, variant=variant, changes=changes)
    train: Callable[..., TrainingReport] = module.train
    return train(settings, out, resume=resume)
