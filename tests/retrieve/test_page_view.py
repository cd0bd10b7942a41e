"""What a reader is shown of a page."""

from __future__ import annotations

from mmrank.llm.estimate import estimated_tokens
from mmrank.retrieve.page_view import page_view
from mmrank.types import BBox, Document, Element, ElementKind, Page, Part, PartKind, Passage

BOX = BBox(0, 0, 10, 10)


def made(*texts: str, path: tuple[str, ...] = ("Sales",)) -> list[Passage]:
    return [
        Passage(f"d/{at}", "d", at, 1, (Part(PartKind.TEXT, text, (f"p1e{at}",)),), (f"p1e{at}",), (BOX,), path)
        for at, text in enumerate(texts)
    ]


def document(*passages: Passage) -> Document:
    titles = ["Contents", "Sales", "Outlook"]
    pages = [
        Page(number, 100, 100, (Element(f"p{number}e9", ElementKind.HEADING, number, BOX, title),))
        for number, title in enumerate(titles)
    ]
    return Document("d", "report.pdf", "report.pdf", tuple(pages), passages, metadata={"period": "2021"})


def view(passages: list[Passage], fits: list[float], room: int = 420) -> list[str]:
    return [part.text for part in page_view(document(*passages), 1, passages, fits, room)]


def test_a_page_says_whose_it_is_what_stands_on_it_and_around_it() -> None:
    assert view(made("Net sales rose.", "Costs fell."), [1.0, 0.0]) == [
        "report, 2021, page 2 of 3",
        "Sales\nNet sales rose.",
        "Costs fell.",
        "Page before: Contents",
        "Page after: Outlook",
    ]


def test_passages_are_whole_and_in_reading_order_but_for_one() -> None:
    passages = made("Net sales rose.", "The weather was mild.\n" * 20, "Costs fell.", "Rain fell.\n" * 40)
    assert view(passages, [1.0, 0.5, 2.0, 0.0], room=70)[1:-2] == ["Sales\nNet sales rose.", "Costs fell."]
    *_, cut, last = view(passages, [1.0, 0.5, 2.0, 0.0], room=110)[1:-2]
    assert set(cut.splitlines()) == {"The weather was mild."} and len(cut.splitlines()) < 20
    assert last == "Costs fell."


def test_a_table_that_is_too_long_keeps_its_head_and_the_view_its_bound() -> None:
    rows = "\n".join(f"| row {at} | {at} |" for at in range(80))
    shown = view(made(f"| name | value |\n| --- | --- |\n{rows}", "Short."), [1.0, 0.0], room=120)
    assert shown[1].startswith("Sales\n| name | value |\n| row 0 | 0 |\n| row 1 | 1 |")
    assert shown[1].endswith("|")
    assert sum(map(estimated_tokens, shown)) <= 120
    assert shown[-1] == "Page after: Outlook"


def test_a_page_without_text_is_shown_by_its_place() -> None:
    assert view([], []) == ["report, 2021, page 2 of 3", "Page before: Contents", "Page after: Outlook"]
