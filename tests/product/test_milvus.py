"""Collections and commands over Milvus: the same hits, answers and messages as over a collection on this disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmrank import Collection, Hits
from mmrank.cli.app import app
from mmrank.errors import InputError
from mmrank.index import Filter, export_archive, import_into_milvus, iso_date

pytest.importorskip("milvus_lite", reason="Milvus Lite is not built for this system")

TEXTS = {
    "north/ferry-2023.md": "# Ferry report 2023\n\nThe ferry carried 41 passengers per crossing in 2023.\n\n"
    "## Fuel\n\nThe ferry burned 900 litres of fuel per week.",
    "north/ferry-2024.md": "# Ferry report 2024\n\nThe ferry carried 57 passengers per crossing in 2024.\n\n"
    "## Crew\n\nThe crew has nine members, two of them engineers.",
    "south/lighthouse.md": "# Lighthouse log\n\nThe lamp turns every twelve seconds and is seen for 18 miles.\n\n"
    "| month | visitors |\n| --- | --- |\n| May | 310 |\n| June | 455 |",
}
QUESTIONS = [
    "How many passengers per crossing in 2024?",
    "visitors in June",
    "fuel per week",
    "Who maintains the lamp?",
]


@pytest.fixture(scope="module", autouse=True)
def _own_settings(tmp_path_factory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def local(files, tmp_path_factory) -> Collection:
    library = Collection.create(tmp_path_factory.mktemp("local") / "reports.mmrank")
    assert library.add(files, metadata={"shelf": "A"}).ok
    return library


@pytest.fixture(scope="module", params=["lite", "server"])
def remote(request, files, tmp_path_factory) -> Collection:
    folder = tmp_path_factory.mktemp(request.param)
    uri = str(folder / "reports.db") if request.param == "lite" else request.getfixturevalue("milvus_server").uri
    library = Collection.create(folder / "reports.mmrank", store="milvus", uri=uri, index="FLAT")
    assert library.add(files, metadata={"shelf": "A"}).ok
    return library


def shown(hits: Hits) -> list[tuple[object, ...]]:
    return [(hit.document, hit.page, hit.boxes, hit.snippet, hit.reasoning) for hit in hits]


def test_hits_answers_filters_and_metadata_are_those_of_a_collection_on_disk(local, remote, files):
    filters = [None, Filter(metadata={"shelf": "A"}, folder=str(files / "north")), Filter(until=iso_date("1990", "x"))]
    for question in QUESTIONS:
        for where in filters:
            one, other = (library.search(question, where=where) for library in (local, remote))
            assert shown(one) == shown(other)
            assert [hit.score for hit in other] == pytest.approx([hit.score for hit in one], abs=1e-4)
        assert remote.ask(question).text == local.ask(question).text
    assert [r.metadata for r in remote.documents()] == [r.metadata for r in local.documents()]
    name = local.documents()[0].name
    assert remote.document(name) == local.document(name)


def test_changes_reach_another_machine(remote, files, tmp_path):
    uri = remote.store.uri
    with Collection.open(tmp_path / "reports.mmrank", uri=uri) as other:
        assert shown(other.search(QUESTIONS[0])) == shown(remote.search(QUESTIONS[0]))
        name = "north/ferry-2024.md"
        assert remote.set_metadata(name, {"title": "The ferry, 2024"}).title == "The ferry, 2024"
        assert other.record(name).title == "The ferry, 2024"
        other.set_metadata(name, {"title": None})
        assert other.add(files).unchanged == sorted(TEXTS)
        assert other.remove(name) == 1
        assert len(remote) == 2
        assert remote.add(files, metadata={"shelf": "A"}).added == [name]
        assert len(other) == 3
    with Collection.open(tmp_path / "reports.mmrank") as again:
        assert len(again) == 3


def test_the_commands_take_a_store_and_an_address(files, tmp_path, monkeypatch):
    def run(*words: object) -> str:
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).output

    monkeypatch.chdir(tmp_path)
    there = ("--store", "milvus", "--uri", "reports.db")
    run("index", files / "north", "-c", "reports.mmrank", *there)
    run("index", files, "-c", "reports.mmrank", *there)
    assert "ferry-2024.md" in run("search", QUESTIONS[0], "-c", "reports.mmrank")
    assert "3 documents" in run("attach", "reports.db", "-c", "other.mmrank", "--name", "reports")
    assert "undamaged" in run("verify", "-c", "other.mmrank")
    run("export", "all.tar", "-c", "other.mmrank")
    run("import", "all.tar", "-c", "here.mmrank")
    run("import", "all.tar", "-c", "there.mmrank", *there)
    with pytest.raises(InputError, match="holds a collection 'there' already"):
        run("import", "all.tar", "-c", "again.mmrank", *there, "--name", "there")
    assert not Path("again.mmrank").exists()
    hits = [run("search", QUESTIONS[0], "-c", f"{name}.mmrank", "--json") for name in ("other", "here", "there")]
    assert hits[0] == hits[1] == hits[2]
    assert "undamaged" in run("verify", "-c", "here.mmrank")


def test_files_that_belong_to_a_collection_are_exported_from_milvus_and_imported_there(tmp_path):
    uri = str(tmp_path / "notes.db")
    with Collection.create(tmp_path / "notes.mmrank", store="milvus", uri=uri) as library:
        assert library.add(("2024/note.md", b"# Note\n\nThe weir was mended in 2024.")).ok
        export_archive(library.store, tmp_path / "notes.tar")
    import_into_milvus(tmp_path / "notes.tar", tmp_path / "there.mmrank", uri=uri, name="there").close()
    with Collection.open(tmp_path / "there.mmrank") as there:
        assert there.record("2024/note.md").path == str(tmp_path / "there.mmrank.files" / "2024" / "note.md")
        assert there.search("When was the weir mended?")[0].document == "2024/note.md"
    assert Path(tmp_path / "there.mmrank.files/2024/note.md").is_file()


def test_a_collection_of_a_stranger_does_not_choose_the_server(files, tmp_path, monkeypatch):
    library = Collection.create(tmp_path / "a.mmrank", store="milvus", uri=str(tmp_path / "a.db"))
    library.close()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another user"))
    with pytest.raises(InputError, match="not named on this machine"):
        Collection.open(tmp_path / "a.mmrank")
    with Collection.open(tmp_path / "a.mmrank", uri=str(tmp_path / "a.db")) as named:
        assert len(named) == 0
    Collection.open(tmp_path / "a.mmrank").close()


def test_bad_places_are_named(local, tmp_path):
    create, path = Collection.create, tmp_path / "x.mmrank"
    with pytest.raises(InputError, match="unknown store 'cloud'"):
        create(path, store="cloud")
    with pytest.raises(InputError, match="needs its uri"):
        create(path, store="milvus")
    with pytest.raises(InputError, match="for a collection in Milvus"):
        create(path, uri="http://127.0.0.1:19530")
    with pytest.raises(InputError, match="in its own folder"):
        Collection.open(local.path, uri="http://127.0.0.1:19530")
    assert not path.exists()
