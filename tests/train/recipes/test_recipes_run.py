"""Every recipe's small variant runs from its name, writes what it promises, and resumes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mmrank.train.data.examples import write_examples
from mmrank.train.data.toy import toy_examples
from mmrank.train.run import RECIPES, run

pytest.importorskip("trl")

RESULTS = {
    "late_interaction": ["adapter.safetensors"],
    "pointwise": ["adapter.safetensors"],
    "rank_r1": ["model/config.json"],
    "mm_r5": ["model/config.json"],
    "prorank": ["model/config.json"],
    "sft_vs_cl": ["comparison.json"],
    "dear": ["alpha-0/adapter.safetensors", "alpha-0.5/adapter.safetensors", "teacher.jsonl"],
    "idcm": ["selector.safetensors"],
    "identify": ["encoder.safetensors", "reranker.safetensors"],
}
FROM_FILES = {"late_interaction", "pointwise"}


def files(folder: Path) -> dict[str, object]:
    write_examples(folder / "train.jsonl", toy_examples(40, seed=2))
    write_examples(folder / "held_out.jsonl", toy_examples(8, held_out=True))
    return {"examples": folder / "train.jsonl", "held_out": folder / "held_out.jsonl"}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_small_variant_runs_and_leaves_its_result(recipe: str, tmp_path: Path) -> None:
    changes = files(tmp_path) if recipe in FROM_FILES else {}
    report = run(recipe, variant="small", out=tmp_path / "run", **changes)
    assert report.after
    assert all(0 <= value <= 1 for name, value in report.after.items() if "loss" not in name)
    for name in RESULTS[recipe]:
        assert (tmp_path / "run" / name).is_file()
    metrics = [json.loads(line) for path in (tmp_path / "run").rglob("metrics.jsonl") for line in path.open()]
    assert any("loss" in row for row in metrics)


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    changes = files(tmp_path)
    run("pointwise", variant="small", out=tmp_path / "whole", **changes)
    folder = tmp_path / "stopped"
    run("pointwise", variant="small", out=folder, **changes)
    shutil.rmtree(folder / "checkpoints" / "checkpoint-6")
    run("pointwise", variant="small", out=folder, resume=True, **changes)

    def losses(path: Path) -> list[tuple[int, float]]:
        rows = [json.loads(line) for line in (path / "metrics.jsonl").open()]
        return [(row["step"], round(row["loss"], 5)) for row in rows if "loss" in row]

    assert losses(folder) == losses(tmp_path / "whole")
    assert [step for step, _ in losses(folder)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.slow
def test_the_trained_cross_encoder_is_what_inference_loads(tmp_path: Path) -> None:
    from mmrank.rerankers.cross_encoder import MiniLMCrossEncoder

    run("pointwise", variant="small", out=tmp_path / "run", **files(tmp_path))
    scorer = MiniLMCrossEncoder(tmp_path / "run" / "adapter.safetensors", dtype="float32", device="cpu")
    first = scorer.predict([("where is the anchor", "the anchor is here"), ("where is the anchor", "a bridge")])
    assert first.shape == (2,)
    assert first[0] != first[1]
