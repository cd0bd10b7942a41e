"""Every recipe's small variant runs from the command line, writes what it promises, and resumes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmrank.adapters import DOWN, read_adapter
from mmrank.cli.app import app
from mmrank.errors import InputError
from mmrank.rerankers.ck import CKSelector
from mmrank.train.loading import RECIPES, run_recipe

pytest.importorskip("trl")

RESULTS = {
    "contrastive": ["model/modules.json"],
    "late_interaction": ["adapter.safetensors"],
    "token_weights": ["adapter.safetensors"],
    "query_adapter": ["adapter.safetensors"],
    "pointwise": ["adapter.safetensors"],
    "likelihood": ["model/config.json"],
    "rank_r1": ["model/config.json"],
    "mm_r5": ["model/config.json"],
    "prorank": ["model/config.json"],
    "sft_vs_cl": ["comparison.json"],
    "reader": ["table.jsonl"],
    "dear": ["alpha-0/adapter.safetensors", "alpha-0.5/adapter.safetensors", "teacher.jsonl"],
    "idcm": ["model/model.safetensors", "teacher.jsonl"],
    "identify": ["encoder.safetensors", "reranker.safetensors"],
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_small_variant_runs_from_the_command_line_and_leaves_its_result(recipe: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["train", recipe, "--variant", "small", "--out", str(out), "--json"])
    assert done.exit_code == 0, done.exception
    report = json.loads(done.stdout)
    assert report["recipe"] == recipe
    assert report["after"]
    assert all(0 <= value <= 1 for name, value in report["after"].items() if "loss" not in name)
    for name in RESULTS[recipe]:
        assert (out / name).is_file()
    metrics = [json.loads(line) for path in out.rglob("metrics.jsonl") for line in path.open()]
    assert any("loss" in row for row in metrics)
    assert list(out.rglob("events.out.tfevents*"))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["pointwise", "rank_r1"])
def test_a_run_that_was_stopped_goes_on_to_the_same_losses(recipe: str, tmp_path: Path) -> None:
    stage = {"pointwise": ".", "rank_r1": "rl"}[recipe]
    steps = {"max_steps": 6, "save_steps": 3, "log_steps": 1}
    run_recipe(recipe, variant="small", out=tmp_path / "whole", trainer=steps)
    folder = tmp_path / "stopped"
    run_recipe(recipe, variant="small", out=folder, trainer=steps)
    shutil.rmtree(folder / stage / "checkpoints" / "checkpoint-6")
    run_recipe(recipe, variant="small", out=folder, resume=True, trainer=steps)

    def losses(path: Path) -> list[tuple[int, float]]:
        rows = [json.loads(line) for line in (path / stage / "metrics.jsonl").open()]
        return [(row["step"], round(row["loss"], 5)) for row in rows if "loss" in row]

    assert losses(folder) == losses(tmp_path / "whole")
    assert [step for step, _ in losses(folder)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.slow
def test_the_trained_cross_encoder_is_what_inference_loads(tmp_path: Path) -> None:
    from mmrank.rerankers.cross_encoder import MiniLMCrossEncoder

    run_recipe("pointwise", variant="small", out=tmp_path / "run")
    scorer = MiniLMCrossEncoder(tmp_path / "run" / "adapter.safetensors", dtype="float32", device="cpu")
    first = scorer.predict([("where is the anchor", "the anchor is here"), ("where is the anchor", "a bridge")])
    assert first.shape == (2,)
    assert first[0] != first[1]


@pytest.mark.slow
def test_a_trained_cross_encoder_teaches_the_selector_of_windows(tmp_path: Path) -> None:
    run_recipe("pointwise", variant="small", out=tmp_path / "teacher")
    teacher = str(tmp_path / "teacher" / "adapter.safetensors")
    with pytest.raises(InputError, match=r"trains the selector alone: stages: \[selector\]"):
        run_recipe("idcm", variant="small", out=tmp_path / "run", teacher=teacher)
    report = run_recipe("idcm", variant="small", out=tmp_path / "run", teacher=teacher, stages=["selector"])
    assert set(report.after) == {"selector coverage", "first coverage", "random coverage"}
    assert CKSelector.load(tmp_path / "run" / "selector.safetensors").select("an anchor", [["an anchor", "a bridge"]])
    assert teacher in (tmp_path / "run" / "teacher.jsonl").read_text()


@pytest.mark.slow
def test_chains_of_dears_second_stage_are_imitated(tmp_path: Path) -> None:
    report = run_recipe("mm_r5", variant="small", out=tmp_path / "run", style="chain", stages=["sft"])
    assert not (tmp_path / "run" / "rl").exists()
    assert "recall" in report.after


@pytest.mark.slow
def test_both_stages_of_mm_r5_are_left_as_one_adapter(tmp_path: Path) -> None:
    lora = {"rank": 2, "alpha": 4, "modules": ["q_proj", "v_proj"]}
    run_recipe("mm_r5", variant="small", out=tmp_path, sft_lora=lora, lora=lora)
    adapter = read_adapter(tmp_path / "adapter.safetensors")
    ranks = {len(tensor) for name, tensor in adapter.tensors.items() if name.endswith(DOWN)}
    assert ranks == {4}
    assert {name.split(".")[4] for name in adapter.tensors} == {"q_proj", "v_proj"}


@pytest.mark.slow
def test_a_likelihood_trained_by_lora_leaves_an_adapter(tmp_path: Path) -> None:
    run_recipe("likelihood", variant="small", out=tmp_path, lora={"rank": 2, "alpha": 4, "modules": ["q_proj"]})
    adapter = read_adapter(tmp_path / "adapter.safetensors")
    assert adapter.scale == 2.0 and len(adapter.tensors) == 4
    assert any(bool(tensor.any()) for name, tensor in adapter.tensors.items() if not name.endswith(DOWN))
