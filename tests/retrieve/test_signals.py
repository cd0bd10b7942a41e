"""What speaks for a page, one signal at a time, on documents written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmrank.retrieve import signals, structure
from mmrank.retrieve.pool import Pool


def test_words_are_found_whatever_their_number(pool_of, ask) -> None:
    pool = pool_of([("text", "The ferries sailed")], [("text", "Nothing here")])
    found = signals.lexical(ask("How many sailings has each ferry?"), pool)
    assert found[0] > found[1] == 0


def test_a_page_counts_by_its_best_passage(pool_of, ask) -> None:
    vectors = np.eye(8)[:3]
    pool = pool_of([("text", "one"), ("text", "two")], [("text", "three")], [], vectors=vectors)
    found = signals.dense(ask("anything at all", vector=[0.1, 0.9, 0.2, 0, 0, 0, 0, 0]), pool)
    assert found == pytest.approx([0.9, 0.2, 0.1])  # the page without passages is no better than the worst passage


def test_words_in_headings_count_apart(pool_of, ask) -> None:
    pool = pool_of([("heading", "Cargo rates")], [("text", "Cargo rates")])
    assert signals.heading(ask("What are the cargo rates?"), pool).tolist() == [1.0, 0.0]


def test_neighbours_in_the_question_are_neighbours_on_the_page(pool_of, ask) -> None:
    pool = pool_of([("text", "net income rose")], [("text", "income of the net makers")])
    assert signals.pairs(ask("net income"), pool).tolist() == [1.0, 0.0]


def test_a_figure_that_is_named_is_found_where_it_stands_and_faintly_where_it_is_mentioned(pool_of, ask) -> None:
    pool = pool_of(
        [("text", "as Figure 2 shows")],
        [("figure", "…")],
        [("text", "Figure 20 and Figure 2.1 are others")],
        handles={"Figure 2": ("p1e0",)},
    )
    assert structure.handle(ask("What is in Fig. 2?"), pool).tolist() == [0.25, 1.0, 0.0]


def test_a_page_number_is_looked_for_as_printed_and_then_as_counted(pool_of, ask) -> None:
    pool = pool_of([], [], [], [], labels=["i", "ii", "1", "2"])
    assert structure.page_number(ask("What stands on page 2?"), pool).tolist() == [0, 0.7, 0, 1.0]
    assert structure.page_number(ask("What stands on page 4?"), pool).tolist() == [0, 0, 0, 1.0]
    assert structure.page_number(ask("What stands on page ii?"), pool).tolist() == [0, 1.0, 0, 0]
    assert structure.page_number(ask("What stands on page 12?"), pool).tolist() == [0, 0, 0, 0]


def test_a_stray_label_does_not_move_a_page(pool_of, ask) -> None:
    pool = pool_of(*[[] for _ in range(7)], labels=["2019", "2", None, "3", None, "2019", None])
    assert structure.page_number(ask("What stands on page 3?"), pool).tolist() == [0, 0, 1.0, 0, 0, 0, 0]


def test_what_a_question_quotes_is_looked_for_word_for_word(pool_of, ask) -> None:
    pool = pool_of([("text", "The net Income, adjusted")], [("text", "income of the net makers")])
    assert structure.quoted(ask('What follows "Net income"?'), pool).tolist() == [0.5, 0.0]
    assert structure.quoted(ask('What follows "the net income, adjusted"?'), pool).tolist() == [1.0, 0.0]
    assert structure.quoted(ask("What is the net income of the makers' guild and the weavers' guild?"), pool).sum() == 0


def test_a_question_about_a_work_itself_is_for_the_first_pages_of_each(features_of, ask) -> None:
    pool = Pool([features_of([], []), features_of([], [], [])])
    assert structure.front(ask("Who wrote this report?"), pool).tolist() == [1, 0.4, 1, 0.4, 0]
    assert structure.front(ask("Who wrote to the minister?"), pool).tolist() == [0] * 5


def test_places_are_counted_within_each_document(features_of, ask) -> None:
    pool = Pool([features_of([], [], name="a"), features_of([], [], [], name="b")])
    assert structure.place(ask("Whose photo is on the cover page?"), pool).tolist() == [1, 0, 1, 0, 0]
    assert structure.place(ask("Who signed the last page?"), pool).tolist() == [0, 1, 0, 0, 1]


def test_kinds_that_the_question_speaks_of(pool_of, ask) -> None:
    pool = pool_of([("chart", "")], [("figure", "")], [("table", "")])
    assert structure.kind(ask("What does the bar chart say?"), pool).tolist() == [1.0, 0.5, 0.0]
    assert structure.kind(ask("What is the price?"), pool).tolist() == [0.0, 0.0, 0.0]


def test_a_ratio_points_at_the_statement_it_is_computed_from(pool_of, ask) -> None:
    balance = "Consolidated balance sheets total current assets 10 total current liabilities 5 inventories 2 "
    lines = "accounts receivable 3 goodwill 7 total assets 20 total liabilities 9 cash and cash equivalents 4"
    pool = pool_of([("text", "We talk of assets at length")], [("table", balance + lines)])
    found = structure.statement(ask("What is the quick ratio in FY2021?"), pool)
    assert found[0] == 0
    assert found[1] > 0.3
    assert structure.statement(ask("Who is the chairman?"), pool).tolist() == [0, 0]
