"""Which documents a question is about, over a real store."""

from __future__ import annotations

import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.index import EncoderIdentity, Filter, Store
from mmrank.query.analysis import analyse
from mmrank.retrieve.documents import rank_documents
from mmrank.retrieve.identities import Identities
from mmrank.retrieve.question import Question
from mmrank.retrieve.words import content_words
from mmrank.types import BBox, Document, Page, Part, PartKind, Passage, Query

REPORTS = {
    "NORTHERNFERRIES_2018_10K.pdf": ({"period": "2018"}, ["revenue of the ferries", "income in 2018 and 2017"]),
    "NORTHERNFERRIES_2019_10K.pdf": ({"period": "2019"}, ["revenue of the ferries", "income in 2019 and 2018"]),
    "NORTHERNFERRIES_2019Q2_10Q.pdf": ({"period": "2019-Q2"}, ["revenue of the ferries", "income in 2019 and 2018"]),
    "SOUTHBAKERY_2019_10K.pdf": ({"period": "2019"}, ["revenue of the bakery", "the northern ferries buy our bread"]),
    "bread.md": ({}, ["bread needs yeast", "ovens are hot"]),
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory):
    store = Store.create(tmp_path_factory.mktemp("reports") / "library", encoder=EncoderIdentity("axes", "1", 8))
    with store.write() as writer:
        for number, (name, (metadata, texts)) in enumerate(REPORTS.items()):
            passages = tuple(
                Passage(f"{name}/{at}", name, at, at, (Part(PartKind.TEXT, text, ()),), (), (BBox(0, 0, 1, 1),))
                for at, text in enumerate(texts)
            )
            pages = tuple(Page(at, 10, 10, ()) for at in range(len(texts)))
            vectors = np.eye(8, dtype=np.float32)[[number, number]]
            writer.put(Document(name, name, "", pages, passages), vectors, vectors[:1], metadata=metadata)
    return store.snapshot()


def ask(text: str, vector: int | None = None) -> Question:
    direction = np.zeros(8, np.float32)
    if vector is not None:
        direction[vector] = 1.0
    return Question(Query(text), analyse(text), direction, content_words(text))


def ranked(snapshot, question: Question, where: Filter | None = None, documents: int = 5) -> list[str]:
    identities = Identities(snapshot.documents())
    found = rank_documents(snapshot, question, identities, documents=documents, passages=10, where=where)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    return [one.id for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What was the revenue of Northern Ferries in FY2018?", "NORTHERNFERRIES_2018_10K.pdf"),
        ("What was the revenue of Northern Ferries in FY2019?", "NORTHERNFERRIES_2019_10K.pdf"),
        ("What was the revenue of Northern Ferries in Q2 of FY2019?", "NORTHERNFERRIES_2019Q2_10Q.pdf"),
        ("What was South Bakery's revenue in 2019?", "SOUTHBAKERY_2019_10K.pdf"),
    ],
)
def test_a_document_is_found_by_who_and_when(snapshot, text: str, expected: str) -> None:
    assert ranked(snapshot, ask(text))[0] == expected


def test_a_question_that_names_nothing_is_ranked_by_content(snapshot) -> None:
    assert ranked(snapshot, ask("what does yeast do", vector=4))[0] == "bread.md"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who was buying?", "SOUTHBAKERY_2019_10K.pdf"),
        ("What is needing that?", "bread.md"),
    ],
)
def test_words_that_no_document_has_count_as_their_other_forms(snapshot, text: str, expected: str) -> None:
    assert ranked(snapshot, ask(text))[0] == expected


def test_stop_words_tell_nothing_about_the_document(snapshot) -> None:
    wanted = ranked(snapshot, ask("yeast"))
    assert ranked(snapshot, ask("What is the yeast of the who and of the what?")) == wanted


def test_a_filter_keeps_named_documents_out(snapshot) -> None:
    where = Filter(names=("NORTHERNFERRIES_2018_10K.pdf", "bread.md"))
    assert set(ranked(snapshot, ask("revenue of Northern Ferries in FY2019"), where)) <= set(where.names)


def test_the_number_of_documents_is_bounded_and_checked(snapshot) -> None:
    assert len(ranked(snapshot, ask("revenue"), documents=2)) == 2
    with pytest.raises(InputError):
        ranked(snapshot, ask("revenue"), documents=0)
    with pytest.raises(InputError):
        rank_documents(snapshot, ask("revenue"), Identities([]), documents=1, passages=0)


def test_nothing_is_found_where_nothing_may_be(snapshot) -> None:
    assert ranked(snapshot, ask("revenue"), Filter(names=("absent.pdf",))) == []
