"""A collection that someone else made decides neither what is loaded nor whom a question is sent to."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mmrank import Collection, InputError, MmrankError
from mmrank.cli.app import app
from mmrank.consent import allowed_file
from mmrank.index.properties import write_property


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "cranes.md").write_text("# Cranes\n\nCranes fly south in October.\n")
    with Collection.create(folder / "c") as library:
        library.add(folder / "cranes.md")
    return folder / "c"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture(autouse=True)
def contacted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Addresses that anything tried to reach; nothing is reached."""
    tried: list[object] = []

    def refuse(*arguments: object, **_: object) -> Any:
        tried.append(arguments[-1] if len(arguments) < 3 else arguments[:2])
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield tried


def foreign(made: Path, tmp_path: Path, **stored: object) -> Path:
    """A copy of the collection whose stored settings were changed by someone else."""
    path = tmp_path / "foreign"
    shutil.copytree(made, path)
    catalog = sqlite3.connect(path / "catalog.sqlite3")
    [(text,)] = catalog.execute("SELECT value FROM properties WHERE key = 'settings'")
    write_property(catalog, "settings", {**json.loads(text), **stored})
    catalog.commit()
    catalog.close()
    return path


SEARCHERS = {
    "reranker": "served:http://127.0.0.1:9/v1#m",
    "rerank_settings": {"retries": 0},
    "query_adapter": "/etc/passwd",
    "rerank_depth": 10**9,
    "search_documents": 10**9,
    "device": "cuda:7",
    "workers": 10**6,
}


@pytest.mark.parametrize("name", SEARCHERS)
def test_how_it_is_searched_is_not_for_a_collection_to_say(
    name: str, made: Path, tmp_path: Path, contacted: list[object]
) -> None:
    path = foreign(made, tmp_path, **{name: SEARCHERS[name]})
    with Collection.open(path, read_only=True) as library:
        assert library.search("When do cranes fly?")[0].document == "cranes.md"
        assert getattr(library.settings, name) != SEARCHERS[name]
    assert contacted == []
    said = CliRunner().invoke(app, ["verify", "-c", str(path)]).output
    assert name in said and "not obeyed" in said


ENCODERS = (
    "nobody/no-such-model",
    "qwen3-vl-embedding-2b",
    "bge-m3",
    "./weights",
    "/srv/weights",
    "http://127.0.0.1:9/x",
)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_encoder_that_a_collection_names_needs_consent(
    encoder: str, made: Path, tmp_path: Path, contacted: list[object]
) -> None:
    path = foreign(made, tmp_path, encoder=encoder)
    with Collection.open(path, read_only=True) as library, pytest.raises(InputError, match="--allow-models"):
        library.search("When do cranes fly?")
    runner = CliRunner()
    (tmp_path / "more.md").write_text("More.\n")
    for command in (["search", "cranes"], ["index", str(tmp_path / "more.md")]):
        done = runner.invoke(app, [*command, "-c", str(path)])
        assert isinstance(done.exception, InputError) and "--allow-models" in str(done.exception)
    said = runner.invoke(app, ["verify", "-c", str(path)])
    assert encoder.removeprefix(".") in said.output.replace("\n", "") and "allow" in said.output
    assert contacted == [] and not allowed_file().exists()


def test_what_needs_no_encoder_works_without_consent(made: Path, tmp_path: Path) -> None:
    path = foreign(made, tmp_path, encoder="nobody/no-such-model")
    with Collection.open(path) as library:
        assert library.document("cranes.md").pages
        assert library.remove("cranes.md") == 1


def test_consent_is_given_once_and_for_that_model_alone(made: Path, tmp_path: Path, home: Path) -> None:
    path = foreign(made, tmp_path, encoder="nobody/no-such-model")
    with Collection.open(path, allow_models=True) as library, pytest.raises(MmrankError, match="cannot be loaded"):
        library.search("cranes")
    with Collection.open(path) as library, pytest.raises(MmrankError, match="cannot be loaded"):
        library.search("cranes")
    assert allowed_file().is_relative_to(home)
    for change in ({"encoder": "nobody/another"}, {"encoder": "nobody/no-such-model", "encoder_revision": "a" * 40}):
        shutil.rmtree(path)
        foreign(made, tmp_path, **change)
        with Collection.open(path) as library, pytest.raises(InputError, match="--allow-models"):
            library.search("cranes")


def test_what_one_made_oneself_needs_no_consent(tmp_path: Path) -> None:
    from mmrank.encoders.minilm_weights import embedded_folder

    (tmp_path / "cranes.md").write_text("Cranes fly south in October.\n")
    with Collection.create(tmp_path / "own", encoder=str(embedded_folder())) as library:
        library.add(tmp_path / "cranes.md")
    with Collection.open(tmp_path / "own", read_only=True) as library:
        assert library.search("cranes")[0].document == "cranes.md"


def test_the_embedded_encoders_are_asked_without_a_list(made: Path) -> None:
    with Collection.open(made, read_only=True) as library:
        assert library.search("cranes")
    assert not allowed_file().exists()


@pytest.mark.parametrize("text", ["", "x", "{}", "[1]", '[{"encoder": 1}]', "[" * 100_000, "null", "\x00"])
def test_a_damaged_list_is_one_sentence(text: str, made: Path, tmp_path: Path) -> None:
    path = foreign(made, tmp_path, encoder="nobody/no-such-model")
    allowed_file().parent.mkdir(parents=True)
    allowed_file().write_text(text)
    with Collection.open(path) as library, pytest.raises((InputError, MmrankError), match=r"allow"):
        library.search("cranes")


@pytest.mark.parametrize(
    "stored",
    [
        {"encoder": 5},
        {"encoder": ["x"]},
        {"encoder": ""},
        {"encoder": "a\x00b"},
        {"encoder": "x" * 100_000},
        {"profile": "evil"},
        {"no_such": 1},
        {"ocr": "maybe"},
        {"passage_tokens": -1},
        {"merge": {}},
        {"encoder_revision": "\x1b]0;x\x07"},
    ],
    ids=lambda stored: str(stored)[:40],
)
def test_settings_of_wrong_kinds_are_one_sentence(stored: dict[str, Any], made: Path, tmp_path: Path) -> None:
    path = foreign(made, tmp_path, **stored)
    done = CliRunner().invoke(app, ["search", "cranes", "-c", str(path)])
    if done.exit_code:
        assert isinstance(done.exception, MmrankError), done.exception
        assert "\n" not in str(done.exception) and str(done.exception).isprintable()
        assert len(str(done.exception)) < 2000
    CliRunner().invoke(app, ["verify", "-c", str(path)])
