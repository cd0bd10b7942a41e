"""How sure a search says it is."""

from __future__ import annotations

from dataclasses import replace

from mmrank.hits import ANSWERED, NO_ANSWER, Hits
from mmrank.retrieve.documents import RankedDocument
from mmrank.retrieve.hits import page_hits
from mmrank.retrieve.pages import rank_pages

PAGES = [
    [("text", "The ferry to Lunna costs twelve pounds.")],
    [("text", "Tides are high in spring.")],
    [("text", "An index of terms.")],
]
DOCUMENTS = {"doc": RankedDocument("doc", 1.0, {"named": 0.0, "period": 0.0})}


def asked(ask, pool, text):
    """A search over a collection: one with scores of documents."""
    return page_hits(rank_pages(ask(text), pool, documents=DOCUMENTS), 3)


def test_a_page_with_the_words_is_surer_than_one_without_and_than_one_for_another_question(pool_of, ask) -> None:
    hits = asked(ask, pool_of(*PAGES), "What does the ferry to Lunna cost?")
    sure = [hit.confidence for hit in hits]
    assert all(value is not None and 0 <= value <= 1 for value in sure)
    assert sure == sorted(sure, reverse=True) and sure[0] > sure[1]
    strange = asked(ask, pool_of(*PAGES), "Which team won the championship?")
    assert strange[0].confidence < sure[0]
    assert not strange.answered


def test_a_document_that_is_given_is_not_doubted(pool_of, ask) -> None:
    question = ask("What does the ferry to Lunna cost?")
    (given, *_) = page_hits(rank_pages(question, pool_of(*PAGES)), 1)
    assert given.confidence > asked(ask, pool_of(*PAGES), question.query.text)[0].confidence


def test_a_notebook_says_that_nothing_answers(pool_of, ask) -> None:
    (hit, *_) = asked(ask, pool_of(*PAGES), "What does the ferry to Lunna cost?")
    hit = replace(hit, picture=None)
    assert NO_ANSWER in Hits([replace(hit, confidence=0.1)])._repr_html_()
    assert NO_ANSWER not in Hits([replace(hit, confidence=0.9)])._repr_html_()
    assert Hits([replace(hit, confidence=None)]).answered and not Hits().answered
    assert Hits([replace(hit, confidence=ANSWERED)]).answered


def test_the_reason_names_the_documents_name_and_period(pool_of, ask) -> None:
    documents = {"doc": RankedDocument("doc", 1.0, {"named": 1.0, "period": 1.0})}
    ranking = rank_pages(ask("What does the ferry cost?"), pool_of(*PAGES), documents=documents)
    assert "The document goes by words of the question and reports on the period that it names." in (
        page_hits(ranking, 1)[0].reasoning or ""
    )
