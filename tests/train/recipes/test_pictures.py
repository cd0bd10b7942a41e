"""Page pictures in imitation and in GRPO, on the real classes of vision-language models, small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pymupdf
import pytest
import torch
from tiny_models import Tiny

from mmrank.errors import InputError, MmrankError
from mmrank.train.data.examples import RankingExample, write_examples
from mmrank.train.data.pages import page_reference
from mmrank.train.loading import run_recipe
from mmrank.train.trainers.vision_language import check_picture_tokens

pytest.importorskip("trl")

COLOURS = {"red": (1, 0, 0), "green": (0, 0.7, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Examples whose answer is to be seen: which page shows a colour. Each side has a file of its own."""
    folder = tmp_path_factory.mktemp("coloured")
    made = {}
    for side in ("examples", "held_out"):
        path = folder / f"{side}.pdf"
        with pymupdf.open() as file:
            for colour in COLOURS.values():
                file.new_page(width=56, height=56).draw_rect((6, 6, 50, 50), fill=colour)
            file.save(path)
        pages = [page_reference(path, page) for page in range(4)]
        examples = [
            RankingExample(
                f"which page is {name}",
                (pages[page],),
                (pages[(page + shift) % 4],),
                side,
                evidence={pages[page]: name, pages[(page + shift) % 4]: list(COLOURS)[(page + shift) % 4]},
            )
            for page, name in enumerate(COLOURS)
            for shift in (1, 2, 3)
        ]
        made[side] = folder / f"{side}.jsonl"
        write_examples(made[side], examples if side == "examples" else examples[:2])
    return made


def settings(base: Path, coloured: dict[str, Path]) -> dict[str, Any]:
    return {
        "base": str(base),
        "pictures": True,
        "max_pixels": 56 * 56,
        "source": {**coloured, "toy": 0},
        "candidates": 2,
        "prompt_tokens": 2000,
    }


def metrics(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.open()]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["tiny_qwen2_5_vl", "tiny_qwen3_vl"])
def test_imitation_and_grpo_learn_from_page_pictures(
    family: str, coloured: dict[str, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from mmrank.llm.loading import load_chat_model

    tiny: Tiny = request.getfixturevalue(family)
    base = tiny.save(tmp_path / "base")
    changes = settings(base, coloured)
    changes["sft"] = {"max_steps": 80, "batch": 4, "learning_rate": 2e-2, "save_steps": 80, "log_steps": 1}
    changes["trainer"] = {"max_steps": 2, "batch": 4, "save_steps": 2, "log_steps": 1}
    changes["grpo"] = {"completions": 4, "completion_tokens": 80, "temperature": 0.4}
    report = run_recipe("mm_r5", variant="small", out=tmp_path / "run", **changes)
    losses = [row["loss"] for row in metrics(tmp_path / "run" / "sft" / "metrics.jsonl") if "loss" in row]
    assert losses[-1] < 0.5 * losses[0]
    rewards = [row for row in metrics(tmp_path / "run" / "rl" / "metrics.jsonl") if "reward" in row]
    assert len(rewards) == 2
    assert {"rewards/ranking_result/mean", "rewards/ranking_format/mean"} <= set(rewards[0])
    assert max(row["reward"] for row in rewards) > 0
    assert set(report.after) == {"recall", "quality", "complete"}
    assert load_chat_model(str(tmp_path / "run" / "model")).info.image_tokens > 0


@pytest.mark.slow
def test_with_lora_the_vision_tower_stays_as_it_was(
    coloured: dict[str, Path], tmp_path: Path, tiny_qwen2_5_vl: Tiny
) -> None:
    from safetensors.torch import load_file

    base = tiny_qwen2_5_vl.save(tmp_path / "base")
    changes = settings(base, coloured) | {"stages": ["sft"], "sft_lora": {"rank": 2, "alpha": 4}}
    changes["sft"] = {"max_steps": 2, "batch": 2, "learning_rate": 1e-2, "save_steps": 2}
    run_recipe("mm_r5", variant="small", out=tmp_path / "run", **changes)
    old, new = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "run" / "model"))
    assert set(old) == set(new)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed and not any("visual" in name for name in changed)


@pytest.mark.slow
def test_a_conversation_with_pictures_that_is_too_long_is_refused_not_truncated(
    coloured: dict[str, Path], tmp_path: Path, tiny_qwen2_5_vl: Tiny
) -> None:
    base = tiny_qwen2_5_vl.save(tmp_path / "base")
    changes = settings(base, coloured) | {"stages": ["sft"], "prompt_tokens": 40}
    with pytest.raises(InputError, match="prompt_tokens"):
        run_recipe("mm_r5", variant="small", out=tmp_path / "run", **changes)


def test_a_picture_that_lost_a_token_is_noticed(tiny_qwen2_5_vl: Tiny) -> None:
    from PIL import Image

    processor = tiny_qwen2_5_vl.processor
    text = "<|vision_start|><|image_pad|><|vision_end|>"
    made = processor(text=[text], images=[Image.new("RGB", (56, 56))], return_tensors="pt")
    check_picture_tokens(processor, made["input_ids"], made)
    with pytest.raises(MmrankError, match="truncated"):
        check_picture_tokens(processor, made["input_ids"][:, :3], made)


def test_a_text_model_is_refused_for_pictures(coloured: dict[str, Path], tmp_path: Path) -> None:
    from transformers import LlamaConfig

    LlamaConfig().save_pretrained(tmp_path / "text")
    with pytest.raises(MmrankError, match="reads no pictures"):
        run_recipe("mm_r5", variant="small", out=tmp_path / "run", **settings(tmp_path / "text", coloured))
