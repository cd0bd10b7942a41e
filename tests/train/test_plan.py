"""`mmrank train RECIPE --plan` says what a run takes, without training."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mmrank.cli.app import app
from mmrank.errors import InputError
from mmrank.train.loading import plan_recipe

sys.path.append(str(Path(__file__).parent))
pytest.importorskip("trl")

import shrunk


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return {Path(one["out"]).name: one for one in shrunk.runs(tmp_path_factory.mktemp("plan"))}


@pytest.mark.parametrize("name", ["mm_r5", "rank_r1", "prorank", "sft_vs_cl", "dear", "dear_stage_2", "identify"])
def test_every_recipe_of_a_large_model_has_a_plan(name: str, listed: dict[str, dict[str, Any]]) -> None:
    given = {key: value for key, value in listed[name].items() if key not in ("recipe", "out")}
    for stage in plan_recipe(listed[name]["recipe"], **given):
        assert 0 < stage.trainable < stage.parameters
        assert stage.steps == 3  # max_steps
        assert stage.longest > 20 and stage.tokens_per_step > stage.longest / 4
        assert stage.memory > 2 * stage.parameters
        assert stage.hours is None


def test_pages_of_an_encoder_and_windows_of_a_cascade_are_counted(listed: dict[str, dict[str, Any]]) -> None:
    made = {}
    for name in ("contrastive", "idcm"):
        given = {key: value for key, value in listed[name].items() if key not in ("recipe", "out")}
        [made[name]] = plan_recipe(name, **given)
    pages = made["contrastive"]
    question = pages.longest  # more than the 2 × 2 tokens of a page
    assert question > 4 and 2 * (1 + 2 * 4) < pages.tokens_per_step <= 2 * (question + 2 * 4)
    assert 0 < pages.trainable < pages.parameters
    whole = made["idcm"]
    assert whole.longest > 4 + 2 * 1  # a window, its neighbours' tokens, and the question
    assert whole.tokens_per_step % 2 == 0 and whole.tokens_per_step > 4 * whole.longest  # two questions, two documents
    assert whole.trainable == whole.parameters


def test_more_gpus_take_fewer_steps_and_a_throughput_gives_hours(listed: dict[str, dict[str, Any]]) -> None:
    given = {key: value for key, value in listed["rank_r1"].items() if key not in ("recipe", "out")}
    given["trainer"] = given["sft"] = {**given["trainer"], "max_steps": -1, "batch": 4}
    [sft, rl] = plan_recipe("rank_r1", **given, throughput=100.0)
    assert sft.examples == 16 and sft.steps == 4
    assert rl.steps == 8  # two completions per prompt
    assert sft.hours == pytest.approx(4 * sft.tokens_per_step / 100 / 3600)
    assert plan_recipe("rank_r1", **given, gpus=2)[0].steps == 2


def test_the_command_prints_it_and_trains_nothing(listed: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    import yaml

    given = {key: value for key, value in listed["mm_r5"].items() if key not in ("recipe", "out")}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(given))
    command = ["train", "mm_r5", "--config", str(tmp_path / "mine.yaml"), "--plan", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert [stage["stage"] for stage in json.loads(done.stdout)] == ["sft", "rl"]
    assert "memory per GPU" in CliRunner().invoke(app, command).stdout
    assert not (tmp_path / "run").exists()


def test_what_needs_no_plan_says_so() -> None:
    with pytest.raises(InputError, match="no plan"):
        plan_recipe("pointwise", variant="small")
    with pytest.raises(InputError, match="needs no plan"):
        plan_recipe("rank_r1", variant="small")
    with pytest.raises(InputError, match="minilm needs no plan"):
        plan_recipe("contrastive", variant="small")
    with pytest.raises(InputError, match="the selector trains in minutes"):
        plan_recipe("idcm", stages=["selector"])
