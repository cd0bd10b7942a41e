"""`mmrank serve` as a process: it starts, starts a worker again, and ends."""

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest
from served import Started
from typer.testing import CliRunner

import mmrank
from mmrank.cli.app import app
from mmrank.cli.serve import check, named
from mmrank.errors import InputError
from mmrank.serve.settings import load_serve_settings


@pytest.mark.slow
def test_it_starts_a_dead_worker_again_and_ends_at_sigterm(library_path: Path) -> None:
    started = Started(library_path)
    try:
        assert started.said.startswith("Serving library at http://127.0.0.1:")
        started.ready()
        [worker] = [
            child
            for child in psutil.Process(started.process.pid).children()
            if any("spawn_main" in word for word in child.cmdline())
        ]
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(timeout=20)
        started.ready()
        answer = httpx.post(f"{started.url}/search", json={"query": "What does a ticket cost?"})
        assert answer.json()["hits"][0]["document"] == "ferry.pdf"
    finally:
        code, errors = started.end()
    assert code == 0
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    assert {"route": "/search", "status": 200}.items() <= next(
        line for line in lines if line.get("route") == "/search"
    ).items()


def test_it_does_not_start_where_others_could_do_everything(library_path: Path) -> None:
    code, errors = Started(library_path, "--host", "0.0.0.0").end()
    assert code == 2 and "--keys" in errors


def test_it_does_not_start_without_a_collection(tmp_path: Path) -> None:
    code, errors = Started(tmp_path / "none.mmrank").end()
    assert code == 2 and "there is no collection" in errors


def test_collections_are_called_after_their_folders() -> None:
    assert named([Path("papers/library.mmrank"), Path("attic")]) == {
        "library": Path("papers/library.mmrank"),
        "attic": Path("attic"),
    }
    with pytest.raises(InputError, match="both"):
        named([Path("a/library.mmrank"), Path("b/library.mmrank")])


def test_it_says_where_documents_were_prepared_by_an_earlier_version(library_path: Path, capsys) -> None:
    check({"library": library_path}, False, False)
    assert capsys.readouterr().err == ""
    with closing(sqlite3.connect(library_path / "catalog.sqlite3")) as catalog, catalog:
        catalog.execute("UPDATE arrays SET version = '1.1' WHERE document < 3")
    check({"library": library_path}, True, False)
    said = capsys.readouterr().err
    assert "2 documents came in with an earlier version" in said and f"mmrank repair -c {library_path}" in said
    mmrank.Collection.repair(library_path)
    check({"library": library_path}, False, False)
    assert capsys.readouterr().err == ""


def test_keys_are_made_listed_and_removed(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        told = CliRunner().invoke(app, ["keys", *words, "--keys", str(tmp_path / "keys.json")], catch_exceptions=False)
        assert told.exit_code == 0
        return told.stdout

    assert run("add", "laptop", "--write", "-c", "library").startswith("mmrank_")
    assert run("list").startswith("laptop: write, library, made 20")
    assert run("remove", "laptop").strip() == "removed laptop" and not run("list").strip()


def test_settings_of_several_values_are_written_with_commas_or_as_json(monkeypatch) -> None:
    for written in ("one,two", '["one", "two"]'):
        monkeypatch.setenv("MMRANK_SERVE_MODELS", written)
        assert load_serve_settings().models == ("one", "two")
    for name, wrong in (("SEARCHES", "many"), ("MODELS", "[")):
        monkeypatch.setenv(f"MMRANK_SERVE_{name}", wrong)
        with pytest.raises(InputError, match=name.lower()):
            load_serve_settings()
        monkeypatch.delenv(f"MMRANK_SERVE_{name}")
