"""`mmrank cache`: where, how large, and clearing only what was agreed to."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmrank.cache import cache_folder
from mmrank.cli.app import app

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one model of 2,000 bytes."""
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "cache"))
    (cache_folder("models") / "weights").write_bytes(b"x" * 2000)
    return tmp_path / "cache"


def test_the_cache_is_shown_by_kind(command_line: Run, root: Path) -> None:
    assert command_line("cache", "where").stdout.strip() == str(root)
    shown = json.loads(command_line("cache", "show", "--json").stdout)
    assert shown["path"] == str(root)
    sizes = {kind["kind"]: kind["bytes"] for kind in shown["kinds"]}
    assert sizes["evaluate"] == 0 and sizes["models"] > 2000
    assert "kB" in command_line("cache", "show").stdout


def test_clearing_asks_first(root: Path) -> None:
    refused = CliRunner().invoke(app, ["cache", "clear"], input="n\n")
    assert refused.exit_code == 1 and str(root / "models") in refused.stderr
    assert (root / "models" / "weights").exists()
    assert CliRunner().invoke(app, ["cache", "clear", "models"], input="y\n").exit_code == 0
    assert not (root / "models").exists()


def test_clearing_with_yes_does_not_ask(command_line: Run, root: Path) -> None:
    assert command_line("cache", "clear", "--json").returncode == 2  # a program cannot answer
    assert (root / "models" / "weights").exists()
    cleared = json.loads(command_line("cache", "clear", "--yes", "--json").stdout)["cleared"]
    assert [size["kind"] for size in cleared] == ["models"]
    assert list(root.iterdir()) == []
    assert "empty" in command_line("cache", "clear").stdout


def test_an_unknown_kind_is_named(command_line: Run, root: Path) -> None:
    done = command_line("cache", "clear", "elephants", "--yes")
    assert done.returncode == 2 and "elephants" in done.stderr and "models" in done.stderr
