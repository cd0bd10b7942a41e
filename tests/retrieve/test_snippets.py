"""What a hit shows of its page: the spot that answers, its words, and the question's words marked in them."""

from __future__ import annotations

import numpy as np
import pytest

from mmrank.retrieve.evidence import is_contents, page_evidence
from mmrank.retrieve.features import DocumentFeatures
from mmrank.retrieve.hits import page_hit
from mmrank.retrieve.matching import WordMatcher
from mmrank.retrieve.pages import rank_pages
from mmrank.retrieve.pool import Pool
from mmrank.retrieve.snippets import LONG_TABLE, MAX_SNIPPET
from mmrank.retrieve.spots import row_box, text_box
from mmrank.types import BBox, Cell, Document, Element, ElementKind, Page, Table


@pytest.fixture
def hit_on(ask):
    """The hit on the first of some pages."""

    def make(question, pool, at=0):
        return page_hit(rank_pages(ask(question), pool), at)

    return make


def grid(rows: list[list[str]]) -> Element:
    """A table of ten points per row."""
    cells = tuple(Cell(text, r, c, header=r == 0) for r, row in enumerate(rows) for c, text in enumerate(row))
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return Element(
        "p0e0",
        ElementKind.TABLE,
        0,
        BBox(50, 100, 550, 100 + 10 * len(rows)),
        text,
        table=Table(len(rows), len(rows[0]), cells),
    )


def pool_with(*elements: Element) -> Pool:
    document = Document("d", "d.pdf", "", (Page(0, 600, 800, elements),), ())
    return Pool([DocumentFeatures(document, np.zeros((0, 8), dtype=np.float32))])


def test_of_a_long_table_the_row_that_answers_is_shown_under_its_head(hit_on) -> None:
    rows = [["Port", "Depth"], *([f"Harbour {at}", f"{at}.5 m"] for at in range(12)), ["Lunna", "3.8 m"]]
    hit = hit_on("What is the depth of Lunna?", pool_with(grid(rows)))
    assert hit.snippet == "Port · Depth · Lunna · 3.8 m"
    (box,) = hit.boxes
    assert box.y0 > 200 and box.y1 == 240, "the last of fourteen rows"


def test_a_table_is_shown_whole_where_no_row_has_the_words(hit_on) -> None:
    rows = [["Port", "Depth"], *([f"Harbour {at}", f"{at}.5 m"] for at in range(LONG_TABLE + 2))]
    hit = hit_on("Which port has the greatest depth?", pool_with(grid(rows)))
    assert hit.boxes == (BBox(50, 100, 550, 100 + 10 * len(rows)),)


def test_a_table_is_shown_whole_where_several_rows_answer(hit_on) -> None:
    rows = [["Port", "Depth"], *([f"Harbour {at}", f"{at}.5 m"] for at in range(12)), ["Lunna", "3.8 m"]]
    hit = hit_on("How many ports are as deep as Lunna?", pool_with(grid(rows)))
    assert hit.boxes == (BBox(50, 100, 550, 240),)


def test_of_a_long_paragraph_the_sentence_that_answers_is_shown_and_boxed(hit_on) -> None:
    text = "The pier was mended again. " * 20 + "A zebra crossing opened in May. " + "Nobody came to see it. " * 20
    element = Element("p0e0", ElementKind.TEXT, 0, BBox(50, 100, 550, 220), text)
    hit = hit_on("When did the zebra crossing open?", pool_with(element))
    assert "A zebra crossing opened in" in hit.snippet and len(hit.snippet) <= MAX_SNIPPET
    (box,) = hit.boxes
    assert 120 < box.y0 < 160 < box.y1 < 200, "the middle of the paragraph"


