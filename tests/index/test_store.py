"""The store: what is put is found, whole changes or nothing, the right errors."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.index import DuplicateContentError, EncoderIdentity, Filter, Store, StoreLockedError, verify


def test_importing_the_index_loads_no_faiss():
    code = "import sys, mmrank.index; sys.exit('faiss' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_document_comes_back_as_it_was_put(store, put):
    document = put(store, "a", ["first words", "second words"], metadata={"lang": "en"})
    with store.snapshot() as snapshot:
        assert snapshot.document(document.id) == document
        assert snapshot.passages([f"{document.id}/1", f"{document.id}/0"]) == list(reversed(document.passages))
        record = snapshot.documents()[0]
    assert (record.id, record.name, record.pages, record.passages) == (document.id, "a.pdf", 1, 2)
    assert record.metadata == {"lang": "en"}


def test_vectors_come_back_in_the_order_of_the_passages(store, put, vectors_of):
    document = put(store, "a", ["x", "y", "z"])
    snapshot = store.snapshot()
    np.testing.assert_array_equal(snapshot.passage_vectors(document.id), vectors_of("a", 3))
    np.testing.assert_allclose(snapshot.document_vectors(document.id)[0], vectors_of("a", 3).mean(0), atol=1e-7)


def test_dense_search_finds_the_nearest_passage(store, put, vectors_of):
    documents = {key: put(store, key, ["x", "y", "z"]) for key in "abcdefghijklmnop"}
    for key, document in documents.items():
        best = store.snapshot().search_dense(vectors_of(key, 3)[1], 3)
        assert (best[0].document_id, best[0].position) == (document.id, 1)
        assert best[0].score == pytest.approx(1.0, abs=1e-6)
        assert best[0].score >= best[1].score >= best[2].score


def test_dense_search_equals_comparing_with_every_vector(store, put, vectors_of, unit_vectors):
    keys = [f"k{at}" for at in range(40)]
    for key in keys:
        put(store, key, ["t"] * 5)
    with store.write() as writer:
        for key in keys[::3]:
            writer.remove(next(r.id for r in store.snapshot().documents() if r.name == f"{key}.pdf"))
    kept = [key for at, key in enumerate(keys) if at % 3]
    everything = np.concatenate([vectors_of(key, 5) for key in kept])
    for query in unit_vectors(10, seed=99):
        expected = np.sort(everything @ query)[::-1][:7]
        found = [match.score for match in store.snapshot().search_dense(query, 7)]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_document_scores_as_the_best_of_its_vectors(store, make_document, unit_vectors):
    vectors = unit_vectors(6)
    with store.write() as writer:
        writer.put(make_document("a", ["x"]), vectors[:1], vectors[:4])
        writer.put(make_document("b", ["x"]), vectors[:1], vectors[4:])
    found = store.snapshot().search_dense(vectors[2], 2, level="document")
    assert found[0].document_id == make_document("a", ["x"]).id
    assert found[0].score == pytest.approx(1.0, abs=1e-6)
    assert len(found) == 2


def test_replacing_leaves_nothing_of_the_old_document(store, put, vectors_of):
    put(store, "old", ["antelope", "badger"], "same.pdf")
    new = put(store, "new", ["camel"], "same.pdf")
    snapshot = store.snapshot()
    assert [record.id for record in snapshot.documents()] == [new.id]
    assert snapshot.search_lexical("antelope badger", 5) == []
    assert {match.document_id for match in snapshot.search_dense(vectors_of("old", 2)[0], 5)} == {new.id}


def test_content_under_a_second_name_is_refused_and_the_change_goes_on(store, make_document, unit_vectors):
    with store.write() as writer:
        writer.put(make_document("a", ["x"], "a.pdf"), unit_vectors(1), unit_vectors(1))
        with pytest.raises(DuplicateContentError, match=r"a\.pdf") as caught:
            writer.put(make_document("a", ["x"], "copy.pdf"), unit_vectors(1), unit_vectors(1))
        writer.put(make_document("b", ["x"], "b.pdf"), unit_vectors(1), unit_vectors(1))
    assert (caught.value.name, caught.value.existing) == ("copy.pdf", "a.pdf")
    assert [record.name for record in store.snapshot().documents()] == ["a.pdf", "b.pdf"]


def test_an_exception_in_the_block_changes_nothing(store, put, make_document, unit_vectors):
    put(store, "a", ["x"])
    version = store.snapshot().version
    with pytest.raises(ZeroDivisionError), store.write() as writer:
        writer.put(make_document("b", ["y"]), unit_vectors(1), unit_vectors(1))
        writer.remove(store.snapshot().documents()[0].id)
        raise ZeroDivisionError
    assert [record.name for record in store.snapshot().documents()] == ["a.pdf"]
    assert store.snapshot().version == version
    assert verify(store.path) == []


def test_a_snapshot_stays_what_it_was_and_a_new_one_shows_the_change(store, put, vectors_of):
    first = put(store, "a", ["antelope"])
    before = store.snapshot()
    second = put(store, "b", ["badger"])
    with store.write() as writer:
        writer.remove(first.id)
    assert [record.id for record in before.documents()] == [first.id]
    assert before.search_lexical("antelope", 5)[0].document_id == first.id
    assert before.search_dense(vectors_of("a", 1)[0], 5)[0].document_id == first.id
    assert before.document(first.id) == first
    after = store.snapshot()
    assert [record.id for record in after.documents()] == [second.id]
    assert after.search_lexical("antelope", 5) == []
    assert [match.document_id for match in after.search_dense(vectors_of("a", 1)[0], 5)] == [second.id]


@pytest.mark.parametrize(
    "bad",
    [np.full((1, 16), np.nan, np.float32), np.full((1, 16), np.inf, np.float32), np.ones((1, 8), np.float32)],
    ids=["nan", "infinite", "shape"],
)
def test_vectors_that_cannot_be_searched_are_refused_by_name(store, make_document, unit_vectors, bad):
    with store.write() as writer:
        for vectors in ((bad, unit_vectors(1)), (unit_vectors(1), bad)):
            with pytest.raises(InputError, match=r"a\.pdf"):
                writer.put(make_document("a", ["x"]), *vectors)
    assert store.snapshot().documents() == []


def test_duplicate_passage_positions_are_refused(store, make_document, unit_vectors):
    from dataclasses import replace

    document = make_document("a", ["x", "y"])
    twice = replace(document, passages=(document.passages[0], document.passages[0]))
    with store.write() as writer, pytest.raises(InputError, match="positions"):
        writer.put(twice, unit_vectors(2), unit_vectors(1))


def test_a_query_vector_that_is_not_finite_or_has_another_shape_is_refused(store, put):
    put(store, "a", ["x"])
    snapshot = store.snapshot()
    for vector in (np.full(16, np.nan, np.float32), np.ones(8, np.float32)):
        with pytest.raises(InputError, match="query vector"):
            snapshot.search_dense(vector, 3)
    with pytest.raises(InputError, match="k must"):
        snapshot.search_dense(np.ones(16, np.float32), 0)


def test_the_wrong_encoder_is_refused_with_both_names(store):
    with pytest.raises(InputError, match=r"tiny.*other") as caught:
        Store.open(store.path, encoder=EncoderIdentity("other", "fedcba", 16))
    assert "revision" in str(caught.value)


def test_a_folder_that_is_no_collection_is_refused(tmp_path):
    (tmp_path / "catalog.sqlite3").write_bytes(b"")
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(MmrankError, match=r"no(t a)? collection"):
            Store.open(path)


def test_another_format_version_is_refused(store):
    connection = sqlite3.connect(store.path / "catalog.sqlite3")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match=r"format 99.*newer"):
        Store.open(store.path)


def test_creating_over_something_is_refused(store, tmp_path, encoder):
    with pytest.raises(InputError, match="already"):
        Store.create(store.path, encoder=encoder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        Store.create(tmp_path / "full", encoder=encoder)


def test_a_second_writer_is_told_so(store):
    with store.write(), pytest.raises(StoreLockedError, match="another writer"), Store.open(store.path).write():
        pytest.fail("two writers at once")


def test_a_second_writer_can_wait(store, put):
    order = []

    def first() -> None:
        with store.write():
            order.append("first in")
            started.set()
            time.sleep(0.3)
            order.append("first out")

    started = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    started.wait()
    with Store.open(store.path).write(wait=10):
        order.append("second in")
    thread.join()
    assert order == ["first in", "first out", "second in"]


def test_a_read_only_store_refuses_to_write(store, put):
    put(store, "a", ["x"])
    with pytest.raises(InputError, match="read-only"), Store.open(store.path, read_only=True).write():
        pytest.fail("wrote")


def test_small_changes_are_merged_into_few_segments(store, put):
    for at in range(60):
        put(store, f"k{at}", ["word"])
    assert len(list((store.path / "segments").iterdir())) < 3 * 16
    assert store.snapshot().count("passage") == 60
    assert verify(store.path) == []


def test_compaction_keeps_every_answer_and_drops_what_is_gone(store, put, unit_vectors):
    documents = [put(store, f"k{at}", [f"word{at} common", f"other{at}"]) for at in range(30)]
    with store.write() as writer:
        for document in documents[::2]:
            writer.remove(document.id)
    queries = unit_vectors(5, seed=5)
    before = store.snapshot()
    old = [before.search_dense(q, 10) for q in queries], before.search_lexical("word3 common", 10)
    store.compact()
    after = store.snapshot()
    assert after.version > before.version
    for expected, found in zip(old[0], [after.search_dense(q, 10) for q in queries], strict=True):
        assert [(m.document_id, m.position) for m in found] == [(m.document_id, m.position) for m in expected]
    assert after.search_lexical("word3 common", 10) == old[1]
    assert before.search_lexical("word3 common", 10) == old[1]
    assert len(list((store.path / "segments").iterdir())) == 3
    assert verify(store.path) == []


def test_an_emptied_collection_can_be_compacted_and_filled_again(store, put):
    document = put(store, "a", ["x"])
    with store.write() as writer:
        writer.remove(document.id)
    store.compact()
    assert store.snapshot().search_lexical("x", 3) == []
    put(store, "b", ["x"])
    assert len(store.snapshot().search_lexical("x", 3)) == 1
    assert verify(store.path) == []


def test_a_document_without_passages_is_listed_and_never_found(store, make_document, put):
    with store.write() as writer:
        writer.put(make_document("empty", []), np.zeros((0, 16), np.float32), np.zeros((0, 16), np.float32))
    put(store, "a", ["x"])
    snapshot = store.snapshot()
    assert len(snapshot.documents()) == 2
    assert len(snapshot.search_dense(np.ones(16, np.float32), 10)) == 1
    assert snapshot.passage_vectors(make_document("empty", []).id).shape == (0, 16)
    assert verify(store.path) == []


@pytest.mark.parametrize("name", ["日本語/отчёт 😀.pdf", "x" * 4096, 'it\'s "quoted" 100%_.pdf', "a\nb.pdf"])
def test_unusual_names_are_kept_as_they_are(store, put, name):
    put(store, "a", ["x"], name)
    snapshot = store.snapshot()
    assert snapshot.documents()[0].name == name
    assert len(snapshot.search_lexical("x", 3, where=Filter(names=(name,)))) == 1
    assert verify(store.path) == []


def test_a_name_that_is_no_unicode_is_refused(store, put):
    with pytest.raises(InputError, match="UTF-8"):
        put(store, "a", ["x"], os.fsdecode(b"caf\xe9.pdf"))


def test_a_clock_that_goes_back_harms_nothing(store, put, monkeypatch):
    put(store, "a", ["x"])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    put(store, "b", ["x"])
    records = {record.name: record for record in store.snapshot().documents()}
    assert records["b.pdf"].added.year == 1970
    assert store.snapshot().version == 2
    assert verify(store.path) == []


def test_properties_are_kept_with_the_collection(store):
    with store.write() as writer:
        writer.set_property("weights", {"dense": 0.4})
    assert Store.open(store.path).snapshot().property("weights") == {"dense": 0.4}
    assert Store.open(store.path).settings == {"profile": "cpu"}


@pytest.mark.skipif(os.name == "nt", reason="folder permissions work otherwise there")
def test_a_read_only_folder_can_be_read(store, put, tmp_path_for_all):
    put(store, "a", ["antelope"])
    store.close()
    code = (
        "import os, sys\n"
        "from mmrank.index import Store; from mmrank.errors import MmrankError\n"
        "Store.open(sys.argv[2]).snapshot().search_lexical('antelope', 3)  # everything is imported before\n"
        "os.setuid(65534)\n"
        "store = Store.open(sys.argv[1], read_only=True)\n"
        "assert len(store.snapshot().search_lexical('antelope', 3)) == 1\n"
        "try:\n    writable = Store.open(sys.argv[1])\n    with writable.write(): pass\n"
        "except MmrankError as error: assert 'permissions' in str(error), error\n"
        "else: sys.exit('wrote')\n"
    )
    if os.getuid() != 0:
        pytest.skip("needs to become another user")
    other = shutil.copytree(store.path, tmp_path_for_all / "other")
    for folder in (store.path, *(p for p in store.path.rglob("*"))):
        folder.chmod(0o555 if folder.is_dir() else 0o444)
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.path), str(other)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("Nonsense99", "^could not parse index string 'Nonsense99'$"),
        ("PQ5", "'PQ5' does not work for vectors of 16: The dimension"),
    ],
)
def test_an_index_that_faiss_cannot_make_is_refused_before_it_is_needed(store, put, tmp_path, encoder, index, said):
    with pytest.raises(InputError, match=said):
        Store.create(tmp_path / "new", encoder=encoder, index=index)
    assert not (tmp_path / "new").exists()
    put(store, "a", ["x"])
    with pytest.raises(InputError, match=said):
        store.compact(index=index)
    store.compact(index="HNSW32")


def test_a_date_with_a_time_of_day_is_taken_and_one_with_anything_else_refused():
    assert Filter(since="2024-03-31T10:30:00Z").since == "2024-03-31"
    for date in ("2024-03-31garbage", "2024-03-31T", ""):
        with pytest.raises(InputError, match="since"):
            Filter(since=date)


def test_a_folder_is_found_however_it_is_written(store, put, tmp_path, monkeypatch, make_document, unit_vectors):
    from dataclasses import replace

    document = replace(make_document("a", ["x"]), name="2024/a.pdf", path=str(tmp_path / "reports/2024/a.pdf"))
    with store.write() as writer:
        writer.put(document, unit_vectors(1), unit_vectors(1))
    snapshot = store.snapshot()
    for here, folders in (
        (tmp_path, {"2024/", "reports", "reports/2024", "./reports/x/../2024", str(tmp_path), "/"}),
        (tmp_path.parent, {"2024", f"{tmp_path.name}/reports"}),
    ):
        monkeypatch.chdir(here)
        for folder in ("2024/", "2024", "reports", "reports/2024", "./reports/x/../2024", f"{tmp_path.name}/reports"):
            expected = folder.rstrip("/") == "2024" or folder in folders
            found = snapshot.search_dense(unit_vectors(1)[0], 1, where=Filter(folder=folder))
            assert bool(found) == bool(snapshot.documents(Filter(folder=folder))) == expected, (here, folder)
