"""The command line as a person meets it: real processes, exit codes, no tracebacks."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mmrank(command_line: Run) -> Run:
    return command_line


def test_a_folder_is_indexed_searched_shown_and_emptied(mmrank: Run, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "cranes.md").write_text("# Cranes\n\nCranes fly south in October.\n")
    (tmp_path / "notes" / "hedgehogs.md").write_text("# Hedgehogs\n\nHedgehogs sleep all winter.\n")

    done = mmrank("index", "notes")
    assert done.returncode == 0, done.stderr
    assert "2 added" in done.stdout
    assert "2 unchanged" in mmrank("index", "notes").stdout

    found = json.loads(mmrank("search", "When do cranes fly south?", "-k", "1", "--json", "--draw", "out").stdout)
    assert found[0]["document"] == "cranes.md" and found[0]["page_number"] == 1
    assert Path(tmp_path / found[0]["picture"]).stat().st_size > 0
    assert "October" in mmrank("search", "When do cranes fly south?").stdout

    assert "hedgehogs.md" in mmrank("show").stdout
    assert "Cranes" in mmrank("show", "cranes.md", "--page", "1").stdout
    assert mmrank("show", "cranes.md", "--page", "1", "--draw", "page.png").returncode == 0
    assert (tmp_path / "page.png").stat().st_size > 0

    assert "1 left" in mmrank("remove", "cranes.md").stdout
    assert [record["name"] for record in json.loads(mmrank("show", "--json").stdout)["documents"]] == ["hedgehogs.md"]


@pytest.mark.parametrize(
    ("arguments", "code", "culprit"),
    [
        (["index", "nowhere"], 2, "nowhere"),
        (["index", "hollow"], 2, "hollow"),
        (["search", "anything", "-c", "nowhere"], 2, "nowhere"),
        (["search", "", "-c", "c.mmrank"], 2, "empty"),
        (["search", "x", "-k", "0", "-c", "c.mmrank"], 2, "at least 1"),
        (["search", "x", "-d", "ghost.pdf", "-c", "c.mmrank"], 2, "ghost.pdf"),
        (["show", "ghost.pdf", "-c", "c.mmrank"], 2, "ghost.pdf"),
        (["remove", "ghost.pdf", "-c", "c.mmrank"], 2, "ghost.pdf"),
        (["index", "good.md", "-c", "new", "--profile", "tpu"], 2, "tpu"),
        (["eval", "mmdocir", "--data", "hollow"], 2, "hollow"),
        (["eval", "mmdocir", "--data", "hollow", "--system", "nonsense"], 2, "nonsense"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_command_that_makes_no_sense_exits_with_2_and_names_the_culprit(
    mmrank: Run, tmp_path: Path, arguments: list[str], code: int, culprit: str
) -> None:
    (tmp_path / "hollow").mkdir()
    (tmp_path / "good.md").write_text("Something.\n")
    assert mmrank("index", "good.md", "-c", "c.mmrank").returncode == 0
    done = mmrank(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert culprit in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_bad_file_is_named_the_exit_code_is_1_and_the_good_ones_are_in(mmrank: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.md").write_text("Cranes fly south.\n")
    (tmp_path / "in" / "bad.pdf").write_bytes(b"no PDF at all")
    done = mmrank("index", "in", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["added"] == ["good.md"] and list(report["failed"]) == ["bad.pdf"]


def test_doctor_says_what_is_installed(mmrank: Run) -> None:
    report = json.loads(mmrank("doctor", "--json").stdout)
    assert report["machine"]["device"]
    assert report["installed"]["torch"] != "not installed"


def test_the_version_is_printed(mmrank: Run) -> None:
    assert mmrank("--version").stdout.startswith("mmrank ")


def test_a_folder_without_write_permission_is_refused(mmrank: Run, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "locked").mkdir(mode=0o500)
    (tmp_path / "good.md").write_text("Something.\n")
    done = mmrank("index", "good.md", "-c", "locked/c.mmrank")
    assert done.returncode in {1, 2} and "locked" in done.stderr