def test_a_short_line_is_shown_with_the_lines_that_go_on_below_it(hit_on) -> None:
    first = Element("p0e0", ElementKind.TEXT, 0, BBox(50, 100, 550, 112), "Law of good form: elements are")
    second = Element("p0e1", ElementKind.TEXT, 0, BBox(50, 114, 550, 126), "grouped if they form a pattern.")
    apart = Element("p0e2", ElementKind.TEXT, 0, BBox(50, 200, 550, 212), "Another matter.")
    hit = hit_on("What is the law of good form?", pool_with(first, second, apart))
    assert hit.snippet == "Law of good form: elements are grouped if they form a pattern."
    assert hit.boxes[0] == first.box.union(second.box)
    assert hit.element_ids[:2] == (first.id, second.id)


def test_words_of_the_question_are_marked_in_any_form(pool_of, hit_on) -> None:
    hit = hit_on("Which ferries sail to 港口設施?", pool_of([("text", "One Ferry sails; ferrymen rest. 本港口設施")]))
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["Ferry", "sails", "港口", "設施"]


def test_a_table_of_contents_is_evidence_only_where_it_is_asked_for(pool_of, ask) -> None:
    contents = "| Ferries and fares | 3 |\n| --- | --- |\n| Routes | 7 |\n| Tides | 12 |\n| Index | 40 |"
    pool = pool_of([("table", contents), ("text", "Ferries take fares in coins.")])
    assert page_evidence(ask("What fares do ferries take?"), pool, 0)[0].element.kind == "text"
    assert page_evidence(ask("Which chapter is about ferries and fares?"), pool, 0)[0].element.kind == "table"
    assert not is_contents("| Year | Ferries |\n| --- | --- |\n| A | 9 |\n| B | 4 |\n| C | 6 |\n| D | 2 |")


def test_what_stands_on_the_next_page_too_is_never_shown(pool_of, hit_on) -> None:
    head = ("text", "Ferries of the north, page 1")
    pool = pool_of([head, ("text", "Boats leave daily.")], [("text", "Ferries of the north, page 2")])
    assert hit_on("Which ferries of the north are there?", pool).snippet == "Boats leave daily."


def test_an_icon_without_words_comes_after_the_text(pool_of, hit_on) -> None:
    pool = pool_of([("text", "A boat.")])
    icon = Element("p0e1", ElementKind.FIGURE, 0, BBox(10, 10, 20, 20), "")
    text = pool.documents[0].document.pages[0].elements[0]
    hit = hit_on("Who built the boat?", pool_with(icon, text))
    assert hit.boxes[0] == text.box and hit.snippet == "A boat."


def test_lines_and_rows_lie_within_their_element() -> None:
    element = Element("p0e0", ElementKind.TEXT, 0, BBox(0, 0, 100, 120), "x" * 200)
    whole = text_box(element, 0, 200)
    assert whole == element.box
    assert text_box(element, 190, 200).y0 > 60
    table = grid([["a"]] * 10)
    assert row_box(table, 0, 9) == table.box
    assert row_box(table, 4, 4).height < 0.3 * table.box.height
    with pytest.raises(ValueError, match="no table"):
        row_box(element, 0, 0)


def test_words_are_found_as_the_ranking_finds_them() -> None:
    matcher = WordMatcher({"country": 0.5, "bus": 0.3, "a1": 0.2})
    assert matcher.found("Countries, BUS, A1, country-wide, county, abuse") == {"country", "bus", "a1"}
    assert matcher.found("ｃｏｕｎｔｒｙ") == {"country"}
    assert WordMatcher({}).spans("anything") == []


def test_an_element_without_text_is_shown_by_its_box(hit_on) -> None:
    pool = pool_with(Element("p0e0", ElementKind.FORMULA, 0, BBox(50, 100, 550, 140), ""))
    hit = hit_on("Which law holds for the tide?", pool)
    assert (hit.boxes, hit.snippet) == ((BBox(50, 100, 550, 140),), "")


def test_weights_add_up_to_the_same_in_any_order():
    matcher = WordMatcher({"buoy": 0.1, "pier": 0.2, "rope": 0.3})
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    assert matcher.weight(["buoy", "pier", "rope"]) == matcher.weight(["rope", "pier", "buoy"])
