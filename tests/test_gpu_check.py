"""The checks for GPU machines run without one too, one line each, and say what failed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "tools" / "gpu_check.py"


def lines(*arguments: str) -> tuple[int, list[dict]]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--device", "cpu", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_each_check_gives_one_line_with_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    only = "machine,encoders.qwen2_5_vl,rerankers.qwen2_5_vl"
    failed, found = lines("--only", only, "--out", str(out))
    assert [line["check"] for line in found] == only.split(",")
    assert {line["state"] for line in found} == {"ok"}, found
    assert failed == 0
    assert found[1]["figures"]["passages float32"] >= 0.999
    assert [json.loads(line) for line in out.read_text().splitlines()] == found


@pytest.mark.slow
def test_a_check_that_takes_too_long_fails_and_the_next_one_runs() -> None:
    failed, found = lines("--only", "memory,machine", "--seconds", "0.5")
    assert failed == 1
    assert {line["check"]: line["state"] for line in found} == {"machine": "ok", "memory": "failed"}
    assert found[1]["said"] == "not done after 0.5 s"
