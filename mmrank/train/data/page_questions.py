"""Questions about pages of unlabelled documents, by headings and by templates over tables, statements and lists."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mmrank.types import FURNITURE, Document, Element, ElementKind

_LABEL = re.compile(r"^(figure|fig\.?|table|chart|exhibit)\s*[\d.]+[a-z]?\s*[.:|—-]?\s*", re.IGNORECASE)
_STATEMENT = re.compile(
    r"^(?:The |Our |A |An |In total,? )?(?P<subject>[A-Z]?[a-z][\w'’&-]*(?: [\w'’&-]+){1,9}) "
    r"(?P<verb>was|were|is|are|increased|decreased|grew|rose|fell|declined) (?P<rest>[^.]{8,160}\d[^.]*)"
)
_BASE_FORMS = {
    "increased": "increase",
    "decreased": "decrease",
    "grew": "grow",
    "rose": "rise",
    "fell": "fall",
    "declined": "decline",
}
_NUMBER = re.compile(r"\d[\d,.]*")
_ROW_LABEL = re.compile(r"[A-Za-z][a-z]{2,}(?: [A-Za-z&,'’/-]+){1,9}:?")
_POINTING = re.compile(
    r"\b(?:this|these|that|those|it|they|we|he|she|there|here|example|which|all|who)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PageQuestion:
    """A question, the page (from 0) that answers it, and the words that the page must not show to make it too easy."""

    text: str
    page: int
    origin: str
    hidden: str = ""


def page_questions(document: Document, *, count: int = 8, seed: int = 0) -> list[PageQuestion]:
    """Up to `count` questions about a document, of as many kinds (`origin`) as it has.

    They are: table, statement, caption, list, heading, which asks for a section by its title, part, which asks what a
    section is made of, and count, which asks how many tables, figures or charts a section shows.

    Args:
        document: as ingested.
        count: at most.
        seed: of the choice.
    """
    rng = random.Random(f"{seed}/{document.id}")
    kinds = {
        "table": list(_tables(document, rng)),
        "statement": list(_statements(document)),
        "caption": list(_captions(document)),
        "list": list(_lists(document)),
        "heading": list(_headings(document)),
        "part": list(_parts(document)),
        "count": list(_counts(document)),
    }
    for found in kinds.values():
        rng.shuffle(found)
    chosen: dict[str, PageQuestion] = {}
    while len(chosen) < count and any(kinds.values()):
        for found in kinds.values():
            if found and len(chosen) < count:
                question = found.pop()
                chosen.setdefault(question.text.lower(), question)
    return list(chosen.values())


def _elements(document: Document) -> Iterator[Element]:
    for page in document.pages:
        yield from (element for element in page.elements if element.kind not in FURNITURE)


def _tables(document: Document, rng: random.Random) -> Iterator[PageQuestion]:
    """A row's label and a column's head, from a cell that holds a number."""
    for element in _elements(document):
        table = element.table
        if table is None or table.row_count < 3 or table.column_count < 2:
            continue
        heads = {cell.column: cell.text.strip() for cell in table.cells if cell.row == 0 and cell.text.strip()}
        labels = {cell.row: cell.text.strip() for cell in table.cells if cell.column == 0 and cell.row > 0}
        cells = [
            cell
            for cell in table.cells
            if cell.row > 0
            and cell.column > 0
            and _NUMBER.search(cell.text)
            and _ROW_LABEL.fullmatch(labels.get(cell.row, ""))
        ]
        for cell in rng.sample(cells, min(2, len(cells))):
            label, head = labels[cell.row].rstrip(" :*"), heads.get(cell.column, "")
            when = f" in {head}" if re.fullmatch(r"(?:FY ?)?(?:19|20)\d\d", head) else f" ({head})" if head else ""
            question = rng.choice(("What was the {0}{1}?", "How much is {0}{1}?", "What is {0}{1}?"))
            yield PageQuestion(question.format(_lower(label), when[:60]), element.page, "table")


def _statements(document: Document) -> Iterator[PageQuestion]:
    """What was X? By how much did X rise? From sentences with a figure."""
    for element in _elements(document):
        if element.kind is not ElementKind.TEXT:
            continue
        for sentence in re.split(r"(?<=[.!?])\s+", element.text.replace("\n", " ")):
            found = _STATEMENT.match(sentence)
            if found is None or _POINTING.search(found["subject"]):
                continue
            subject, verb = _lower(found["subject"]), found["verb"]
            text = (
                f"By how much did {subject} {_BASE_FORMS[verb]}?" if verb in _BASE_FORMS else f"What {verb} {subject}?"
            )
            yield PageQuestion(text, element.page, "statement")


def _captions(document: Document) -> Iterator[PageQuestion]:
    for element in _elements(document):
        if element.caption_of is not None:
            said = _LABEL.sub("", " ".join(element.text.split())).split(". ")[0].strip(" .")
            if 4 <= len(said.split()) <= 25:
                yield PageQuestion(f"What is shown for {_lower(said)}?", element.page, "caption", element.text)


def _lists(document: Document) -> Iterator[PageQuestion]:
    """What are the …? From headings above lists."""
    heading: Element | None = None
    for element in _elements(document):
        if element.kind in (ElementKind.HEADING, ElementKind.TITLE):
            heading = element
        elif element.kind is ElementKind.LIST_ITEM and heading is not None and heading.page == element.page:
            if title := _title(heading):
                yield PageQuestion(f"What are the {_lower(title)}?", element.page, "list")
            heading = None


def _headings(document: Document) -> Iterator[PageQuestion]:
    """The titles of sections, which their pages do not show then."""
    for element in _elements(document):
        if element.kind is ElementKind.HEADING:
            title = re.sub(r"^[\d.]+\s*", "", " ".join(element.text.split())).strip(" .:")
            if 3 <= len(title.split()) <= 14:
                yield PageQuestion(title, element.page, "heading", title)


def _parts(document: Document) -> Iterator[PageQuestion]:
    """Which subsections does a section have? Answered where the first of them begins."""
    children: dict[int, list[int]] = {}
    for section in document.sections:
        if section.parent is not None:
            children.setdefault(section.parent, []).append(section.page)
    for parent, pages in children.items():
        title = " ".join(document.sections[parent].title.split()).strip(" .:")
        if len(pages) > 1 and 2 <= len(title.split()) <= 12:
            yield PageQuestion(f"Which subsections does the section {title} have?", pages[0], "part")


def _counts(document: Document) -> Iterator[PageQuestion]:
    """How many tables does a section show? Of sections that show some on the page where they begin, and end there."""
    for page in document.pages:
        title, shown = "", Counter[str]()
        for element in page.elements:
            if element.kind in (ElementKind.HEADING, ElementKind.TITLE):
                for kind in (kind for kind, count in shown.items() if count > 1 and title):
                    yield PageQuestion(f"How many {kind}s does the section {title} show?", page.page, "count")
                title, shown = _title(element), Counter()
            elif element.kind in (ElementKind.TABLE, ElementKind.FIGURE, ElementKind.CHART):
                shown[element.kind.value] += 1


def _title(element: Element) -> str:
    """A heading of two to ten words without its number, or nothing."""
    title = re.sub(r"^[\d.]+\s*", "", " ".join(element.text.split())).strip(" .:")
    return title if 2 <= len(title.split()) <= 10 else ""


def _lower(text: str) -> str:
    """With a small first letter, unless the first word is a name or an abbreviation.

    >>> _lower("Net sales"), _lower("EBITDA margin")
    ('net sales', 'EBITDA margin')
    """
    first = text.split(maxsplit=1)[0] if text.split() else ""
    return text[:1].lower() + text[1:] if first[1:].islower() or len(first) == 1 else text
