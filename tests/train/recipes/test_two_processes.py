"""Two processes train one model: both learn the same figures, one writes, and a stopped run goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent.parent))
pytest.importorskip("trl")

from two_processes import learnt, start

LORA = {"rank": 2, "alpha": 4, "modules": ["q_proj", "v_proj"]}


@pytest.mark.slow
def test_two_processes_learn_the_same_and_one_writes(tmp_path: Path) -> None:
    quick = {"max_steps": 3, "save_steps": 3, "log_steps": 1, "batch": 4}
    stages = {"choice": quick, "sft": quick, "trainer": {**quick, "max_steps": 2, "save_steps": 2}}
    runs: list[dict[str, Any]] = [
        {"recipe": "likelihood", "variant": "small", "out": "likelihood", "lora": LORA, "trainer": quick},
        {"recipe": "mm_r5", "variant": "small", "out": "mm_r5", "stages": ["choice", "sft", "rl"], **stages},
        {"recipe": "query_adapter", "variant": "small", "out": "query_adapter", "trainer": quick},
    ]
    for one in runs:
        one["out"] = str(tmp_path / one["out"])
    start(tmp_path, runs)
    for name in ("likelihood", "mm_r5", "query_adapter"):
        first, second = learnt(tmp_path / name)
        assert first == second
        assert first["after"]
        for path in (tmp_path / name).rglob("metrics.jsonl"):
            steps = [row["step"] for row in map(json.loads, path.open()) if "loss" in row]
            assert steps == sorted(set(steps)), path  # written once
    assert (tmp_path / "likelihood" / "adapter.safetensors").is_file()
    assert (tmp_path / "mm_r5" / "model" / "config.json").is_file()
