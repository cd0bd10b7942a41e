"""What kind of document it is: annual report, paper, manual, slides, invoice, …

Each kind has words that covers of it carry, and some have a shape. They stand in `kinds.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

from mmrank.knowledge import knowledge
from mmrank.types import Document, ElementKind, Page

TOP_CHARACTERS = 1500
"""Beginning of the first page that is searched for words of a kind."""
LEAST = 2
"""Points that a kind needs."""
SLIDE_WORDS = 180
"""A landscape document with fewer words per page, in the median, is a presentation."""
_FORM = re.compile(
    r"^\W*form\s+((?:DEF|PRE)\s+14A|\d{1,4}[A-Z]?(?:-[A-Z]{1,3}\d?)?|[A-Z]-\d{1,2}|[A-Z]{1,3}-\d{1,4}[A-Z]?)(?:/A)?\b",
    re.IGNORECASE,
)
_SCHEDULE = re.compile(r"\bschedule\s+(14A)\b", re.IGNORECASE)
_LARGE = frozenset({ElementKind.TITLE, ElementKind.HEADING})


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    of: str
    forms: frozenset[str]
    cover: tuple[re.Pattern[str], ...]
    shape: frozenset[str]


def form_name(document: Document) -> str | None:
    """The name of the government form that the first page says it is: "10-K", "DEF 14A", "W-9"."""
    for page in document.pages[:2]:
        for element in page.elements[:40]:
            for line in element.text.splitlines():
                found = _FORM.match(line) if len(line) < 80 else None
                if found:
                    return " ".join(found[1].upper().split())
        found = _SCHEDULE.search(" ".join(element.text for element in page.elements[:10]))
        if found:
            return found[1].upper()
    return None


def kind_of(document: Document, title: str, form: str) -> str | None:
    """The kind with the most evidence; of several, the one that is named first in `kinds.yaml`. None without evidence.

    Args:
        document: the document.
        title: its title.
        form: name of the government form it is, see `form_name`.
    """
    table = _table()
    for kind in table:
        if form in kind.forms:
            return kind.name
    first = document.pages[0].elements if document.pages else ()
    large = "\n".join(element.text for element in first if element.kind in _LARGE)
    spaced = "\n".join(element.text for element in first)[:TOP_CHARACTERS]
    top = re.sub(r"(?<=\b\w) (?=\w\b)", "", spaced)  # "P o l i c y"
    said = (document.metadata.get(key, "") for key in ("title", "subject", "keywords"))
    named = re.sub(r"[_\W]+", " ", " ".join([Path(document.name).stem, *said]))
    shapes = _shapes(document)
    points = {
        kind.name: sum(_points(pattern, title, f"{named}\n{large}", top) for pattern in kind.cover)
        + 3 * len(kind.shape & shapes)
        for kind in table
    }
    points |= {kind.name: points[kind.name] + points[kind.of] for kind in table if kind.of and points[kind.name]}
    best = max(points, key=lambda name: points[name], default=None)
    return best if best is not None and points[best] >= LEAST else None


def named_kinds(text: str) -> frozenset[str]:
    """Kinds of documents that a question names.

    >>> sorted(named_kinds("What do the annual reports and the User-Manual say?"))
    ['annual report', 'manual', 'report']
    """
    asked = f" {' '.join(re.findall(r'[a-z]+', text.lower()))} "
    return frozenset(kind.name for kind in _table() if f" {kind.name} " in asked or f" {kind.name}s " in asked)


def named_forms(text: str) -> frozenset[str]:
    """Government forms that a question names, as `form_name` writes them.

    >>> sorted(named_forms("Compare the 10K with the form 8-K of 2,010 km"))
    ['10-K', '8-K']
    """
    forms = (form for kind in _table() for form in kind.forms)
    return frozenset(
        form
        for form in forms
        if re.search(
            r"(?<![\w.,])" + re.escape(form).replace(r"\-", "[- ]?").replace(r"\ ", " ?") + r"(?!\w)", text, re.I
        )
    )


def _points(pattern: re.Pattern[str], title: str, large: str, top: str) -> int:
    if pattern.search(title):
        return 3
    if pattern.search(large):
        return 2
    return int(bool(pattern.search(top)))


def _shapes(document: Document) -> frozenset[str]:
    """What the pages look like: "slides", "abstract" (a paper), "letter", "chapters" (a book)."""
    found = set()
    pages = document.pages
    counts = [sum(len(element.text.split()) for element in page.elements) for page in pages]
    if len(pages) > 2 and sum(map(_landscape, pages)) > 0.8 * len(pages) and median(counts) < SLIDE_WORDS:
        found.add("slides")
    openings = [element.text.lstrip().lower() for page in pages[:3] for element in page.elements]
    ends = (element.text.lower() for page in pages[len(pages) // 3 :] for element in page.elements)
    abstract = any(text.startswith("abstract") for text in openings)
    if abstract and any(re.match(r"\W*\d*\W*(references|bibliography|literature)\b", text) for text in ends):
        found.add("abstract")
    if len(pages) <= 4 and any(re.match(r"dear\b|sehr geehrte|estimad[oa]|madame|monsieur", text) for text in openings):
        found.add("letter")
    chapters = {number for heading in _headings(pages) for number in re.findall(r"^\W*chapter\s+(\w+)", heading)}
    if len(pages) > 60 and len(chapters) > 4:
        found.add("chapters")
    return frozenset(found)


def _landscape(page: Page) -> bool:
    return page.width > 1.15 * page.height


def _headings(pages: Sequence[Page]) -> list[str]:
    return [element.text.lower() for page in pages for element in page.elements if element.kind in _LARGE]


@cache
def _table() -> tuple[_Kind, ...]:
    rows: list[Mapping[str, object]] = knowledge("mmrank.ingest", "kinds.yaml")
    return tuple(
        _Kind(
            str(row["kind"]),
            str(row.get("of", "")),
            frozenset(map(str, _strings(row, "forms"))),
            tuple(re.compile(text, re.IGNORECASE | re.MULTILINE) for text in _strings(row, "cover")),
            frozenset(_strings(row, "shape")),
        )
        for row in rows
    )


def _strings(row: Mapping[str, object], key: str) -> list[str]:
    value = row.get(key, [])
    assert isinstance(value, list)
    return [str(item) for item in value]
