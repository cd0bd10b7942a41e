"""Base models in 4 and 8 bits (QLoRA): their weights stay, and an adapter learns."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from mmrank.adapters import read_adapter
from mmrank.errors import InputError

sys.path.append(str(Path(__file__).parent.parent))
pytest.importorskip("trl")
pytest.importorskip("bitsandbytes")

import shrunk
import tiny_models

from mmrank.train.loading import run_recipe

LORA = {**shrunk.LORA, "modules": shrunk.LANGUAGE}
STEPS = {**shrunk.STEPS, "max_steps": 2, "save_steps": 2, "bf16": False}
WIDE = {"hidden_size": 128, "intermediate_size": 128, "num_attention_heads": 4}
"""Layers as wide as the blocks of 64 that are quantised together."""


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("llama")
    for part in tiny_models.tiny_llama(**WIDE):
        part.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("qwen")
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [4, 6, 6]}
    heads = {"num_key_value_heads": 2, "rope_parameters": rope}
    made = tiny_models.tiny_qwen2_5_vl(**WIDE, **heads, vision={"hidden_size": 64, "intermediate_size": 128})
    return {"base": str(made.save(folder / "base")), "source": shrunk.pages(folder)}


def assert_learnt(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    taken = [row for row in rows if "loss" in row]
    assert len(taken) == 2 and all(math.isfinite(row["loss"]) and row["grad_norm"] > 0 for row in taken)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["4bit", "8bit"])
def test_quantised_weights_stay_while_their_adapter_learns(kind: str, text_model: str, tmp_path: Path) -> None:
    given = {"base": text_model, "model": {"quantise": kind}, "source": {"toy": 8, "held_out_limit": 2}}
    with pytest.raises(InputError, match="quantised weights are not trained themselves"):
        run_recipe("likelihood", out=tmp_path / "whole", lora=None, trainer=STEPS, **given)
    run_recipe("likelihood", out=tmp_path / "run", lora=LORA, trainer=STEPS, **given)
    assert read_adapter(tmp_path / "run" / "adapter.safetensors").tensors
    assert_learnt(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["4bit", "8bit"])
def test_quantised_vision_models_learn_from_pictures(kind: str, vision: dict[str, Any], tmp_path: Path) -> None:
    run_recipe(
        "mm_r5",
        out=tmp_path / "run",
        model={"quantise": kind},
        pictures=True,
        max_pixels=56 * 56,
        candidates=3,
        prompt_tokens=1200,
        stages=["sft"],
        # Before training, too: weights that were measured still pass gradients on.
        measure={"answers": 1, "batch": 1},
        grpo={"completion_tokens": 4},
        sft_lora=LORA,
        sft={**STEPS, "batch": 1},
        **vision,
    )
    assert_learnt(tmp_path / "run" / "sft")
