"""What a reranker is shown of a page as text."""

from __future__ import annotations

from mmrank.llm.estimate import estimated_tokens
from mmrank.retrieve.page_view import page_view
from mmrank.train.data.page_questions import page_questions
from mmrank.types import BBox, Cell, Document, Element, ElementKind, Page, Part, PartKind, Passage, Table

BOX = BBox(0, 0, 10, 10)


def _document(*texts: str, elements: tuple[Element, ...] = ()) -> Document:
    passages = tuple(
        Passage(f"d/{at}", "d", at, 0, (Part(PartKind.TEXT, text, (f"p0e{at}",)),), (f"p0e{at}",), (BOX,), ("Sales",))
        for at, text in enumerate(texts)
    )
    metadata = {"period": "2021"}
    return Document("d", "report.pdf", "report.pdf", (Page(0, 100, 100, elements),), passages, metadata=metadata)


def test_best_passages_are_whole_and_in_reading_order_under_their_heading_once() -> None:
    document = _document("Net sales rose.", "Weather was mild. " * 20, "Costs fell.")
    room = estimated_tokens("Net sales rose.") + estimated_tokens("Costs fell.")
    texts = [part.text for part in page_view(document, 0, [1.0, 0.0, 2.0], room)]
    assert texts == ["report, 2021, page 1 of 1", "Sales\nNet sales rose.", "Costs fell."]


def test_the_best_passage_is_cut_to_the_room_and_never_left_out() -> None:
    lines = "\n".join(f"| row {at} | {at} |" for at in range(50))
    shown = page_view(_document(lines, "Short."), 0, [1.0, 0.0], 60)[1].text
    assert shown.startswith("Sales\n| row 0 | 0 |\n| row 1 | 1 |")
    assert shown.endswith("|")
    assert estimated_tokens(shown.removeprefix("Sales\n")) <= 60


def test_headings_that_are_not_shown_are_named() -> None:
    heading = Element("p0e9", ElementKind.HEADING, 0, BOX, "Outlook")
    assert page_view(_document("Net sales rose.", elements=(heading,)), 0, [1.0])[-1].text == (
        "Also on this page: Outlook"
    )


def test_questions_by_template_from_a_table_and_a_statement() -> None:
    rows = [["", "2019"], ["Net sales", "44.1"], ["Total", "50"]]
    cells = tuple(Cell(text, r, c) for r, row in enumerate(rows) for c, text in enumerate(row))
    elements = (
        Element("p0e0", ElementKind.TABLE, 0, BOX, "table", table=Table(3, 2, cells)),
        Element(
            "p0e1", ElementKind.TEXT, 0, BOX, "The gross margin increased over the year by 35 points. It was 4 long."
        ),
    )
    found = {question.origin: question.text for question in page_questions(_document("x", elements=elements))}
    assert found["statement"] == "By how much did gross margin increase?"
    assert found["table"].endswith("net sales in 2019?")
