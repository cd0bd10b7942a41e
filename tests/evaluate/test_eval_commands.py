"""`mmrank eval`: each command does what its options say, and takes no option that it would ignore."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mmrank.cli.app import app
from mmrank.errors import InputError, MmrankError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def test_a_run_is_written_scored_and_compared(data: Path, tmp_path: Path, cache: Path) -> None:
    run, out = tmp_path / "run.jsonl", tmp_path / "figures.json"
    done = invoke(
        "mmdocir", "--data", data, "--system", "reference-bm25", "--run", run, "--out", out, "--limit", 2, "--json"
    )
    assert done.exit_code == 0, done.exception
    report = json.loads(done.stdout)
    assert report["questions"] == 2
    assert json.loads(out.read_text())["micro"] == report["micro"]
    assert (cache / "evaluate" / "reference").is_dir()
    scored = json.loads(invoke("score", run, "--data", data, "--limit", 2, "--json").stdout)
    assert scored["micro"] == report["micro"]
    rows = json.loads(invoke("compare", run, run, "--data", data, "--json").stdout)
    assert all(figure["value"] == 0 for figure in rows[1]["differences"].values())


def test_ablation_leaves_out_one_signal_at_a_time(data: Path, tmp_path: Path) -> None:
    from mmrank.retrieve.pages import WEIGHTS

    out = tmp_path / "rows.json"
    done = invoke("ablation", "--data", data, "--out", out, "--json")
    assert done.exit_code == 0, done.exception
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == ["everything", *(f"without {name}" for name in WEIGHTS)]
    assert json.loads(out.read_text()) == rows


def test_crossvalidation_deals_documents_and_says_so_where_there_are_too_few(data: Path) -> None:
    done = invoke("crossvalidate", "--data", data)
    assert isinstance(done.exception, InputError) and "2 documents cannot be split into 5 folds" in str(done.exception)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("mmdocir", ["--ablate"]),
        ("mmdocir", ["--cross-validate"]),
        ("mmdocir", ["--score", "run.jsonl"]),
        ("ablation", ["--run", "run.jsonl"]),
        ("ablation", ["--rerank", "listwise"]),
        ("crossvalidate", ["--run", "run.jsonl"]),
        ("crossvalidate", ["--system", "reference"]),
        ("documents", ["--limit", "2"]),
        ("score", ["run.jsonl", "--out", "x.json"]),
        ("compare", ["a.jsonl", "b.jsonl", "--limit", "2"]),
    ],
)
def test_an_option_that_a_command_would_ignore_is_refused(data: Path, command: str, option: list[str]) -> None:
    done = invoke(command, "--data", data, *option)
    assert done.exit_code == 2
    assert "No such option" in done.output


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        (["--system", "reference", "--rerank", "listwise"], "reference has no reranker"),
        (["--system", "reference-bm25", "--depth", "3"], "reference-bm25 has no reranker"),
        (["--weight", "0.5"], "name one with --rerank"),
        (["--rerank", "none", "--set", "selector=lexical"], "name one with --rerank"),
    ],
)
def test_options_of_a_reranker_need_a_system_that_has_one(data: Path, options: list[str], culprit: str) -> None:
    done = invoke("mmdocir", "--data", data, *options)
    assert isinstance(done.exception, InputError) and culprit in str(done.exception)


@pytest.mark.parametrize("command", ["ablation", "crossvalidate"])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(data: Path, tmp_path: Path, command: str) -> None:
    done = invoke(command, "--data", data, "--out", tmp_path / "none" / "rows.json")
    assert isinstance(done.exception, MmrankError) and "cannot be written" in str(done.exception)
