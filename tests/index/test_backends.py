"""The same promises of both backends: the store on disk, and Milvus (Lite, embedded)."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.index import DuplicateContentError, EncoderIdentity, Filter, MilvusStore, Store, Writer
from mmrank.query.analysis import analyse
from mmrank.retrieve.documents import Identities, rank_documents
from mmrank.retrieve.question import Question
from mmrank.retrieve.words import content_words
from mmrank.types import Query

pytest.importorskip("pymilvus", reason="Milvus is an extra: pip install 'mmrank[scale]'")
pytest.importorskip("milvus_lite", reason="Milvus Lite is not built for this system")


@pytest.fixture(scope="module")
def milvus_server(tmp_path_factory):
    """A Milvus Lite server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("milvus")
    program = Path(sys.executable).with_name("milvus-lite")
    command = [program, "server", "--data-dir", folder, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert process.poll() is None, "milvus-lite server ended"
            time.sleep(0.25)
    yield address
    process.terminate()
    process.wait(20)


def make_library(kind, request, folder, encoder, make_document, vectors_of):
    """Six documents in two folders, with metadata."""
    if kind == "disk":
        store = Store.create(folder / f"library{time.time_ns()}", encoder=encoder)
    else:
        server = request.getfixturevalue("milvus_server")
        store = MilvusStore.create(server, name=f"t{time.time_ns()}", encoder=encoder, index="FLAT")
    with store.write() as writer:
        for at, word in enumerate(["antelope", "badger", "camel", "dormouse", "eagle", "ferret"]):
            vectors = vectors_of(word, 3)
            texts = [f"{word} one shared", f"{word} two shared shared", "nothing else here"]
            document = make_document(word, texts, f"{'even' if at % 2 == 0 else 'odd'}/{word}.pdf", title=word.title())
            metadata = {"lang": "en" if at < 3 else "de", "date": f"202{at}-05-01", 'od"d key': 'x\'s "y"'}
            writer.put(document, vectors, vectors[:1], metadata=metadata)
    return store


@pytest.fixture(scope="module", params=["disk", "milvus"])
def library(request, tmp_path_factory, encoder, make_document, vectors_of):
    """For tests that only read."""
    store = make_library(request.param, request, tmp_path_factory.mktemp("l"), encoder, make_document, vectors_of)
    yield store
    store.close()


@pytest.fixture(params=["disk", "milvus"])
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
    ids=str,
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


def put_halfway(store, monkeypatch, document, vectors, look=lambda: None):
    """Put a document with a writer that dies when the passages are written and the document is not; `look` before."""

    def die(*_):
        look()
        raise SystemExit("the machine is gone")

    call = MilvusStore._call

    def die_at_documents(self, what, level, **arguments):
        return die() if (what, level) == ("upsert", "documents") else call(self, what, level, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "put_words", die)
        patch.setattr(MilvusStore, "_call", die_at_documents)
        with pytest.raises(SystemExit), store.write() as writer:
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
    with changing.write() as writer:  # a put of fewer passages makes it whole, and leaves nothing of the first
        writer.put(make_document("gnu", ["gnu shared"]), vectors[:1], vectors[:1])
    snapshot = changing.snapshot()
    assert [(m.document_id, m.position) for m in snapshot.search_lexical("gnu", 9)] == [(document.id, 0)]
    np.testing.assert_allclose(snapshot.passage_vectors(document.id), vectors[:1], atol=1e-6)


def test_removing_clears_what_a_dead_writer_left(changing, monkeypatch, make_document, vectors_of):
    document, vectors = make_document("gnu", ["gnu shared"] * 4), vectors_of("gnu", 4)
    put_halfway(changing, monkeypatch, document, vectors)
    with suppress(InputError), changing.write() as writer:  # on disk nothing is left
        writer.remove(document.id)
    for at in range(4):
        with pytest.raises(InputError, match="no passage"):
            changing.snapshot().passages([f"{document.id}/{at}"])
    assert is_nowhere(changing.snapshot(), document, vectors)
    with pytest.raises(InputError, match="no document"), changing.write() as writer:
        writer.remove(document.id)


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


def test_the_wrong_encoder_is_refused_by_milvus_too(milvus_server, encoder):
    name = f"t{time.time_ns()}"
    MilvusStore.create(milvus_server, name=name, encoder=encoder).close()
    with pytest.raises(InputError, match=r"tiny.*other"):
        MilvusStore.open(milvus_server, name=name, encoder=EncoderIdentity("other", "1", 16))
    with pytest.raises(InputError, match="already"):
        MilvusStore.create(milvus_server, name=name, encoder=encoder)
    with pytest.raises(InputError, match="no collection"):
        MilvusStore.open(milvus_server, name="absent")


def test_milvus_lite_works_embedded_in_a_file(tmp_path, encoder, make_document, vectors_of):
    store = MilvusStore.create(str(tmp_path / "lite.db"), name="library", encoder=encoder, index="FLAT")
    vectors = vectors_of("a", 2)
    with store.write() as writer:
        writer.put(make_document("a", ["x", "y"]), vectors, vectors[:1])
    assert store.snapshot().search_dense(vectors[1], 1)[0].position == 1
    store.close()


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(MmrankError, match="127"):
        MilvusStore.open("http://127.0.0.1:9", name="x")


INGEST = """
import json, sys
sys.path.insert(0, sys.argv[1])
from conftest import make_document, vectors_of
from mmrank.index import Prepared, put_in_parallel

folder = sys.argv[1]

def prepare(source):
    # Sent to the workers: two documents a source.
    import sys
    sys.path.insert(0, folder)
    from conftest import make_document, vectors_of
    from mmrank.index import Prepared
    if source == "bad":
        raise ValueError("this source cannot be read")
    for part in "ab":
        vectors = vectors_of(source + part, 3)
        yield Prepared(make_document(source + part, [f"{source} {at}" for at in range(3)]), vectors, vectors[:1])

report = put_in_parallel(sys.argv[2], sys.argv[3], [*"pqrst", "bad"], prepare, workers=2)
print(json.dumps([sorted(report.added), report.failed]))
"""


@pytest.mark.slow
def test_ray_workers_write_to_milvus_in_parallel_and_a_bad_source_costs_itself(milvus_server, encoder, vectors_of):
    pytest.importorskip("ray")
    name = f"t{time.time_ns()}"
    store = MilvusStore.create(milvus_server, name=name, encoder=encoder, index="FLAT")
    command = [sys.executable, "-c", INGEST, str(Path(__file__).parent), milvus_server, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Timed out waiting for file" in done.stderr:  # Ray gives its own server 30 s to start: not enough when busy
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    added, failed = json.loads(done.stdout.splitlines()[-1])
    assert added == sorted(f"{source}{part}.pdf" for source in "pqrst" for part in "ab")
    assert list(failed) == ["bad"]
    assert "cannot be read" in failed["bad"]
    assert len(store.snapshot().documents()) == 10
    assert store.snapshot().search_dense(vectors_of("rb", 3)[1], 1)[0].position == 1
    store.close()
