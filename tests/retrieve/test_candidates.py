"""Two stages over a real store: documents, then passages inside them, and the flat search beside."""

from __future__ import annotations

import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.index import EncoderIdentity, Filter, Store
from mmrank.retrieve.candidates import two_stage
from mmrank.types import BBox, Document, Page, Part, PartKind, Passage


def axis(*weights: float) -> np.ndarray:
    """A unit vector of eight dimensions, the first ones as given."""
    vector = np.zeros(8, np.float32)
    vector[: len(weights)] = weights
    return vector / np.linalg.norm(vector)


LIBRARY = {
    "whales": [("whales sing", axis(1, 0.1)), ("whales eat krill", axis(1, 0, 0.2)), ("index of terms", axis(0, 0, 1))],
    "ships": [("ships sail the sea", axis(0, 1)), ("a whale was seen once", axis(0.95, 0.4)), ("cargo", axis(0, 1, 1))],
    "bread": [("bread needs yeast", axis(0, 0, 0, 1)), ("ovens are hot", axis(0, 0, 0.1, 1))],
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    identity = EncoderIdentity("axes", "1", 8)
    store = Store.create(tmp_path_factory.mktemp("two_stage") / "library", encoder=identity)
    with store.write() as writer:
        for name, contents in LIBRARY.items():
            passages = tuple(
                Passage(f"{name}/{at}", name, at, at, (Part(PartKind.TEXT, text, ()),), (), (BBox(0, 0, 1, 1),), ("H",))
                for at, (text, _) in enumerate(contents)
            )
            pages = tuple(Page(at, 10, 10, ()) for at in range(len(contents)))
            vectors = np.array([vector for _, vector in contents])
            writer.put(Document(name, f"{name}.pdf", "", pages, passages), vectors, vectors.mean(0, keepdims=True))
    return store.snapshot()


def test_the_best_passage_of_the_best_document_comes_first(snapshot):
    found = two_stage(snapshot, vector=axis(1, 0, 0.2), text="what do whales eat", passages=3)
    assert found[0].id == "whales/1"
    assert found[0].document_id == "whales"
    assert (found[0].page, found[0].heading_path, found[0].text) == (1, ("H",), "whales eat krill")
    assert [candidate.score for candidate in found] == sorted((c.score for c in found), reverse=True)


def test_every_score_says_where_it_comes_from_and_is_exact(snapshot):
    query = axis(1, 0, 0.2)
    for candidate in two_stage(snapshot, vector=query, text="whales eat", passages=8):
        assert {"document_dense", "document_lexical", "document", "dense", "lexical", "fused"} <= set(candidate.scores)
        assert {"inside", "flat"} & set(candidate.scores)
        position = int(candidate.id.rpartition("/")[2])
        vectors = snapshot.passage_vectors(candidate.document_id)
        assert candidate.scores["dense"] == pytest.approx(float(vectors[position] @ query), abs=1e-6)
        merged = snapshot.document_vectors(candidate.document_id)[0]
        assert candidate.scores["document_dense"] == pytest.approx(float(merged @ query), abs=1e-6)
        lexical = {(m.document_id, m.position): m.score for m in snapshot.search_lexical("whales eat", 10)}
        expected = lexical.get((candidate.document_id, position), 0.0)
        assert candidate.scores["lexical"] == pytest.approx(expected, rel=1e-6)
        assert candidate.score == candidate.scores["fused"]


def test_the_flat_search_saves_a_good_passage_of_an_unlikely_document(snapshot):
    found = two_stage(snapshot, vector=axis(0.95, 0.4), text="whale seen", documents=1, passages=8)
    by_id = {candidate.id: candidate for candidate in found}
    assert "flat" in by_id["ships/1"].scores
    chosen = {candidate.document_id for candidate in found if "inside" in candidate.scores}
    assert len(chosen) == 1


def test_the_passage_stage_looks_only_into_the_chosen_documents(snapshot):
    found = two_stage(snapshot, vector=axis(0, 0, 0, 1), text="bread yeast", documents=1, passages=1)
    assert [candidate.id for candidate in found] == ["bread/0"]


def test_a_filter_holds_in_every_stage(snapshot):
    found = two_stage(snapshot, vector=axis(1), text="whales", where=Filter(names=("ships.pdf", "bread.pdf")))
    assert {candidate.document_id for candidate in found} == {"ships", "bread"}
    assert two_stage(snapshot, vector=axis(1), text="whales", where=Filter(names=("absent.pdf",))) == []


def test_words_that_occur_nowhere_leave_it_to_the_vectors(snapshot):
    assert two_stage(snapshot, vector=axis(0, 0, 0, 1), text="zzz")[0].id == "bread/0"


def test_less_than_one_document_or_passage_is_refused(snapshot):
    with pytest.raises(InputError):
        two_stage(snapshot, vector=axis(1), text="x", documents=0)
    with pytest.raises(InputError):
        two_stage(snapshot, vector=axis(1), text="x", passages=0)


class Changing:
    """What is searched while another removes documents: their vectors, or some, are gone after they were found."""

    def __init__(self, snapshot, whole=None, part=None):
        self._snapshot = snapshot
        self._whole = whole
        self._part = part

    def __getattr__(self, name):
        return getattr(self._snapshot, name)

    def document_vectors(self, document):
        return self._snapshot.document_vectors(document)[: 0 if document == self._whole else None]

    def passage_vectors(self, document):
        return self._snapshot.passage_vectors(document)[: 1 if document == self._part else None]


def test_a_document_without_vectors_is_left_out(snapshot):
    found = two_stage(Changing(snapshot, whole="whales"), vector=axis(1, 0, 0.2), text="whales eat", passages=8)
    assert {candidate.document_id for candidate in found} == {"ships", "bread"}
    only = Filter(names=("whales.pdf",))
    assert two_stage(Changing(snapshot, whole="whales"), vector=axis(1), text="whales", where=only) == []


def test_a_passage_that_is_gone_is_left_out(snapshot):
    found = two_stage(Changing(snapshot, part="whales"), vector=axis(1, 0, 0.2), text="whales eat", passages=8)
    assert {candidate.id for candidate in found if candidate.document_id == "whales"} == {"whales/0"}
    assert len(found) == 6
