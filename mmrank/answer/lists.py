"""Answers that are lists, and counts of what stands in one: list items, and rows of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mmrank.answer.candidates import Candidate, Cite
from mmrank.answer.cells import UNDER, cell_cite
from mmrank.answer.expected import Expectation, Expected
from mmrank.answer.grid import GridCell
from mmrank.answer.units import HEADS, FoundPage, TableUnit
from mmrank.answer.wording import Wording
from mmrank.types import FURNITURE, Element, ElementKind

FEWEST = 2
"""Items that make a list."""
MOST = 12
"""Items that are given one by one; a longer list is cut in the short answer's text, never in its count."""
LISTED = 0.15
"""What it counts that a list follows, where the question asks for one."""
RARER = 0.25
"""Least weight of the question's words that choose the rows of a table."""
_FIRST = re.compile(r"\D{3,40}?\s1[.)]?\s(?=[A-Z])")
_MARK = re.compile(r"^\s*(?:[•◦▪●○■□–—*-]|\(?\d{1,2}[.)]|\(?[a-z][.)]|\d{1,2}\s(?=[A-Z]))\s*")


def list_candidates(
    wanted: Expectation, wording: Wording, pages: Sequence[FoundPage], tables: Sequence[TableUnit]
) -> list[Candidate]:
    """Lists that follow a heading or a lead-in with words of the question, and rows of tables chosen by its words."""
    if wanted.kind not in {Expected.LIST, Expected.COUNT, Expected.THING, Expected.NAME, Expected.EXPLANATION}:
        return []
    made = [candidate for found in pages for candidate in _following(wanted, wording, found)]
    if wanted.kind is Expected.COUNT:
        made += [candidate for found in pages for candidate in _numbered(wanted, wording, found)]
    return [*made, *(candidate for table in tables for candidate in _chosen(wanted, wording, table))]


def _following(wanted: Expectation, wording: Wording, found: FoundPage) -> Iterator[Candidate]:
    elements = [one for one in found.page.elements if one.kind not in FURNITURE and one.text.strip()]
    heading = ""
    for at, lead in enumerate(elements):
        if lead.kind in HEADS:
            heading = lead.text
        if _is_item(lead) or lead.table is not None:
            continue
        items = []
        for element in elements[at + 1 :]:
            if not _is_item(element):
                break
            items.append(element)
        if len(items) < FEWEST or (lead.kind not in HEADS and not _leads(lead.text)):
            continue
        own = wording.found(_last(lead.text))
        around = wording.found(heading) - own
        if not own and not around:
            continue
        score = (
            wording.weight(own)
            + UNDER * wording.weight(around)
            + LISTED * (wanted.kind in {Expected.LIST, Expected.COUNT})
        )
        texts = [_MARK.sub("", " ".join(item.text.split())) for item in items]
        cites = tuple(Cite(found, item.id, (item.box,), " ".join(item.text.split())) for item in items)
        yield _listed(wanted, score, _last(lead.text), texts, (Cite(found, lead.id, (lead.box,), lead.text), *cites))


def _numbered(wanted: Expectation, wording: Wording, found: FoundPage) -> Iterator[Candidate]:
    """What is numbered 1, 2, 3, … below a heading, whatever stands between; the first may follow a label."""
    heading: Element | None = None
    items: list[Element] = []
    for element in [*(one for one in found.page.elements if one.kind not in FURNITURE), None]:
        if element is None or element.kind in HEADS:
            if heading is not None and len(items) > FEWEST:
                own = wording.found(heading.text)
                first = _FIRST.match(items[0].text)
                label = wording.found(first.group() if first else "") - own
                if own:
                    texts = [" ".join(_MARK.sub("", item.text).split()) for item in items]
                    cites = [Cite(found, item.id, (item.box,), " ".join(item.text.split())) for item in items]
                    score = wording.weight(own | label) + LISTED
                    whole = (Cite(found, heading.id, (heading.box,), heading.text), *cites)
                    yield _listed(wanted, score, _last(heading.text), texts, whole)
            heading, items = element, []
        elif re.match(rf"\s*{len(items) + 1}[.)]?\s", element.text) or (
            not items and _FIRST.match(element.text) is not None
        ):
            items.append(element)


def _chosen(wanted: Expectation, wording: Wording, table: TableUnit) -> Iterator[Candidate]:
    """The cells of a column that the question names, in the rows that hold other words of it."""
    grid = table.grid
    by_row: dict[int, list[str]] = {
        row: [text for text in grid.rows[row] if text] for row in range(grid.heads, len(grid.rows))
    }
    heads = grid.column_heads
    around = wording.found(table.context)
    targets = [(wording.found(head), column) for column, head in enumerate(heads) if wording.found(head)] or [
        (frozenset(), 0)
    ]
    for asked, column in sorted(targets, key=lambda item: -wording.weight(item[0]))[:2]:
        matched = {row: wording.found(" ".join(texts)) - asked for row, texts in by_row.items()}
        best = max((wording.weight(found) for found in matched.values()), default=0.0)
        if best < RARER:
            continue
        rows = [row for row, found in matched.items() if wording.weight(found) >= best - 1e-9]
        cells = [
            GridCell(row, column, grid.rows[row][column], grid.row_head(row, column), heads[column], "") for row in rows
        ]
        cells = [cell for cell in cells if cell.text and wording.precision(cell.text) < 1]
        if not cells or len(cells) > max(MOST, len(by_row) // 2):
            continue
        chosen = frozenset().union(*(matched[row] for row in rows))
        score = wording.weight(chosen | asked) + UNDER * wording.weight(around - chosen - asked)
        score += LISTED * (wanted.kind in {Expected.LIST, Expected.COUNT} and len(cells) > 1)
        texts = list(dict.fromkeys(cell.text for cell in cells))
        if wanted.kind is Expected.COUNT and len(cells) < FEWEST:
            continue
        yield _listed(wanted, score, heads[column], texts, (cell_cite(table, cells),))


def _listed(wanted: Expectation, score: float, lead: str, texts: Sequence[str], cites: tuple[Cite, ...]) -> Candidate:
    given = "; ".join(text.rstrip(".;") for text in texts[:MOST]) + ("; …" if len(texts) > MOST else "")
    lead = lead.rstrip(" :.")
    if wanted.kind is Expected.COUNT:
        computation = f"counted {len(texts)}: {given}"
        return Candidate(score, ((f"{lead}: {len(texts)} ({given})", cites),), str(len(texts)), "count", computation)
    return Candidate(score, ((f"{lead}: {given}" if lead else given, cites),), given, "list")


def _is_item(element: Element) -> bool:
    return element.kind is ElementKind.LIST_ITEM or (
        element.kind is ElementKind.TEXT and _MARK.match(element.text) is not None and len(element.text) < 400
    )


def _leads(text: str) -> bool:
    return text.rstrip().endswith(":") or len(text) < 120


def _last(text: str) -> str:
    """The last sentence of a lead-in."""
    flat = " ".join(text.split())
    return re.split(r"(?<=[.!?]) ", flat)[-1]
