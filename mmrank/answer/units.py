"""What an answer may quote: sentences, list items and table cells of the pages found, with their boxes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mmrank.answer.grid import Grid
from mmrank.retrieve.evidence import is_contents
from mmrank.retrieve.spots import sentences, text_box
from mmrank.types import FURNITURE, PICTURED, BBox, Document, Element, ElementKind, Hit, Page

NARROW = 700
"""A paragraph of more characters is boxed around the sentence's lines only."""
LINE = 300
"""An element of fewer characters may be a line of years that stands above a table."""
BRACKET = 160
"""Characters after which an open bracket no longer joins sentences."""
BESIDE = 150
"""Characters before and after a sentence that its box holds too: where its lines stand is known only about."""
HEADS = frozenset({ElementKind.TITLE, ElementKind.HEADING})


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page that was found, with its rank (0-based) and what stands on it."""

    hit: Hit
    rank: int
    page: Page


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or line of an element. `context` is what it stands under: its heading or caption."""

    found: FoundPage
    element: Element
    text: str
    box: BBox
    context: str
    before: str
    """The sentence before it, of the same element."""


@dataclass(frozen=True, slots=True)
class TableUnit:
    """A table with its caption and the heading above it."""

    found: FoundPage
    grid: Grid
    context: str


def found_pages(hits: Sequence[Hit], documents: Sequence[Document]) -> list[FoundPage]:
    """The pages of hits.

    Args:
        hits: best first.
        documents: that the hits are in, in any order.
    """
    by_id = {document.id: document for document in documents}
    return [FoundPage(hit, rank, by_id[hit.document_id].pages[hit.page]) for rank, hit in enumerate(hits)]


def sentences_of(found: FoundPage) -> list[Sentence]:
    """The sentences of a page, in reading order; those of tables, contents and furniture left out."""
    made = []
    heading = ""
    captions = _captions(found.page)
    for element in found.page.elements:
        if element.kind in FURNITURE or not element.text.strip() or is_contents(element.text):
            continue
        if element.kind in HEADS:
            heading = " ".join(element.text.split())
        elif element.table is not None and element.table.cells:
            continue
        context = captions.get(element.id, "") if element.kind in PICTURED else heading
        spans = sentences(element.text) if element.kind in PICTURED else _wrapped(element.text)
        before = ""
        for start, end in spans:
            text = " ".join(element.text[start:end].split())
            box = _box(element, start, end)
            made.append(Sentence(found, element, text, box, "" if element.kind in HEADS else context, before))
            before = text
    return made


def tables_of(found: FoundPage) -> list[TableUnit]:
    """The tables of a page that have cells."""
    made = []
    heading = previous = ""
    above: tuple[str, ...] = ()
    repeated = False
    captions = _captions(found.page)
    for element in found.page.elements:
        if element.kind in FURNITURE:
            continue
        years = _years(element.text) if element.table is None and len(element.text) < LINE else ()
        above, repeated = (years, False) if len(years) > 1 else (above, repeated)
        if element.kind in HEADS:
            heading = " ".join(element.text.split())
        if element.table is not None and element.table.cells:
            caption = captions.get(element.id) or previous
            grid = Grid(element, above)
            if repeated and len(grid.valued) != len(above):
                grid = Grid(element)  # a table before it had years, which are not this one's
            made.append(TableUnit(found, grid, f"{heading} {caption}".strip()))
            dated = _years(" ".join(grid.column_heads[column] for column in grid.valued))
            above, repeated = (dated, True) if len(dated) == len(grid.valued) > 1 else (above, repeated)
        previous = " ".join(element.text.split()) if len(element.text) < 200 else ""
    return made


def _years(text: str) -> tuple[str, ...]:
    """The years in a text, once each."""
    return tuple(dict.fromkeys(re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", text)))


def _captions(page: Page) -> dict[str, str]:
    return {one.caption_of: " ".join(one.text.split()) for one in page.elements if one.caption_of}


def _wrapped(text: str) -> list[tuple[int, int]]:
    """Sentences of running text: line ends are no ends of sentences, and neither is a stop within brackets."""
    made: list[tuple[int, int]] = []
    for start, end in sentences(text.replace("\n", " ")):
        last = text[made[-1][0] : made[-1][1]] if made else ""
        if made and last.count("(") > last.count(")") and len(last) < BRACKET:
            made[-1] = made[-1][0], end
        else:
            made.append((start, end))
    return made


def _box(element: Element, start: int, end: int) -> BBox:
    if len(element.text) <= NARROW or element.ocr_confidence is not None or element.kind in PICTURED:
        return element.box
    return text_box(element, max(start - BESIDE, 0), min(end + BESIDE, len(element.text)))
