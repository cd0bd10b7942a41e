"""The command line as a person meets it: real processes, exit codes, no tracebacks."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmrank import Collection

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mmrank(command_line: Run) -> Run:
    return command_line


@pytest.fixture(scope="module")
def made_cranes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cranes")
    (folder / "note.md").write_text("Cranes fly south.\n")
    with Collection.create(folder / "c", workers=1) as library:
        assert library.add(folder / "note.md").ok
    return folder


@pytest.fixture
def cranes(made_cranes: Path, tmp_path: Path) -> None:
    """The note of cranes, and the collection "c" of it, in the folder in which commands run."""
    shutil.copytree(made_cranes, tmp_path, dirs_exist_ok=True)


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
        (["search", "", "-c", "c"], 2, "empty"),
        (["search", "x", "-k", "0", "-c", "c"], 2, "at least 1"),
        (["search", "x", "-d", "ghost.pdf", "-c", "c"], 2, "ghost.pdf"),
        (["show", "ghost.pdf", "-c", "c"], 2, "ghost.pdf"),
        (["remove", "ghost.pdf", "-c", "c"], 2, "ghost.pdf"),
        (["index", "note.md", "-c", "new", "--profile", "tpu"], 2, "tpu"),
        (["eval", "mmdocir", "--data", "hollow"], 2, "hollow"),
        (["eval", "mmdocir", "--data", "hollow", "--system", "nonsense"], 2, "nonsense"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_command_that_makes_no_sense_exits_with_2_and_names_the_culprit(
    mmrank: Run, cranes: None, tmp_path: Path, arguments: list[str], code: int, culprit: str
) -> None:
    (tmp_path / "hollow").mkdir()
    done = mmrank(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert culprit in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_picture_that_cannot_be_written_is_said_in_one_line(mmrank: Run, cranes: None, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    show = ("show", "note.md", "-c", "c", "--page", "1", "--draw")
    search = ("search", "cranes", "-c", "c", "--draw")
    for command, place, code in (
        (show, "folder", 2),
        (show, "x.foo", 2),
        (show, "nodir/x.png", 1),
        (search, "note.md", 2),
        (search, "/proc/x", 1),
    ):
        done = mmrank(*command, place)
        assert done.returncode == code and place in done.stderr, (place, done.stderr)
        assert done.stderr.startswith("Error:") and "Traceback" not in done.stderr
    assert (tmp_path / "note.md").read_text() == "Cranes fly south.\n"


def test_a_hit_that_cannot_be_drawn_hides_none(mmrank: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "gone.md").write_text("Cranes fly south.\n")
    (tmp_path / "in" / "kept.md").write_text("Cranes fly north.\n")
    assert mmrank("index", "in", "-c", "c").returncode == 0
    (tmp_path / "in" / "gone.md").unlink()
    done = mmrank("search", "cranes", "-c", "c", "--draw", "out", "--json")
    assert done.returncode == 0 and "gone.md" in done.stderr
    pictures = {hit["document"]: hit["picture"] for hit in json.loads(done.stdout)}
    assert pictures["gone.md"] is None and (tmp_path / pictures["kept.md"]).is_file()


def test_pages_and_pictures_are_shown_of_a_named_document(mmrank: Run, cranes: None, tmp_path: Path) -> None:
    for option in (("--page", "3"), ("--draw", "x.png")):
        done = mmrank("show", *option, "-c", "c")
        assert done.returncode == 2 and "NAME" in done.stderr
    drawn = mmrank("show", "note.md", "--page", "1", "--draw", "x.png", "--json", "-c", "c")
    assert json.loads(drawn.stdout)["elements"] and (tmp_path / "x.png").is_file()


@pytest.mark.parametrize("name", ["lib[/x]", "[red]lib:warning:"])
def test_names_are_printed_as_they_are(mmrank: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "[bold]note.md").write_text("Cranes fly south.\n")
    for command in (
        ("index", "[bold]note.md"),
        ("verify",),
        ("show",),
        ("export", "out.tar"),
        ("compact",),
        ("search", "cranes", "--draw", f"{name} pictures"),
        ("remove", "[bold]note.md"),
    ):
        done = mmrank(*command, "-c", name)
        assert done.returncode == 0 and name in done.stdout, (command, done.stdout, done.stderr)
        assert "[bold]note.md" in done.stdout or command[0] not in {"show", "search"}


def test_only_what_lies_in_a_folder_is_searched(mmrank: Run, tmp_path: Path) -> None:
    (tmp_path / "reports" / "2024").mkdir(parents=True)
    (tmp_path / "reports" / "2024" / "new.md").write_text("Cranes fly south.\n")
    (tmp_path / "reports" / "old.md").write_text("Cranes fly south.\n\nAs ever.\n")
    assert mmrank("index", "reports/", "-c", "c").returncode == 0
    for folder in (
        "2024",
        "reports/2024",
        "./reports/2024/",
        "reports/../reports/2024",
        str(tmp_path / "reports/2024"),
    ):
        found = json.loads(mmrank("search", "cranes", "-c", "c", "--folder", folder, "--json").stdout)
        assert [hit["document"] for hit in found] == ["2024/new.md"], folder
    empty = mmrank("search", "cranes", "-c", "c", "--folder", "reports/2023")
    assert empty.returncode == 2 and "no document lies in reports/2023" in empty.stderr


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("date", ["2025-01-01garbage", "", "soon"])
def test_what_is_no_date_is_refused(mmrank: Run, cranes: None, option: str, date: str) -> None:
    done = mmrank("search", "cranes", "-c", "c", option, date)
    assert done.returncode == 2 and option in done.stderr and repr(date) in done.stderr


def test_what_cannot_be_imported_is_named(mmrank: Run, cranes: None, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert mmrank("export", "out.tar", "-c", "c").returncode == 0
    for file, place, said in (
        ("nosuch.tar", "new", "there is no file nosuch.tar"),
        ("folder", "new", "folder is not a file"),
        ("note.md", "new", "note.md is not an export of a collection"),
        ("out.tar", "note.md", "note.md is a file"),
    ):
        done = mmrank("import", file, "-c", place)
        assert done.returncode == 2 and said in done.stderr, done.stderr


def test_a_collection_that_is_not_there_is_said_to_be_made(mmrank: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("nolib", "empty"):
        for command in (("search", "x"), ("show",), ("verify",), ("repair",), ("compact",), ("remove", "x")):
            done = mmrank(*command, "-c", name)
            assert done.returncode == 2, command
            assert f"there is no collection {name}; make one with: mmrank index FOLDER -c {name}" in done.stderr


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        ("KeyboardInterrupt", 130, "Stopped."),
        ("PermissionError(13, 'Permission denied', 'some/file')", 1, "Error: some/file: Permission denied\n"),
    ],
)
def test_what_ends_a_command_is_said_in_one_line(tmp_path: Path, raised: str, code: int, said: str) -> None:
    program = f"""
