"""A collection in Milvus that several machines share, and its way there and back.

The server's part takes minutes and runs with `pytest -m cluster`.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.index import (
    EncoderIdentity,
    MilvusStore,
    Store,
    StoreLockedError,
    copying,
    export_archive,
    import_archive,
    import_into_milvus,
    milvus_lock,
    milvus_writer,
    repair_in_milvus,
    verify,
)
from mmrank.index.milvus_server import LOCK, MilvusServer
from mmrank.index.milvus_snapshot import Fetched

pymilvus = pytest.importorskip("pymilvus", reason="Milvus is an extra: pip install 'mmrank[scale]'")
pytest.importorskip("milvus_lite", reason="Milvus Lite is not built for this system")


def elsewhere(store: MilvusStore, folder: Path) -> MilvusStore:
    """The collection on another machine."""
    return MilvusStore.attach(folder / f"other{time.time_ns()}", uri=store.uri, name=store._server.name)


def test_another_machine_sees_the_same_and_every_change(shared, tmp_path, make_document, vectors_of):
    other = elsewhere(shared, tmp_path)
    query = vectors_of("badger", 3)[1]
    for one, two in ((shared, other), (other, shared)):
        vectors = vectors_of(f"new{one is shared}", 2)
        with one.write() as writer:
            writer.remove(shared.snapshot().documents()[0].id)
            writer.put(make_document(f"new{one is shared}", ["new text", "more shared"]), vectors, vectors[:1])
        with one.snapshot() as mine, two.snapshot() as theirs:
            assert mine.version == theirs.version
            assert mine.documents() == theirs.documents()
            for level in ("passage", "document"):
                found = [snapshot.search_dense(query, 50, level) for snapshot in (mine, theirs)]
                assert [match[:2] for match in found[0]] == [match[:2] for match in found[1]]
            assert mine.search_lexical("shared text", 50) == theirs.search_lexical("shared text", 50)
    other.close()


def test_a_writer_that_died_is_succeeded(shared, tmp_path, monkeypatch, make_document, vectors_of):
    monkeypatch.setattr(milvus_lock, "LEASE", 3.0)
    monkeypatch.setattr(milvus_lock, "BEAT", 0.3)
    other = elsewhere(shared, tmp_path)
    token = "00112233445566ff"
    assert shared._server.claim(LOCK, token)  # and it is never heard of again
    assert not shared._server.claim(LOCK, "ffffffffffffffff")
    assert shared._server.claim(LOCK, token)  # asked twice, when the first answer was lost
    shared._server.say(writer=f"{token} another-machine/1 1")
    shared._server.put("passages", milvus_writer._vector_rows(7, vectors_of("x", 2), token))
    with pytest.raises(StoreLockedError, match="died"), other.write():
        pass
    with other.write(wait=10) as writer:
        writer.remove(make_document("camel", []).id)
    assert len(shared.snapshot().documents()) == 5
    assert shared._server.count("passages", f'change == "{token}"') == 0
    other.close()


def test_a_change_whose_writer_died_once_it_was_listed_is_there(shared, monkeypatch, make_document):
    def die(step: str) -> None:
        if step == "listed":
            raise SystemExit("the machine is gone")

    with pytest.raises(SystemExit), shared.write(on_step=die) as writer:
        writer.remove(make_document("camel", []).id)
    with shared.write() as writer:
        writer.remove(make_document("eagle", []).id)
    assert len(shared.snapshot().documents()) == 4


def test_a_writer_that_was_away_for_too_long_changes_nothing(shared, make_document):
    def replace(step: str) -> None:
        if step == "listing":
            shared._server.say(writer="ffffffffffffffff another/1 1")

    with pytest.raises(MmrankError, match=r"nothing was changed"), shared.write() as writer:
        writer._step = replace
        writer.remove(make_document("camel", []).id)
        writer._lease._beat = lambda: None  # the sign of life would be seen as the other's
        shared._server.say(writer="ffffffffffffffff another/1 1")
    assert len(shared.snapshot().documents()) == 6


def test_rows_of_removed_documents_are_deleted_later(shared, monkeypatch, make_document, vectors_of):
    monkeypatch.setattr(milvus_writer, "GRACE", 0.0)
    camel = make_document("camel", []).id
    with shared.write() as writer:
        writer.remove(camel)
    assert shared._server.count("passages", 'key > ""') == 18
    before = shared.snapshot()
    shared.compact()
    assert shared._server.count("passages", 'key > ""') == 15
    for snapshot in (before, shared.snapshot()):
        for record in snapshot.documents():
            wanted = vectors_of(record.title.lower(), 3)[:1]
            np.testing.assert_allclose(snapshot.document_vectors(record.id), wanted, atol=1e-6)


def test_what_milvus_lost_is_found_and_named(shared, make_document, vectors_of):
    assert shared.problems() == []
    with shared.snapshot() as snapshot:
        [place] = snapshot.places([make_document("camel", []).id])
        [other] = snapshot.places([make_document("eagle", []).id])
    shared._server.delete("passages", f"number == {place.number}")
    shared._server.delete("blobs", f'key == "{other.number:x}.pages.0.0"')
    assert [problem.documents for problem in shared.problems()] == [("even/camel.pdf",), ("even/eagle.pdf",)]
    report = repair_in_milvus(shared.path, encode=lambda _: (vectors_of("camel", 3), vectors_of("camel", 1), None))
    assert (report.encoded, report.lost) == (("even/camel.pdf",), ("even/eagle.pdf",))
    assert shared.problems() == []
    with shared.snapshot() as snapshot:
        assert len(snapshot.documents()) == 5
        np.testing.assert_allclose(snapshot.passage_vectors(place.id), vectors_of("camel", 3), atol=1e-6)


def test_a_state_that_milvus_was_set_back_to_is_followed(shared, make_document):
    server = shared._server
    head = server.said("head")
    with shared.write() as writer:
        writer.remove(make_document("camel", []).id)
    assert len(shared.snapshot().documents()) == 5
    server.delete("changes", "number == 2")
    server.say(head=head)
    assert len(shared.snapshot().documents()) == 6


def test_what_cannot_be_opened_says_why(shared, tmp_path, encoder):
    path, server = shared.path, shared._server
    with pytest.raises(InputError, match=r"tiny.*other"):
        MilvusStore.open(path, encoder=EncoderIdentity("other", "1", 16))
    with pytest.raises(InputError, match="already"):
        MilvusStore.create(tmp_path / "new", uri=shared.uri, name=server.name, encoder=encoder)
    with pytest.raises(InputError, match="no collection 'absent'"):
        MilvusStore.attach(tmp_path / "new", uri=shared.uri, name="absent")
    with pytest.raises(InputError, match=r"Collection\.open"):
        Store.open(path)
    server.say(format="2")
    with pytest.raises(InputError, match="newer mmrank"):
        MilvusStore.open(path)
    server.say(format="1", identity="somebody else's")
    with pytest.raises(MmrankError, match="another collection"):
        MilvusStore.open(path)
    server.say(encoder="{")
    with pytest.raises(MmrankError, match="changed by hand"):
        MilvusStore.open(path)
    assert not (tmp_path / "new").exists()


def test_a_collection_of_somebody_else_is_left_alone(shared, tmp_path, encoder):
    client = shared._server._client
    client.create_collection("theirs_passages", dimension=8)
    with pytest.raises(InputError, match="did not make"):
        MilvusStore.create(tmp_path / "new", uri=shared.uri, name="theirs", encoder=encoder)
    assert client.has_collection("theirs_passages")


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("blobs", "other fields", "the fields of"),
        ("passages", "other types", "the fields of"),
        ("passages", "other metric", "the index of"),
        ("changes", "no index", "the index of"),
        ("blobs", "gone", "lacks .*_blobs: somebody deleted it"),
    ],
)
def test_a_changed_schema_is_noticed(shared, part, change, said):
    server, before = shared._server, contents(shared.path)
    name = f"{server.name}_{part}"
    if change in ("other metric", "no index"):
        server.call("release_collection", name)
        server.call("drop_index", name, server.call("list_indexes", name, "vector")[0])
    else:
        server.call("drop_collection", name)
    if change == "other metric":
        indexes = server._client.prepare_index_params()
        indexes.add_index("vector", index_type="FLAT", metric_type="L2")
        server.call("create_index", name, indexes)
    elif change == "other fields":
        server.call("create_collection", name, dimension=2)
    elif change == "other types":
        schema = server._client.create_schema(auto_id=False, enable_dynamic_field=False)
        for field in ("key", "number", "position", "change"):
            schema.add_field(field, pymilvus.DataType.VARCHAR, max_length=64, is_primary=field == "key")
        schema.add_field("vector", pymilvus.DataType.FLOAT_VECTOR, dim=16)
        server.call("create_collection", name, schema=schema)
    with pytest.raises(MmrankError, match=f"{said}.*nothing was read"):
        MilvusStore.open(shared.path)
    assert contents(shared.path) == before


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, but for the notes that SQLite makes of who reads."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith("-shm")
    }


def test_a_damaged_replica_is_made_again(shared):
    assert verify(shared.path) == []
    documents = shared.snapshot().documents()
    shared.close()
    words = next((shared.path / "segments").glob("*-words-*"))
    words.write_bytes(words.read_bytes()[:-8] + b"\xff" * 8)
    (shared.path / "catalog.sqlite3").write_bytes(b"no catalog" * 1000)
    report = repair_in_milvus(shared.path)
    assert [problem.kind for problem in report.problems] == ["catalog"]
    assert verify(shared.path) == []
    with MilvusStore.open(shared.path) as store:
        assert store.snapshot().documents() == documents
    assert repair_in_milvus(shared.path).problems == ()


def test_a_password_in_an_address_is_refused(tmp_path, encoder):
    with pytest.raises(InputError, match="MMRANK_MILVUS_TOKEN") as raised:
        MilvusStore.create(tmp_path / "new", uri="http://root:secret@127.0.0.1:9", name="x", encoder=encoder)
    assert "secret" not in str(raised.value)
    assert not (tmp_path / "new").exists()


def test_an_export_is_the_same_collection_wherever_it_goes(library, request, tmp_path, encoder, vectors_of):
    export_archive(library, tmp_path / "all.tar")
    here = import_archive(tmp_path / "all.tar", tmp_path / "here", encoder=encoder)
    assert verify(here.path) == []
    kind = "server" if "server" in request.node.callspec.id else "lite"
    uri = request.getfixturevalue("lite") if kind == "lite" else request.getfixturevalue("milvus_server").uri
    there = import_into_milvus(tmp_path / "all.tar", tmp_path / "there", uri=uri, name=f"i{time.time_ns()}")
    assert there.problems() == []
    with library.snapshot() as wanted:
        records = wanted.documents()
        query = vectors_of("badger", 3)[1]
        for store in (here, there):
            with store.snapshot() as found:
                assert found.documents() == records
                for record in records:
                    assert found.document(record.id) == wanted.document(record.id)
                    assert found.arrays_version(record.id) == "1"
                    arrays = [snapshot.arrays(record.id, "1")["a"] for snapshot in (found, wanted)]
                    np.testing.assert_array_equal(*arrays)
                for level in ("passage", "document"):
                    matches = [snapshot.search_dense(query, 5, level) for snapshot in (found, wanted)]
                    assert [match[:2] for match in matches[0]] == [match[:2] for match in matches[1]]
                assert found.search_lexical("shared two", 9) == wanted.search_lexical("shared two", 9)
    here.close()
    there.close()


def test_a_copy_of_what_changes_meanwhile_is_of_one_version(shared, tmp_path, monkeypatch, encoder, make_document):
    """Rows of a removed document are deleted before the copy comes to it."""
    monkeypatch.setattr(copying, "TOGETHER", 2)
    held, begun = copying._held, []

    def slow(snapshot, record, tokens):
        begun.append(record.name)
        if len(begun) == 3:
            with shared.write() as writer:
                writer.remove(make_document("antelope", []).id)
                writer.remove(make_document("ferret", []).id)
            shared.compact()
            shared._fetched = snapshot._fetched = Fetched()
        return held(snapshot, record, tokens)

    monkeypatch.setattr(copying, "_held", slow)
    with Store.create(tmp_path / "copy", encoder=encoder) as target:
        copying.copy_documents(shared, target)
        assert target.snapshot().documents() == shared.snapshot().documents()
        assert len(target.snapshot().documents()) == 4


def test_an_import_that_fails_leaves_nothing(library, request, tmp_path, monkeypatch):
    if not isinstance(library, MilvusStore):
        pytest.skip("there is nothing in Milvus")
    export_archive(library, tmp_path / "all.tar")

    def fail(*_: object) -> None:
        raise MmrankError("the disk is full")

    monkeypatch.setattr("mmrank.index.archive.copy_documents", fail)
    with pytest.raises(MmrankError, match="the disk is full"):
        import_into_milvus(tmp_path / "all.tar", tmp_path / "there", uri=library.uri, name="unfinished")
    assert not MilvusStore.holds(library.uri, "unfinished")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["all.tar"]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://127.0.0.1:9", "no Milvus answers"),
        ("ftp://somewhere", "no address of Milvus"),
        ("reports.txt", "no address of Milvus"),
    ],
)
def test_an_address_without_milvus_is_named(tmp_path, encoder, monkeypatch, uri, said):
    monkeypatch.setattr("mmrank.index.milvus_server.READING", 1.0)
    with pytest.raises(MmrankError, match=said):
        MilvusStore.create(tmp_path / "new", uri=uri, name="x", encoder=encoder)
    with pytest.raises(InputError, match="cannot be the name"):
        MilvusServer("http://127.0.0.1:9", "no name")
    assert not (tmp_path / "new").exists()
