"""The recipe `reader`: prompts that are read once, more pages judged by readers that were trained before, the gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmrank.errors import InputError
from mmrank.train.loading import run_recipe
from mmrank.train.recipes import reader

pytest.importorskip("trl")
SETTINGS: dict[str, Any] = {"kept": {"tokens": 2, "layers": 1}, "first": None, "arms": ["untrained", "sft", "sft+grpo"]}


def _run(out: Path, depth: int, *, resume: bool) -> dict[str, dict[str, Any]]:
    run_recipe("reader", variant="small", out=out, resume=resume, depths=[depth], **SETTINGS)
    rows = [json.loads(line) for line in (out / "table.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["arm"]: row for row in rows}


def _margins(out: Path) -> list[list[float]]:
    found: list[list[float]] = json.loads((out / "sft_grpo" / "fold-0" / "margins.json").read_text())["margins"]
    return found


def test_pages_further_down_are_judged_without_training_again(tmp_path: Path) -> None:
    before = _run(tmp_path, 2, resume=False)
    shallow = _margins(tmp_path)
    after = _run(tmp_path, 3, resume=True)
    deep = _margins(tmp_path)
    assert {len(row) for row in shallow} == {2}
    assert {len(row) for row in deep} == {3}
    for first, second in zip(shallow, deep, strict=True):
        assert second[:2] == pytest.approx(first, abs=1e-4)
    trained = ("seconds", "tokens")
    assert [after["sft+grpo"][name] for name in trained] == [before["sft+grpo"][name] for name in trained]
    assert before["sft+grpo"]["read tokens"] < before["untrained"]["read tokens"]
    assert before["sft+grpo"]["tokens"] < before["sft"]["tokens"]  # it begins where sft ended
    assert "toy, first 3" in after["untrained"]["kinds"]


def test_an_adapter_that_acts_on_last_tokens_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave out kept"):
        run_recipe("reader", variant="small", out=tmp_path, final="cl", **SETTINGS)


@pytest.mark.parametrize(
    ("gate", "pairs", "change", "written"),
    [(0.65, 0.7, 1.0, True), (0.65, 0.6, 1.0, False), (0.65, 0.7, -1.0, False), (0.0, 0.1, -1.0, True)],
)
def test_a_reader_that_ranks_worse_than_retrieval_is_not_trained_on_all_documents(
    gate: float, pairs: float, change: float, written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"arm": "cl", "pairs": pairs, "change": change, "kinds": {}, "weight": 1.0, "tokens": 0, "seconds": 0.0}
    learned: list[int] = []
    monkeypatch.setattr(reader._Run, "judged", lambda run: row)
    monkeypatch.setattr(reader._Run, "learn", lambda run, fold: learned.append(fold))
    report = run_recipe("reader", variant="small", out=tmp_path, arms=["cl"], final="cl", gate=gate)
    assert (tmp_path / "adapter.safetensors").is_file() is written is bool(learned)
    assert report.counts["near misses below the gate"] == (pairs < gate)
    assert report.counts["recall below retrieval's"] == (change < 0 < gate)
