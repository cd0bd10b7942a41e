"""Of the checkpoints of a stage that only knows a loss, the one that does best on held-out examples is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from mmrank.train.trainers.imitation import imitate
from mmrank.train.trainers.language_models import load_causal
from mmrank.train.trainers.settings import LoraSettings, TrainerSettings

PAIRS = [([{"role": "user", "content": f"say {word}"}], word) for word in ("yes", "no", "maybe", "never")]


def trained(out: Path, figures: Iterator[float], *, resume: bool = False, lora: LoraSettings | None = None) -> Any:
    """Imitate for three steps; the figure of each checkpoint is told beforehand, the weights are kept beside it."""
    seen: list[dict[str, Any]] = []

    def measure(model: Any) -> Mapping[str, float]:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"recall": next(figures)}

    model, tokenizer = load_causal("tiny", [chat[0]["content"] + answer for chat, answer in PAIRS])
    settings = TrainerSettings(max_steps=3, batch=2, learning_rate=1e-2, bf16=False, save_steps=1, log_steps=1)
    kept = imitate(
        model,
        tokenizer,
        PAIRS,
        settings=settings,
        lora=lora,
        max_tokens=64,
        out=out,
        resume=resume,
        best=(measure, "recall"),
    )
    return kept.state_dict(), seen


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("lora", [None, LoraSettings(rank=2, alpha=4)])
def test_the_best_checkpoint_is_kept_not_the_last(tmp_path: Path, lora: LoraSettings | None) -> None:
    kept, seen = trained(tmp_path, iter([0.1, 0.9, 0.3]), lora=lora)
    assert same(kept, seen[1]) and not same(kept, seen[2])
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    assert [row["held_out_recall"] for row in rows if "held_out_recall" in row] == [0.1, 0.9, 0.3]


def test_a_resumed_run_knows_what_was_best_before(tmp_path: Path) -> None:
    _, seen = trained(tmp_path, iter([0.1, 0.9, 0.3]))
    shutil.rmtree(tmp_path / "checkpoints" / "checkpoint-3")
    kept, again = trained(tmp_path, iter([0.4]), resume=True)
    assert len(again) == 1
    assert same(kept, seen[1])
