"""Settings of recipes: one shape for all, and errors that name the known ones."""

from __future__ import annotations

import importlib
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from mmrank.errors import InputError
from mmrank.train.loading import RECIPES
from mmrank.train.trainers.settings import load_config

pytest.importorskip("trl")


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_defaults_and_the_small_variant_of_each_recipe_are_valid(recipe: str) -> None:
    model = getattr(importlib.import_module(f"mmrank.train.recipes.{recipe}"), RECIPES[recipe].settings)
    assert load_config(model, recipe).trainer.batch >= 1
    assert load_config(model, recipe, variant="small").trainer.max_steps > 0


def test_papers_hyper_parameters_are_the_defaults() -> None:
    from mmrank.train.recipes.mm_r5 import MmR5Config
    from mmrank.train.recipes.rank_r1 import RankR1Config

    mm_r5 = load_config(MmR5Config, "mm_r5")
    assert (mm_r5.grpo.completions, mm_r5.grpo.updates, mm_r5.trainer.learning_rate) == (4, 2, 1e-5)
    assert mm_r5.lora is not None and mm_r5.sft_lora is not None
    assert (mm_r5.lora.rank, mm_r5.lora.alpha, mm_r5.sft_lora.rank, mm_r5.sft_lora.alpha) == (64, 128, 8, 32)
    assert (mm_r5.sft_lora.plus, mm_r5.max_pixels, mm_r5.trainer.warmup) == (16, 12_845_056, 0.05)
    rank_r1 = load_config(RankR1Config, "rank_r1")
    assert (rank_r1.grpo.completions, rank_r1.candidates, rank_r1.prompt_tokens) == (8, 20, 4096)


def test_a_users_file_goes_over_the_variant(tmp_path: Path) -> None:
    from mmrank.train.recipes.pointwise import PointwiseConfig

    path = tmp_path / "mine.yaml"
    path.write_text("trainer: {max_steps: 77}\n", encoding="utf-8")
    made = load_config(PointwiseConfig, "pointwise", config=path, variant="small")
    assert (made.trainer.max_steps, made.max_tokens) == (77, 48)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("speed: 3\n", "speed: unknown setting; there are: source, measure, trainer, candidates, max_tokens, lora"),
        ("examples: a.jsonl\n", "examples: unknown setting; there are: source"),
        ("source: {file: a.jsonl}\n", "source.file: unknown setting; there are: examples, held_out"),
        ("lora: {size: 4}\n", "lora.size: unknown setting; there are: rank, alpha"),
        ("trainer: {batch: 0}\n", "batch"),
        ("- a\n", "list"),
        ("a: [", "YAML"),
    ],
)
def test_settings_that_do_not_work_are_named(tmp_path: Path, text: str, named: str) -> None:
    from mmrank.train.recipes.pointwise import PointwiseConfig

    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=named):
        load_config(PointwiseConfig, "pointwise", config=path)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_names_its_examples_under_source_and_every_variant_is_valid(recipe: str) -> None:
    model = getattr(importlib.import_module(f"mmrank.train.recipes.{recipe}"), RECIPES[recipe].settings)
    own = yaml.safe_load((files("mmrank.train.recipes") / f"{recipe}.yaml").read_text(encoding="utf-8"))
    assert {"examples", "held_out"} <= set(own["defaults"]["source"])
    for variant in own["variants"]:
        assert load_config(model, recipe, variant=variant).source.held_out_limit > 0


def test_a_combination_of_weight_and_direction_that_does_not_exist_is_refused() -> None:
    from mmrank.train.recipes.sft_vs_cl import SftVsClConfig

    with pytest.raises(InputError, match="combinations"):
        load_config(SftVsClConfig, "sft_vs_cl", changes={"combinations": ["sft+dpo"]})
