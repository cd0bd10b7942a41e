"""Recipes on the real classes of their papers' models, shrunk: three steps with pictures, resumed once.

All of them, in one and in two processes, take minutes: MMRANK_LONG_TESTS=yes pytest tests/train/recipes/test_shrunk.py
"""

from __future__ import annotations

import copy
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent.parent))
pytest.importorskip("trl")

import shrunk
from two_processes import learnt, start

from mmrank.train.loading import run_recipe

IN_CI = ("dear", "idcm", "identify")
NAMES = (
    "contrastive",
    "mm_r5",
    "rank_r1",
    "prorank",
    "sft_vs_cl",
    "dear",
    "dear_stage_2",
    "likelihood",
    "idcm",
    "identify",
    "pointwise",
    "late_interaction",
    "query_adapter",
    "token_weights",
)
LONG = pytest.mark.skipif(not os.environ.get("MMRANK_LONG_TESTS"), reason="takes minutes: set MMRANK_LONG_TESTS=yes")


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return {Path(one["out"]).name: one for one in shrunk.runs(tmp_path_factory.mktemp("shrunk"))}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name if name in IN_CI else pytest.param(name, marks=LONG) for name in NAMES])
def test_three_steps_and_a_stop(name: str, listed: dict[str, dict[str, Any]]) -> None:
    given = copy.deepcopy(listed[name])
    recipe, out = given.pop("recipe"), Path(given.pop("out"))
    report = run_recipe(recipe, out=out, **given)
    rows = [row for path in out.rglob("metrics.jsonl") for row in map(json.loads, path.open())]
    assert {row["step"] for row in rows if "loss" in row} == {1, 2, 3}
    assert all(math.isfinite(row["loss"]) for row in rows if "loss" in row)
    left = shrunk.weights(out)
    assert left and shrunk.stop_short(out)
    again = run_recipe(recipe, out=out, resume=True, **given)
    assert dict(again.after) == pytest.approx(dict(report.after), abs=1e-5)
    shrunk.assert_same_weights(out, left)


@LONG
def test_two_processes_run_all_of_them_and_go_on_after_a_stop(tmp_path: Path) -> None:
    runs = shrunk.runs(tmp_path)
    assert {Path(one["out"]).name for one in runs} == set(NAMES)
    start(tmp_path, copy.deepcopy(runs))
    whole = {one["out"]: (*learnt(Path(one["out"])), shrunk.weights(Path(one["out"]))) for one in runs}
    for out, (first, second, left) in whole.items():
        assert first == second and first["after"] and left, out
        assert shrunk.stop_short(Path(out)), out
    start(tmp_path, [one | {"resume": True} for one in copy.deepcopy(runs)])
    for out, (before, _, left) in whole.items():
        first, second = learnt(Path(out))
        assert first == second, out
        assert first["after"] == pytest.approx(before["after"], abs=1e-5), out
        shrunk.assert_same_weights(Path(out), left)


@LONG
@pytest.mark.parametrize("by", ["fsdp", "zero2", "zero3"])
def test_a_model_that_is_split_over_two_processors_is_trained_and_resumed(by: str, tmp_path: Path) -> None:
    if by != "fsdp":
        pytest.importorskip("deepspeed")  # the first time it compiles for a minute
    chosen = {"likelihood": None, "rank_r1": ["rl"], "mm_r5": ["sft"]}
    runs = [one for one in shrunk.runs(tmp_path) if Path(one["out"]).name in chosen]
    for one in runs:
        stages = chosen[Path(one["out"]).name]
        one |= {"stages": stages} if stages else {}
        split = {"fsdp" if by == "fsdp" else "deepspeed": by, "gradient_checkpointing": True}
        one |= {name: {**one[name], **split} for name in ("sft", "trainer") if name in one}
    share = 1 if by == "zero2" else 0.5
    for one in runs:  # one at a time: each run of a process begins with the state that the one before left
        script = str(Path(shrunk.__file__).with_name("split_on_processors.py"))
        start(tmp_path, [copy.deepcopy(one)], script)
        held = [json.loads((tmp_path / f"runs.json.held{rank}").read_text()) for rank in (0, 1)]
        assert all(found == pytest.approx(share, abs=0.01) for each in held for found in each)
        before, other = learnt(Path(one["out"]))
        assert before == other
        left = shrunk.weights(Path(one["out"]))
        for tensors in left.values():
            assert all(value.numel() for value in tensors.values())
            assert by == "zero2" or any(value.any() for name, value in tensors.items() if "lora_B" in name)
        assert left
        assert shrunk.stop_short(Path(one["out"]))
        start(tmp_path, [copy.deepcopy(one) | {"resume": True}], script)
        again, _ = learnt(Path(one["out"]))
        assert again["after"] == pytest.approx(before["after"], abs=1e-5)
        shrunk.assert_same_weights(Path(one["out"]), left)
