"""Signals weighed together, the spots on a page, the words around them and why a page is where it is."""

from __future__ import annotations

import pytest

from mmrank.retrieve.evidence import page_evidence
from mmrank.retrieve.hits import page_hits
from mmrank.retrieve.pages import WEIGHTS, rank_pages
from mmrank.retrieve.pool import Pool

FERRY = [
    [("heading", "Ferries"), ("text", "The ferry to Lunna sails daily.")],
    [("heading", "Fares"), ("table", "| Route | Fare |\n| --- | --- |\n| Lunna | 12 |"), ("footer", "Lunna fare 12")],
    [("text", "An index of terms.")],
]


def test_the_score_is_the_weighted_sum_of_the_signals(pool_of, ask) -> None:
    ranking = rank_pages(ask("What is the fare to Lunna in the table?"), pool_of(*FERRY))
    expected = sum(weight * ranking.signals[name] for name, weight in WEIGHTS.items())
    assert ranking.scores == pytest.approx(expected)
    assert ranking.order()[0] == 1


def test_a_weight_of_zero_is_a_signal_left_out(pool_of, ask) -> None:
    question, pool = ask("What stands on page 3?"), pool_of(*FERRY)
    assert rank_pages(question, pool).order()[0] == 2
    without = rank_pages(question, pool, {"lexical": 1.0})
    assert without.scores == pytest.approx(without.signals["lexical"])


@pytest.mark.parametrize("others", [10, 200])
def test_a_signal_tells_a_page_from_those_of_its_own_document(features_of, ask, others) -> None:
    plain = [[("text", "An index of terms.")]] * others
    pool = Pool([features_of(*FERRY, name="ferry"), features_of(*plain, name="plain")])
    ranking = rank_pages(ask("Which fares are there?"), pool)
    assert ranking.signals["heading"].argmax() == 1
    assert 1.2 < ranking.signals["heading"][1] < 2  # however many pages other documents have
    assert abs(ranking.signals["heading"][3:]).max() < 1


def test_pages_without_any_difference_stay_in_reading_order(pool_of, ask) -> None:
    assert rank_pages(ask("zebra"), pool_of([], [], [])).order().tolist() == [0, 1, 2]


def test_evidence_is_the_table_and_never_the_footer(pool_of, ask) -> None:
    question, pool = ask("What is the fare to Lunna in the table?"), pool_of(*FERRY)
    spots = page_evidence(question, pool, 1)
    assert spots[0].element.kind == "table"
    assert {spot.element.kind for spot in spots} == {"table", "heading"}


def test_spots_of_better_pages_come_first(pool_of, ask) -> None:
    ranking = rank_pages(ask("What is the fare to Lunna in the table?"), pool_of(*FERRY))
    spots = ranking.evidence(10)
    assert spots[0].element.page == 1
    assert [s.score for s in spots] == sorted((s.score for s in spots), reverse=True)
    assert len(ranking.evidence(2)) == 2


def test_hits_name_page_boxes_words_and_why(features_of, ask) -> None:
    pool = Pool([features_of(*FERRY, name="a"), features_of(*FERRY[:1], name="b", labels=["vii"])])
    hits = page_hits(rank_pages(ask("What is the fare to Lunna in the table?"), pool), 9)
    assert len(hits) == 4
    best = hits[0]
    assert (best.document, best.page, best.page_number) == ("a.pdf", 1, 2)
    assert best.element_ids[0] == "p1e1" and best.boxes[0].as_tuple() == (50, 100, 550, 180)
    assert best.reasoning is not None and "“fare”" in best.reasoning and "in one table" in best.reasoning
    assert {hit.label for hit in hits if hit.document == "b.pdf"} == {"vii"}


def test_the_reason_says_what_the_question_named(pool_of, ask) -> None:
    pool = pool_of([], [("figure", "boats")], handles={"Figure 2": ("p1e0",)})
    (first, second) = page_hits(rank_pages(ask("What is in Figure 2 on page 2?"), pool), 2)
    assert first.reasoning is not None
    assert "names this page" in first.reasoning
    assert "Figure 2, which the question names, is here." in first.reasoning
    assert second.reasoning == "It is the closest match, though it shares little with the question."


def test_the_reason_says_that_a_work_is_asked_about_or_quoted(pool_of, ask) -> None:
    pool = pool_of([("text", "The boats")], [("text", "boats of the north")])
    (front, _) = page_hits(rank_pages(ask("Who wrote this report?"), pool), 2)
    (quoted, _) = page_hits(rank_pages(ask('What follows "boats of the north"?'), pool), 2)
    assert front.page == 0 and front.reasoning is not None and "about the document itself" in front.reasoning
    assert (
        quoted.page == 1
        and quoted.reasoning is not None
        and "It contains the words that the question quotes." in quoted.reasoning
    )
