"""The same promises of a collection on this disk, in Milvus Lite, and on a real Milvus server.

The server's part takes minutes and runs with `pytest -m cluster`; `tests/product/test_milvus.py` asks a server a few
questions in every run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from stores_alike import make_store

from mmrank.errors import InputError
from mmrank.index import (
    DuplicateContentError,
    EncoderIdentity,
    Filter,
    MilvusStore,
    StoreLockedError,
    milvus_lock,
    milvus_writer,
)
from mmrank.query.analysis import analyse
from mmrank.retrieve.documents import Identities, rank_documents
from mmrank.retrieve.question import Question
from mmrank.retrieve.words import content_words
from mmrank.types import Query

pytest.importorskip("pymilvus", reason="Milvus is an extra: pip install 'mmrank[scale]'")
pytest.importorskip("milvus_lite", reason="Milvus Lite is not built for this system")


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
