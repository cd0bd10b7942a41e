"""What repeats from page to page, and what only looks as if it did."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mmrank.types import Document

LINES = 10


def pages(paper, count: int, edge: Callable[[int], str], *, top: bool = True) -> Document:
    """A document with a line of its own making at the edge of each page."""
    for at in range(count):
        if at:
            paper.new_page()
        paper.text(72, 50 if top else 810, edge(at))
        for row in range(LINES):
            paper.text(72, 140 + 16 * row, f"Sentence {row} of leaf {at} tells of the quarry and of its masters.")
    return paper.read()


def found(document: Document, words: str) -> list[int]:
    return [passage.page for passage in document.passages if words in passage.text]


@pytest.mark.parametrize(
    "edge",
    [
        lambda at: f"Delivery note {70311 + 13 * at}",
        lambda at: f"Order no. {500 + at}",
        lambda at: f"Report of {('Anna Berg', 'Ole Dahl', 'Ida Lund')[at % 3]} {at}",
        lambda at: str(48_200 + 7 * at),
        lambda at: f"Leveringsnummer {118 + at}",
        lambda at: f"QR-2024-{118 + at}",
        lambda at: f"Shift book of {3 + at} October 1911",
        lambda at: f"1911-10-{11 + at}",
    ],
)
@pytest.mark.parametrize("top", [True, False])
def test_an_edge_line_that_differs_from_page_to_page_is_found(paper, edge, top):
    document = pages(paper, 9, edge, top=top)
    assert all(found(document, edge(at))[:1] == [at] or "Report" in edge(at) for at in range(9))


@pytest.mark.parametrize(
    "edge",
    [
        lambda at: f"Annals of the quarry {at + 17}",
        lambda at: f"Page {at + 1} of 9",
        lambda at: f"{120 + 2 * at}",
        lambda at: ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"][at],
        lambda at: f"{at + 1} Annals of the quarry" if at % 2 else f"The master's house {at + 1}",
        lambda at: "Annals of the quarry, 2019",
    ],
)
def test_running_heads_and_page_numbers_are_furniture(paper, edge, of_kind):
    document = pages(paper, 9, edge)
    assert [element.text for element in of_kind(document, "header")] == [edge(at) for at in range(9)]


def test_a_page_keeps_its_only_line_though_its_shape_repeats(paper):
    for at in range(8):
        if at:
            paper.new_page()
        paper.text(72, 60, f"Plate {at + 1}")
    document = paper.read()
    assert [passage.page for passage in document.passages] == list(range(8))


def test_pages_of_one_line_keep_it_though_others_have_the_same(paper):
    for at in range(8):
        if at:
            paper.new_page()
        paper.text(72, 810, ("North face", "South face")[at % 2])
    assert [passage.page for passage in paper.read().passages] == list(range(8))


def test_a_running_head_on_a_page_without_other_text_is_furniture(paper, of_kind):
    for at in range(8):
        if at:
            paper.new_page()
        paper.text(72, 50, "Annals of the quarry")
        if at != 4:
            paper.box((72, 120, 500, 400))
    assert len(of_kind(paper.read(), "header")) == 8


def test_a_level_stamp_between_the_lines_is_neither_title_nor_heading(paper, of_kind):
    for at, topic in enumerate(("Slate", "Granite", "Marble", "Chalk")):
        if at:
            paper.new_page()
        paper.text(72, 110, topic, 16, bold=True).box((72, 130, 500, 330)).text(110, 430, "UNCHECKED COPY", 44)
        paper.box((72, 500, 500, 700))
    document = paper.read()
    large = [element.text for kind in ("title", "heading") for element in of_kind(document, kind)]
    assert sorted(large) == ["Chalk", "Granite", "Marble", "Slate"]
    assert document.title == "Slate" and len(found(document, "UNCHECKED")) == 1


def test_page_labels_are_still_read_from_running_heads(paper):
    document = pages(paper, 6, lambda at: f"Annals of the quarry {at + 17}", top=False)
    assert [page.label for page in document.pages] == [str(17 + at) for at in range(6)]


@pytest.mark.parametrize("angle", [30, 45, -60])
def test_a_slanted_stamp_is_no_title_and_repeats_only_once(paper, angle):
    for at in range(3):
        if at:
            paper.new_page()
        for row in range(12):
            paper.text(72, 140 + 16 * row, f"Sentence {row} of leaf {at} tells of the quarry and of its masters.")
        where = paper.mupdf.Point(180, 500)
        paper.page.insert_text(
            where, "PROVISIONAL COPY", fontsize=44, color=(0.8, 0.8, 0.8), morph=(where, paper.mupdf.Matrix(angle))
        )
    paper.file[0].insert_text((72, 90), "Register of Quarries", fontsize=22)
    document = paper.read()
    assert document.title == "Register of Quarries"
    assert len(found(document, "PROVISIONAL COPY")) == 1
    assert not any("PROVISIONAL" in section.title for section in document.sections)


def test_a_single_page_under_a_slanted_stamp_has_no_title_of_it(paper):
    for row in range(12):
        paper.text(72, 140 + 16 * row, f"Sentence {row} tells of the quarry and of its masters.")
    where = paper.mupdf.Point(180, 500)
    paper.page.insert_text(where, "PROVISIONAL COPY", fontsize=44, morph=(where, paper.mupdf.Matrix(45)))
    document = paper.read()
    assert "PROVISIONAL" not in document.title
    assert found(document, "PROVISIONAL COPY") == [0]


def test_a_stamp_across_the_lines_does_not_cut_their_paragraph(paper, of_kind):
    for row in range(12):
        paper.text(72, 140 + 14 * row, f"and so sentence {row} tells of the quarry and of its masters,")
    paper.page.insert_text((80, 232), "CANCELLED", fontsize=64, color=(0.9, 0.7, 0.7))
    document = paper.read()
    assert any("sentence 2" in element.text and "sentence 9" in element.text for element in of_kind(document, "text"))
    assert not any("CANCELLED" in element.text for element in of_kind(document, "title") + of_kind(document, "heading"))
