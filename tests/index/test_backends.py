"""The same promises of a collection on this disk, in Milvus Lite, and on a real Milvus server.

The server's part takes minutes and runs with `pytest -m cluster`; `tests/product/test_milvus.py` asks a server a few
questions in every run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.index import (
    DuplicateContentError,
    EncoderIdentity,
    Filter,
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
from mmrank.query.analysis import analyse
from mmrank.retrieve.documents import Identities, rank_documents
from mmrank.retrieve.question import Question
from mmrank.retrieve.words import content_words
from mmrank.types import Query

pymilvus = pytest.importorskip("pymilvus", reason="Milvus is an extra: pip install 'mmrank[scale]'")
pytest.importorskip("milvus_lite", reason="Milvus Lite is not built for this system")

KINDS = ["disk", "lite", pytest.param("server", marks=pytest.mark.cluster)]
WORDS = ["antelope", "badger", "camel", "dormouse", "eagle", "ferret"]


@pytest.fixture(scope="module")
def lite(tmp_path_factory) -> str:
    """A file of Milvus Lite: opening one takes longer than making a collection in it."""
    return str(tmp_path_factory.mktemp("lite") / "lite.db")


def make_store(kind, request, folder, encoder) -> Store:
    """An empty collection of some kind."""
    path = folder / f"library{time.time_ns()}"
    if kind == "disk":
        return Store.create(path, encoder=encoder)
    uri = request.getfixturevalue("lite") if kind == "lite" else request.getfixturevalue("milvus_server").uri
    return MilvusStore.create(path, uri=uri, name=f"t{time.time_ns()}", encoder=encoder, index="FLAT")


def make_library(kind, request, folder, encoder, make_document, vectors_of) -> Store:
    """Six documents in two folders, with metadata."""
    store = make_store(kind, request, folder, encoder)
    with store.write() as writer:
        for at, word in enumerate(WORDS):
            vectors = vectors_of(word, 3)
            texts = [f"{word} one shared", f"{word} two shared shared", "nothing else here"]
            document = make_document(word, texts, f"{'even' if at % 2 == 0 else 'odd'}/{word}.pdf", title=word.title())
            metadata = {"lang": "en" if at < 3 else "de", "date": f"202{at}-05-01", 'od"d key': 'x\'s "y"'}
            writer.put(document, vectors, vectors[:1], metadata=metadata, arrays=({"a": np.arange(at)}, "1"))
    return store


@pytest.fixture(scope="module", params=KINDS)
def library(request, tmp_path_factory, encoder, make_document, vectors_of):
    """For tests that only read."""
    store = make_library(request.param, request, tmp_path_factory.mktemp("l"), encoder, make_document, vectors_of)
    yield store
    store.close()


@pytest.fixture(params=KINDS)
def changing(request, tmp_path, encoder, make_document, vectors_of):
    """For tests that change it."""
    store = make_library(request.param, request, tmp_path, encoder, make_document, vectors_of)
    yield store
    store.close()


def test_dense_search_finds_passages_and_documents(library, make_document, vectors_of):
    vectors = vectors_of("camel", 3)
    snapshot = library.snapshot()
    best = snapshot.search_dense(vectors[2], 4)
    assert len(best) == 4
    assert (best[0].document_id, best[0].position) == (make_document("camel", []).id, 2)
    assert best[0].score == pytest.approx(1.0, abs=1e-5)
    assert [match.score for match in best] == sorted((match.score for match in best), reverse=True)
    whole = snapshot.search_dense(vectors[0], 2, level="document")
    assert (whole[0].document_id, whole[0].position) == (make_document("camel", []).id, None)


def test_lexical_search_finds_passages_and_documents(library, make_document):
    snapshot = library.snapshot()
    best = snapshot.search_lexical("Badger TWO", 5)
    assert (best[0].document_id, best[0].position) == (make_document("badger", []).id, 1)
    assert best[0].score > best[1].score > 0
    assert snapshot.search_lexical("eagle", 5, level="document")[0].document_id == make_document("eagle", []).id
    assert snapshot.search_lexical("zebra", 5) == []
    assert snapshot.search_lexical("?!", 5) == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(folder="even"), {"antelope", "camel", "eagle"}),
        (Filter(folder="/library/odd/"), {"badger", "dormouse", "ferret"}),
        (Filter(folder="eve"), set()),
        (Filter(names=("odd/badger.pdf", "absent.pdf")), {"badger"}),
        (Filter(metadata={"lang": "de"}), {"dormouse", "eagle", "ferret"}),
        (Filter(metadata={'od"d key': 'x\'s "y"'}, folder="odd"), {"badger", "dormouse", "ferret"}),
        (Filter(since="2022", until="2024-05"), {"camel", "dormouse", "eagle"}),
        (Filter(until="2020-05-01"), {"antelope"}),
        (Filter(documents=()), set()),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_a_filter_bounds_every_search_from_within(library, make_document, vectors_of, where, expected):
    ids = {make_document(word, []).id for word in expected}
    snapshot = library.snapshot()
    query = vectors_of("badger", 3)[0]
    assert {match.document_id for match in snapshot.search_dense(query, 18, where=where)} == ids
    assert {match.document_id for match in snapshot.search_dense(query, 6, "document", where)} == ids
    assert {match.document_id for match in snapshot.search_lexical("shared", 18, where=where)} == ids
    assert {match.document_id for match in snapshot.search_lexical("shared", 6, "document", where)} == ids
    assert {record.id for record in snapshot.documents(where)} == ids
    if ids:
        assert len(snapshot.search_dense(query, 1, where=where)) == 1


def test_removed_and_replaced_documents_are_never_found(changing, make_document, vectors_of):
    with changing.write() as writer:
        writer.remove(make_document("camel", []).id)
        vectors = vectors_of("badger2", 2)
        writer.put(make_document("badger2", ["new text", "more"], "odd/badger.pdf"), vectors, vectors[:1])
    snapshot = changing.snapshot()
    gone = {make_document(word, []).id for word in ("camel", "badger")}
    assert len(snapshot.documents()) == 5
    assert not gone & {match.document_id for match in snapshot.search_dense(vectors_of("camel", 3)[0], 100)}
    assert snapshot.search_lexical("camel badger", 10) == []
    assert snapshot.search_dense(vectors[1], 1)[0].document_id == make_document("badger2", []).id
    with pytest.raises(InputError, match="no document"), changing.write() as writer:
        writer.remove(make_document("camel", []).id)


def put_halfway(store, monkeypatch, document, vectors, look: Callable[[], None] = lambda: None):
    """Put a document with a writer that dies when everything is written and nothing is committed; `look` before."""

    def die(step: str) -> None:
        if step in ("listing", "commit"):
            look()
            raise SystemExit("the machine is gone")

    with monkeypatch.context() as patch:
        patch.setattr(milvus_writer, "clear_away", lambda *_: None)
        patch.setattr(milvus_lock.Lease, "end", lambda lease: lease._ended.set())
        with pytest.raises(SystemExit), store.write(on_step=die) as writer:
            writer.put(document, vectors, vectors[:1])


def ranked(snapshot, vector, text, *, documents):
    """Ids of the documents that a question is about."""
    question = Question(Query(text), analyse(text), vector, content_words(text))
    identities = Identities(snapshot.documents())
    return [one.id for one in rank_documents(snapshot, question, identities, documents=documents, passages=22)]


def is_nowhere(snapshot, document, vectors):
    """Whether no search finds a document of four passages about a gnu, while all others are found."""
    both = ranked(snapshot, vectors[0], "gnu shared", documents=7)
    matches = [
        *snapshot.search_dense(vectors[0], 22),
        *snapshot.search_dense(vectors[0], 7, "document"),
        *snapshot.search_lexical("gnu shared", 22),
        *snapshot.search_lexical("gnu shared", 7, "document"),
        *snapshot.search_dense(vectors[0], 22, where=Filter(names=(document.name,))),
    ]
    found = {match.document_id for match in matches} | set(both)
    assert len(snapshot.documents()) == len(found - {document.id}) == 6
    assert len(snapshot.search_dense(vectors[0], 3)) == 3  # what is passed over costs no place
    return document.id not in found and document.id not in {record.id for record in snapshot.documents()}


def test_a_document_is_not_seen_before_it_is_whole_nor_when_its_writer_dies(
    changing, monkeypatch, make_document, vectors_of
):
    monkeypatch.setattr(milvus_lock, "LEASE", 3.0)
    monkeypatch.setattr(milvus_lock, "BEAT", 0.3)
    document, vectors = make_document("gnu", ["gnu shared"] * 4), vectors_of("gnu", 4)
    seen = []
    put_halfway(
        changing,
        monkeypatch,
        document,
        vectors,
        look=lambda: seen.append(is_nowhere(changing.snapshot(), document, vectors)),
    )
    assert seen == [True]
    assert is_nowhere(changing.snapshot(), document, vectors)
    with changing.write(wait=10) as writer:  # a put of fewer passages makes it whole, and leaves nothing of the first
        writer.put(make_document("gnu", ["gnu shared"]), vectors[:1], vectors[:1])
    snapshot = changing.snapshot()
    assert [(m.document_id, m.position) for m in snapshot.search_lexical("gnu", 9)] == [(document.id, 0)]
    np.testing.assert_allclose(snapshot.passage_vectors(document.id), vectors[:1], atol=1e-6)
    if isinstance(changing, MilvusStore):
        assert changing._server.count("passages", 'key > ""') == 6 * 3 + 1  # the next writer cleared away what was left


def test_a_snapshot_shows_its_version_while_others_write(changing, make_document, vectors_of):
    with changing.snapshot() as before:
        camel = make_document("camel", []).id
        with changing.write() as writer:
            writer.remove(camel)
            vectors = vectors_of("badger2", 2)
            writer.put(make_document("badger2", ["new text", "more"], "odd/badger.pdf"), vectors, vectors[:1])
        assert len(before.documents()) == 6
        assert before.document(camel).title == "Camel"
        assert before.search_dense(vectors_of("camel", 3)[1], 1)[0].position == 1
        assert before.page(camel, 0).page == 0
    with changing.snapshot() as after:
        assert after.version == before.version + 1
        with pytest.raises(InputError, match="no document"):
            after.document(camel)


def test_everything_kept_of_a_document_comes_back(library, make_document):
    with library.snapshot() as snapshot:
        identifier = make_document("ferret", []).id
        document = snapshot.document(identifier)
        texts = ["ferret one shared", "ferret two shared shared", "nothing else here"]
        assert document == make_document("ferret", texts, "odd/ferret.pdf", title="Ferret")
        assert snapshot.page(identifier, 0) == document.pages[0]
        assert snapshot.run_of_passages(identifier, range(1, 3)) == document.passages[1:]
        assert snapshot.arrays(identifier, "1")["a"].tolist() == [0, 1, 2, 3, 4]
        assert snapshot.arrays(identifier, "2") is None
        assert (snapshot.count(), snapshot.count("passage")) == (6, 18)
        for ask in (lambda: snapshot.page(identifier, 1), lambda: snapshot.passage(identifier, 3)):
            with pytest.raises(InputError):
                ask()


def test_descriptions_arrays_and_properties_change_without_the_rest(changing, make_document):
    identifier = make_document("eagle", []).id
    with changing.write() as writer:
        writer.describe(identifier, "Golden Eagle", {"date": "2031-01-01", "lang": "la"})
        writer.put_arrays(identifier, {"a": np.ones(2)}, "2")
        writer.set_property("note", {"seen": 1})
    with changing.snapshot() as snapshot:
        [record] = snapshot.documents(Filter(metadata={"lang": "la"}))
        assert (record.title, record.date, snapshot.document(identifier).title) == (
            "Golden Eagle",
            "2031-01-01",
            "Golden Eagle",
        )
        assert snapshot.arrays(identifier, "2")["a"].tolist() == [1, 1]
        assert identifier not in snapshot.without_arrays("2")
        assert len(snapshot.without_arrays("2")) == 5
        assert snapshot.property("note") == {"seen": 1}


def test_a_change_that_fails_changes_nothing(changing, make_document, vectors_of):
    def fail() -> None:
        with changing.write() as writer:
            writer.remove(make_document("camel", []).id)
            vectors = vectors_of("gnu", 2)
            writer.put(make_document("gnu", ["x", "y"]), vectors, vectors[:1])
            raise ZeroDivisionError

    with changing.snapshot() as snapshot:
        version = snapshot.version
    with pytest.raises(ZeroDivisionError):
        fail()
    with changing.snapshot() as snapshot:
        assert snapshot.version == version
        assert len(snapshot.documents()) == 6
    changing.compact()
    with changing.snapshot() as snapshot:
        assert len(snapshot.search_dense(vectors_of("camel", 3)[0], 100)) == 18


def test_one_writer_is_at_work_at_a_time(changing, make_document):
    with changing.write() as writer:
        writer.remove(make_document("camel", []).id)
        with pytest.raises(StoreLockedError, match="another writer"), changing.write():
            pass
    assert len(changing.snapshot().documents()) == 5


def test_token_vectors_are_scored_alike(request, tmp_path, make_document, unit_vectors):
    encoder = EncoderIdentity("tokens", "1", 16, multi_vector=True)
    stores = [make_store(kind, request, tmp_path, encoder) for kind in ("disk", "lite")]
    document, tokens = make_document("gnu", ["a", "b"]), [unit_vectors(5, 1), unit_vectors(3, 2)]
    for store in stores:
        with store.write() as writer:
            writer.put(document, unit_vectors(2), unit_vectors(1), tokens)
    places = [(document.id, 0), (document.id, 1)]
    scored = [store.snapshot().score_tokens(unit_vectors(4, 3), places) for store in stores]
    assert scored[0] == scored[1]
    for one, other in zip(*(store.snapshot().token_vectors(document.id) for store in stores), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_document_put_again_keeps_nothing_of_what_it_was(changing, make_document, vectors_of):
    vectors = vectors_of("gnu", 4)
    document = make_document("gnu", ["gnu"] * 4)
    none = vectors[:0]
    for texts, passages, whole in ((4, vectors, vectors[:3]), (2, vectors[:2], vectors[3:]), (0, none, none)):
        with changing.write() as writer:
            writer.put(make_document("gnu", ["gnu"] * texts), passages, whole)
        snapshot = changing.snapshot()
        np.testing.assert_allclose(snapshot.passage_vectors(document.id), passages, atol=1e-6)
        np.testing.assert_allclose(snapshot.document_vectors(document.id), whole, atol=1e-6)
        assert len(snapshot.search_lexical("gnu", 9)) == texts
        found = snapshot.search_dense(vectors[0], 99, where=Filter(documents=(document.id,)))
        assert sorted(match.position for match in found) == list(range(texts))


def test_a_document_without_passages_is_listed_and_removed_but_never_found(changing, make_document, vectors_of):
    document, none = make_document("blank", [], title="Blank"), vectors_of("blank", 0)
    with changing.write() as writer:
        writer.put(document, none, none)
    snapshot = changing.snapshot()
    record = next(record for record in snapshot.documents() if record.id == document.id)
    assert (record.name, record.title, record.pages, record.passages) == ("blank.pdf", "Blank", 1, 0)
    assert snapshot.document_vectors(document.id).shape == snapshot.passage_vectors(document.id).shape == (0, 16)
    query = -vectors_of("camel", 3)[0]  # worse than a vector of zeros
    assert len(snapshot.search_dense(query, 9, "document")) == 6
    assert document.id not in {match.document_id for match in snapshot.search_dense(query, 9, "document")}
    assert document.id not in ranked(snapshot, query, "blank camel", documents=9)
    with changing.write() as writer:
        writer.remove(document.id)
    assert len(changing.snapshot().documents()) == 6


def test_passages_and_vectors_come_back(library, make_document, vectors_of):
    identifier = make_document("eagle", []).id
    snapshot = library.snapshot()
    assert [p.text for p in snapshot.passages([f"{identifier}/1", f"{identifier}/0"])] == [
        "eagle two shared shared",
        "eagle one shared",
    ]
    np.testing.assert_allclose(snapshot.passage_vectors(identifier), vectors_of("eagle", 3), atol=1e-6)
    np.testing.assert_allclose(snapshot.document_vectors(identifier), vectors_of("eagle", 3)[:1], atol=1e-6)
    with pytest.raises(InputError, match="no passage"):
        snapshot.passages([f"{identifier}/9"])


def test_bad_input_is_refused(library, make_document, vectors_of, unit_vectors):
    with library.write() as writer:
        with pytest.raises(DuplicateContentError, match="even/camel"):
            writer.put(make_document("camel", ["x"], "copy.pdf"), unit_vectors(1), unit_vectors(1))
        with pytest.raises(InputError, match="NaN"):
            writer.put(make_document("n", ["x"]), np.full((1, 16), np.nan, np.float32), unit_vectors(1))
    for vector in (np.full(16, np.nan, np.float32), np.ones(3, np.float32)):
        with pytest.raises(InputError):
            library.snapshot().search_dense(vector, 3)
    assert len(library.snapshot().documents()) == 6


def test_documents_are_ranked_on_either_backend(library, make_document, vectors_of):
    found = ranked(library.snapshot(), vectors_of("ferret", 3)[1], "ferret two", documents=2)
    assert found[0] == make_document("ferret", []).id
    assert len(found) == 2


@pytest.fixture(params=KINDS[1:])
def shared(request, tmp_path, encoder, make_document, vectors_of):
    """A collection in Milvus, and what another machine needs to open it."""
    store = make_library(request.param, request, tmp_path, encoder, make_document, vectors_of)
    yield store
    store.close()


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
