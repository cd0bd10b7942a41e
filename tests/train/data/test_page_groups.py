"""Questions with ranked pages: written, divided into folds, and kept apart from what is judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.train.data.page_folds import examples_of, folds_of, refuse_shared, training_groups
from mmrank.train.data.page_groups import PageGroup, RankedPage, read_groups, toy_groups, write_groups
from mmrank.train.data.page_questions import page_questions
from mmrank.types import BBox, Cell, Document, Element, ElementKind, Page, Section, Table

BOX = BBox(0, 0, 10, 10)


def group(document: str, *bodies: str, family: str = "", gold: int = 0) -> PageGroup:
    pages = [
        RankedPage(document, at, -float(at), at == gold, f"{document}, page {at + 1}\n{body}")
        for at, body in enumerate(bodies)
    ]
    return PageGroup(f"about {document}?", document, family or document, "kind", "label", 1, 0.5, tuple(pages))


def long(word: str) -> str:
    return " ".join(f"{word}{at}" for at in range(30))


def test_groups_come_back_as_they_were_written_and_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pages.jsonl"
    groups = toy_groups(3)
    assert write_groups(path, groups) == 3
    assert list(read_groups(path)) == groups
    path.write_text('{"query": "x", "pages": []}\n')
    with pytest.raises(InputError, match="line 1: not a question with ranked pages"):
        list(read_groups(path))


def test_what_stands_above_the_answer_is_a_hard_negative() -> None:
    [example] = examples_of([group("a", "first", "second", "third", gold=2)])
    assert example.positives == ("a, page 3\nthird",)
    assert example.negatives == ("a, page 1\nfirst", "a, page 2\nsecond")
    assert examples_of([group("a", "alone")]) == []


def test_a_family_and_documents_with_the_same_answer_are_in_one_fold() -> None:
    groups = [
        group("a 2018", long("x"), family="a"),
        group("a 2019", long("y"), family="a"),
        group("b", long("z")),
        group("copy of b", long("z")),
        group("c", long("v")),
    ]
    folds = folds_of(groups, 3)
    assert folds[0] == folds[1]
    assert folds[2] == folds[3]
    assert len({folds[0], folds[2], folds[4]}) == 3
    with pytest.raises(InputError, match="3 documents cannot be divided into 4 folds"):
        folds_of(groups, 4)


def test_no_judged_document_or_page_is_trained_on() -> None:
    shared = long("same")
    test = group("a", long("x"), shared)
    other = group("b", long("y"), shared, long("own"))
    foreign = replace(other, pages=(*other.pages, replace(test.pages[0], gold=False)))
    [kept] = training_groups([test, foreign], [0, 1], 0)
    assert [page.view for page in kept.pages] == [f"b, page 1\n{long('y')}", f"b, page 3\n{long('own')}"]
    with pytest.raises(InputError, match="a is trained on and judged"):
        refuse_shared([replace(other, pages=foreign.pages[2:])], [test])
    with pytest.raises(InputError, match="page 2 of b is word for word one that is judged"):
        refuse_shared([other], [test])


def test_questions_by_template_ask_for_a_row_a_statement_and_a_section() -> None:
    rows = [["", "2019"], ["Net sales", "44.1"], ["Total", "50"]]
    cells = tuple(Cell(text, r, c) for r, row in enumerate(rows) for c, text in enumerate(row))
    said = "The gross margin increased over the year by 35 points. It was 4 long."
    elements = (
        Element("p0e0", ElementKind.HEADING, 0, BOX, "Outlook for next year"),
        Element("p0e1", ElementKind.TABLE, 0, BOX, "table", table=Table(3, 2, cells)),
        Element("p0e2", ElementKind.TEXT, 0, BOX, said),
        Element("p0e3", ElementKind.HEADING, 0, BOX, "2.1 Prices by region"),
        Element("p0e4", ElementKind.CHART, 0, BOX, ""),
        Element("p0e5", ElementKind.CHART, 0, BOX, ""),
        Element("p0e6", ElementKind.HEADING, 0, BOX, "Volumes"),
        Element("p0e7", ElementKind.CHART, 0, BOX, ""),
        Element("p0e8", ElementKind.CHART, 0, BOX, ""),  # perhaps more of them follow on the next page
    )
    titles = [("Outlook for next year", None), ("Prices", 0), ("Volumes", 0)]
    sections = tuple(Section(title, 1, 0, (), parent=parent) for title, parent in titles)
    document = Document("d", "report.pdf", "report.pdf", (Page(0, 100, 100, elements),), (), sections)
    found = {question.origin: question for question in page_questions(document)}
    assert found["statement"].text == "By how much did gross margin increase?"
    assert found["table"].text.endswith("net sales in 2019?")
    assert found["part"].text == "Which subsections does the section Outlook for next year have?"
    assert found["count"].text == "How many charts does the section Prices by region show?"
    assert found["heading"].hidden == found["heading"].text
