"""Tables that go on over the page: their later parts get the names of their columns."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from mmrank.ingest.drafts import Draft, PageDraft
from mmrank.ingest.heads import holds_figures
from mmrank.ingest.tables import markdown, table_rows
from mmrank.types import FURNITURE, ElementKind, Table

ASIDE = FURNITURE | {ElementKind.FOOTNOTE}
SLACK = 12.0
"""Edges of two parts of a table may differ by this much, in points."""
SMALL_NOTE = 120
"""What stands below the first part, or above the second, is a note or "continued" if it is at most this long."""


def continue_tables(pages: list[PageDraft]) -> None:
    """Put the header rows of a table above its later parts on the next pages, in place.

    A part goes on where it is the first thing on its page, as the table before it is the last on its own, and both have
    the same columns. Header rows that are printed there again are marked, not doubled. The box stays that of what is
    on the page.
    """
    for above, below in pairwise(pages):
        if below.page != above.page + 1:
            continue
        first, second = _last(above), _first(below)
        if first is None or second is None or not _alike(first, second):
            continue
        assert first.table is not None and second.table is not None
        if 0 < first.table.header_rows < first.table.row_count and not _names_its_own(second, first.table):
            second.table = _headed(first.table, second.table)
            second.text = markdown(second.table)


def _last(page: PageDraft) -> Draft | None:
    """The table that ends a page."""
    held = [draft for draft in page.drafts if draft.kind not in ASIDE]
    while len(held) > 1 and held[-1].kind is ElementKind.TEXT and len(held[-1].text) <= SMALL_NOTE:
        held.pop()
    return held[-1] if held and held[-1].table else None


def _first(page: PageDraft) -> Draft | None:
    """The table that begins a page; a short line such as "Table 3 (continued)" may stand above it."""
    held = [draft for draft in page.drafts if draft.kind not in ASIDE]
    if len(held) > 1 and held[1].table and held[1].box[1] > held[0].box[1]:
        told = held[0].text.lower()
        if "cont" in told or (held[0].kind is ElementKind.TEXT and len(told) <= SMALL_NOTE):
            held.pop(0)
    return held[0] if held and held[0].table else None


def _alike(first: Draft, second: Draft) -> bool:
    """Whether two tables have as many columns, at the same places."""
    if first.table is None or second.table is None or first.table.column_count != second.table.column_count:
        return False
    if len(first.columns) == len(second.columns) > 0:
        pairs = list(zip(first.columns, second.columns, strict=True))
        return all(min(a[1], b[1]) > max(a[0], b[0]) - SLACK for a, b in pairs)
    return abs(first.box[0] - second.box[0]) < SLACK and abs(first.box[2] - second.box[2]) < SLACK


def _names_its_own(second: Draft, first: Table) -> bool:
    """Whether the later part has column names that are not those of the part before it."""
    assert second.table is not None
    rows = table_rows(second.table)
    if rows[: first.header_rows] == table_rows(first)[: first.header_rows]:
        return False
    return second.bold or (second.table.header_rows > 0 and holds_figures(rows))


def _headed(first: Table, second: Table) -> Table:
    """The second part with the header rows of the first, which it may have itself."""
    count = first.header_rows
    heads = [replace(cell, row_span=min(cell.row_span, count - cell.row)) for cell in first.cells if cell.header]
    names, rows = table_rows(first)[:count], table_rows(second)
    if rows[:count] == names:
        return replace(second, cells=tuple(replace(cell, header=cell.row < count) for cell in second.cells))
    body = tuple(replace(cell, row=cell.row + count, header=False) for cell in second.cells)
    return Table(second.row_count + count, second.column_count, (*heads, *body), count)
