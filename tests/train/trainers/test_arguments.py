"""From our settings to the arguments of the trainers."""

from __future__ import annotations

import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmrank.adapters import read_adapter
from mmrank.errors import InputError, MissingExtraError

sys.path.append(str(Path(__file__).parent.parent))
pytest.importorskip("trl")

import shrunk


def test_settings_for_several_gpus_are_read_by_name_or_from_a_file(tmp_path: Path) -> None:
    from mmrank.train.trainers.arguments import DEVICES, device_settings

    assert device_settings("zero3")["zero_optimization"]["stage"] == 3
    assert all(device_settings(name) for name in DEVICES)
    (tmp_path / "own.json").write_text('{"version": 1}', encoding="utf-8")
    assert device_settings(str(tmp_path / "own.json")) == {"version": 1}
    with pytest.raises(InputError, match="zero4"):
        device_settings("zero4")


@pytest.mark.parametrize("asked", [True, False])
def test_gradient_checkpointing_is_as_the_settings_say(asked: bool, tmp_path: Path) -> None:
    from mmrank.train.trainers.arguments import common_arguments
    from mmrank.train.trainers.settings import TrainerSettings

    settings = TrainerSettings(gradient_checkpointing=asked)
    assert common_arguments(settings, tmp_path)["gradient_checkpointing"] is asked
    split = common_arguments(TrainerSettings(gradient_checkpointing=asked, fsdp="fsdp"), tmp_path)
    assert split["fsdp_config"]["activation_checkpointing"]
    assert not split["gradient_checkpointing"]  # the trainers refuse both


@pytest.mark.skipif(find_spec("deepspeed") is not None, reason="deepspeed is installed")
def test_where_deepspeed_is_missing_the_extra_is_named(tmp_path: Path) -> None:
    from mmrank.train.trainers.arguments import common_arguments
    from mmrank.train.trainers.settings import TrainerSettings

    with pytest.raises(MissingExtraError, match=r"mmrank\[deepspeed\]"):
        common_arguments(TrainerSettings(deepspeed="zero3"), tmp_path)


def wide_llama(folder: Path) -> str:
    """A shrunk Llama whose layers are as wide as bitsandbytes' blocks of 64."""
    import tiny_models

    model, tokenizer = tiny_models.tiny_llama(hidden_size=128, intermediate_size=128, num_attention_heads=4)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
@pytest.mark.parametrize("kind", ["4bit", "8bit"])
def test_quantised_weights_stay_while_their_adapter_learns(kind: str, tmp_path: Path) -> None:
    from mmrank.train.loading import run_recipe

    base = wide_llama(tmp_path / "llama")
    lora = {**shrunk.LORA, "modules": shrunk.LANGUAGE}
    steps = {**shrunk.STEPS, "bf16": False}
    given = {"base": base, "model": {"quantise": kind}, "source": {"toy": 16, "held_out_limit": 4}, "trainer": steps}
    with pytest.raises(InputError, match="quantised weights are not trained themselves"):
        run_recipe("likelihood", out=tmp_path / "whole", lora=None, **given)
    run_recipe("likelihood", out=tmp_path / "run", lora=lora, **given)
    assert read_adapter(tmp_path / "run" / "adapter.safetensors").tensors
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    steps_taken = [row for row in rows if "loss" in row]
    assert len(steps_taken) == 3
    assert all(math.isfinite(row["loss"]) and row["grad_norm"] > 0 for row in steps_taken)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
@pytest.mark.parametrize("kind", ["4bit", "8bit"])
def test_quantised_vision_models_learn_from_pictures(kind: str, tmp_path: Path) -> None:
    import tiny_models

    from mmrank.train.loading import run_recipe

    wide = tiny_models.tiny_qwen2_5_vl(
        hidden_size=128,
        intermediate_size=128,
        num_attention_heads=4,
        num_key_value_heads=2,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [4, 6, 6]},
        vision={"hidden_size": 64, "intermediate_size": 128},
    )
    run_recipe(
        "mm_r5",
        base=str(wide.save(tmp_path / "base")),
        out=tmp_path / "run",
        model={"quantise": kind},
        pictures=True,
        max_pixels=56 * 56,
        source=shrunk.pages(tmp_path),
        candidates=3,
        prompt_tokens=1200,
        stages=["sft"],
        measure={"answers": 2, "batch": 2},  # before training, too: weights that were measured still pass gradients on
        sft_lora={**shrunk.LORA, "modules": shrunk.LANGUAGE},
        sft={**shrunk.STEPS, "bf16": False, "batch": 1},
    )
    rows = [json.loads(line) for line in (tmp_path / "run" / "sft" / "metrics.jsonl").open()]
    taken = [row for row in rows if "loss" in row]
    assert len(taken) == 3 and all(math.isfinite(row["loss"]) and row["grad_norm"] > 0 for row in taken)