from mmrank.cli.app import app, main
@app.command()
def end():
    raise {raised}
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "end"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == code and said in done.stderr and done.stderr.count("\n") == 1


def test_evidence_that_reaches_the_edge_has_its_border_in_the_picture(tmp_path: Path) -> None:
    from PIL import Image

    from mmrank.pictures import MARK_COLOUR, render

    Image.new("RGB", (120, 80), "white").save(tmp_path / "page.png")
    everything, outside = (-5, -5, 1000, 1000), (2000, 2000, 2010, 2010)
    picture = render(str(tmp_path / "page.png"), 0, marks=[everything, outside])
    right, bottom = picture.width - 1, picture.height - 1
    for corner in ((0, 0), (right, 0), (0, bottom), (right, bottom), (0, bottom // 2), (right, bottom // 2)):
        assert picture.getpixel(corner) == MARK_COLOUR


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


def test_settings_of_a_collection_that_is_there_are_not_ignored(command_line: Run, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Cranes fly south in October.\n")
    assert command_line("index", "a.md", "--no-ocr").returncode == 0
    assert command_line("index", "a.md", "--no-ocr", "--layout", "fast").returncode == 0
    for option in (("--ocr",), ("--layout", "model"), ("--encoder", "minilm-tokens"), ("--index", "HNSW32")):
        refused = command_line("index", "a.md", *option)
        assert refused.returncode == 2 and "was made with" in refused.stderr, option


def test_no_collection_is_made_for_a_source_that_is_not_there(command_line: Run, tmp_path: Path) -> None:
    failed = command_line("index", "nowhere", "-c", "new")
    assert failed.returncode == 2 and failed.stderr.startswith("Error")
    assert not (tmp_path / "new").exists()
