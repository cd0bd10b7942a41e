"""Answers that stand in a table: one cell, or what is worked out from several."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mmrank.answer.candidates import Candidate, Cite
from mmrank.answer.expected import Expectation, Expected, Operation
from mmrank.answer.grid import Grid, GridCell
from mmrank.answer.measures import Measure, gives, gives_another
from mmrank.answer.scales import scaled
from mmrank.answer.units import TableUnit
from mmrank.answer.values import written
from mmrank.answer.wording import Wording, stems
from mmrank.retrieve.spots import row_box
from mmrank.retrieve.words import words
from mmrank.types import BBox

UNDER = 0.4
"""What words of the question in the caption or the heading count, against those in the heads of row and column."""
BOTH = 0.15
"""What it counts that the question names the row and the column."""
EXACT = 0.2
"""What it counts that the question has all of the row's head."""
NAMED = 0.1
"""What it counts that the question has a head word for word."""
WHOLE = 0.75
"""Share of the words of both rows' heads that a question names which compares them."""
ASKED = 0.1
"""What it counts that a value is worked out as the question asks."""
TYPED = 0.12
MEASURED = 0.15
"""What it counts that a named row's cell is in a column that gives what is asked for: "Rent" what it costs."""
SHORTER = 0.3
"""What a row's head loses where a longer head that begins with it is named."""
NO_ROW = 0.5
"""Share of its score that a cell keeps whose row the question does not name."""
FEWEST = 3
"""Things numbered in a cell that are counted."""
LONG_TABLE = 30
"""Rows from which on the box of a cell is that of the rows around it and of the heads."""
AROUND = 3
"""Rows above and below in that box: where a row stands is known only about."""

_BRACKETED = re.compile(r"\s*(?:[(\[][^()\[\]]*[)\]]\s*)+$")
_DATE = re.compile(
    r"(?:19|20)\d\d|\b\d{1,2}[:.]\d\d\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|\d[./]\d\d?[./]\d",
    re.I,
)
_SAYS_NUMBER = re.compile(r"\b(?:total|number of|count|amount of)\b", re.I)


def cell_candidates(wanted: Expectation, wording: Wording, tables: Sequence[TableUnit]) -> list[Candidate]:
    """Candidates from tables."""
    made: list[Candidate] = []
    for table in tables:
        around = wording.found(table.context)
        made += _lookups(wanted, wording, table, around)
        if wanted.operation in {Operation.MOST, Operation.LEAST}:
            made += _extremes(wanted, wording, table, around)
        if wanted.operation in {Operation.DIFFERENCE, Operation.CHANGE, Operation.SUM, Operation.RATIO}:
            made += _pairs(wanted, wording, table, around)
    return made


def cell_score(wording: Wording, cell: GridCell, around: frozenset[str]) -> float:
    """How well the heads of a cell fit the question."""
    row = wording.found(cell.row_head)
    column = wording.found(f"{cell.column_head} {cell.section}")
    own = row | column
    score = wording.weight(own) + UNDER * wording.weight(around - own)
    score += BOTH * (bool(row - column) and bool(column - row))
    score += EXACT * wording.precision(_bare(cell.row_head)) * bool(row)
    score += NAMED * (wording.names(_bare(cell.row_head)) + wording.names(_bare(cell.column_head)))
    return score if row else NO_ROW * score


def _bare(head: str) -> str:
    """A head without what stands in brackets at its end, and without words that say only that it is a number."""
    return _SAYS_NUMBER.sub(" ", _BRACKETED.sub("", head)).strip() or head


def _shorter(wording: Wording, table: TableUnit) -> set[str]:
    """Heads of rows that a longer head begins with which the question has word for word: the longer one is meant."""
    heads = {_bare(cell.row_head) for cell in table.grid.cells}
    named = [f"{' '.join(words(head))} " for head in heads if wording.names(head)]
    return {
        head
        for head in heads
        if head
        and any(
            long.startswith(f"{' '.join(words(head))} ") and long.strip() != " ".join(words(head)) for long in named
        )
    }


def _lookups(wanted: Expectation, wording: Wording, table: TableUnit, around: frozenset[str]) -> Iterator[Candidate]:
    shorter = _shorter(wording, table)
    for cell in table.grid.cells:
        score = cell_score(wording, cell, around) - SHORTER * (_bare(cell.row_head) in shorter)
        if not wording.found(f"{cell.row_head} {cell.column_head} {cell.section}"):
            continue
        value = cell.value
        if wanted.kind in {Expected.NUMBER, Expected.SHARE, Expected.COUNT}:
            score += TYPED if value is not None else -TYPED
            if wanted.kind is Expected.SHARE and value is not None and not value.share and "%" not in cell.column_head:
                score -= TYPED / 2
        elif wanted.kind in {Expected.NAME, Expected.EXPLANATION, Expected.THING, Expected.LIST}:
            score += -TYPED if value is not None else 0.0
        elif wanted.kind is Expected.DATE:
            score += TYPED if _DATE.search(cell.text) else -TYPED
        if wanted.measure is not None and wording.found(cell.row_head):
            score += _measured(wanted.measure, cell)
        items = _enumerated(cell.text) if wanted.kind is Expected.COUNT else 0
        if items and not wanted.counted & set(stems(cell.row_head)):
            counted = f"counted {items}: {cell.text}"
            line = (f"{cell_text(cell)} ({items})", (cell_cite(table, [cell]),))
            yield Candidate(score + TYPED, (line,), str(items), "count", counted)
            continue
        yield cell_candidate(wanted, table, cell, score, "cell")
    # A cell found by its own words answers with the head of its row or what stands beside it.
    if wanted.kind in {Expected.NAME, Expected.THING, Expected.LIST, Expected.EXPLANATION, Expected.DATE}:
        heads = table.grid.column_heads
        for cell in table.grid.cells:
            own = wording.found(cell.text)
            if not own or cell.value is not None or not cell.row_head or wording.precision(cell.row_head) == 1.0:
                continue
            rest = wording.found(f"{cell.column_head} {cell.section}") | around
            head = wording.found(heads[0]) if heads else frozenset()
            score = wording.weight(own | head) + UNDER * wording.weight(rest - own - head)
            yield Candidate(score, ((cell_text(cell), (cell_cite(table, [cell]),)),), cell.row_head, "row")


def _measured(measure: Measure, cell: GridCell) -> float:
    """What a cell counts more, or less, by what its column gives."""
    value = cell.value
    if measure.numeric and value is None:
        return 0.0
    if gives(measure, cell.column_head, cell.text):
        return MEASURED
    other = gives_another(measure, cell.column_head) or (measure.numeric and value is not None and value.is_year)
    return -TYPED if other else 0.0


def _enumerated(text: str) -> int:
    """How many things a cell numbers from 1; 0 for none.

    >>> _enumerated("1. Skerry Ltd. 2. Lunna Quays 3. The Hallan Line")
    3
    """
    count = 0
    for found in re.finditer(r"(?:^|\s)\(?(\d{1,2})[.)]\s", text):
        if int(found[1]) == count + 1:
            count += 1
    return count if count >= FEWEST else 0


def _extremes(wanted: Expectation, wording: Wording, table: TableUnit, around: frozenset[str]) -> Iterator[Candidate]:
    """The row, or the column, with the highest or lowest value of a column or row that the question names."""
    grid = table.grid
    most = wanted.operation is Operation.MOST
    numbers = [cell for cell in grid.cells if cell.value is not None]
    for axis in ("column", "row"):
        lines: dict[int, list[GridCell]] = {}
        for cell in numbers:
            lines.setdefault(cell.column if axis == "column" else cell.row, []).append(cell)
        for line in lines.values():
            line = [cell for cell in line if not re.match(r"(?:total|all|overall|sum)\b", cell.row_head, re.I)]
            if len(line) < 2:
                continue
            head = line[0].column_head if axis == "column" else line[0].row_head
            own = wording.found(head)
            if not own:
                continue
            best = (max if most else min)(line, key=lambda cell: cell.value.full)  # type: ignore[union-attr]
            name = (_beside(wanted, grid, best) or best.row_head) if axis == "column" else best.column_head
            if not name:
                continue
            score = wording.weight(own) + UNDER * wording.weight(around - own) + EXACT * wording.precision(head) + BOTH
            numeric = wanted.kind in {Expected.NUMBER, Expected.SHARE, Expected.COUNT}
            shown = f"{name}: {best.text} ({'highest' if most else 'lowest'} of {len(line)}, {head})"
            cite = cell_cite(table, line)
            yield Candidate(score, ((shown, (cite,)),), best.text if numeric else name, "extreme")


def _beside(wanted: Expectation, grid: Grid, cell: GridCell) -> str | None:
    """What stands in a cell's row under the only head that gives what is asked for: the holder, for "who"."""
    measure = wanted.measure
    if measure is None or measure.numeric:
        return None
    found = [one.text for one in grid.cells if one.row == cell.row and measure.head.search(one.column_head)]
    return found[0] if len(found) == 1 else None


def _pairs(wanted: Expectation, wording: Wording, table: TableUnit, around: frozenset[str]) -> Iterator[Candidate]:
    """What two cells of one row or one column give together."""
    numbers = [cell for cell in table.grid.cells if cell.value is not None and wording.found(cell_heads(cell))]
    scored = sorted(numbers, key=lambda cell: (-cell_score(wording, cell, around), cell.row, cell.column))[:40]
    made: list[tuple[float, GridCell, GridCell]] = []
    for at, one in enumerate(scored):
        for other in scored[at + 1 :]:
            if (one.row == other.row) == (one.column == other.column):
                continue
            first, second = wording.found(cell_heads(one)), wording.found(cell_heads(other))
            if not (first - second and second - first) and not _both_named(wording, one, other):
                continue  # each must be named by a word that the other lacks, or word for word
            if one.row != other.row and min(map(wording.precision, (one.row_head, other.row_head))) < WHOLE:
                continue  # rows that the question does not name as a whole say something else
            score = max(cell_score(wording, one, around), cell_score(wording, other, around))
            made.append((score + TYPED + ASKED + wording.weight(first | second) - wording.weight(first), one, other))
    for score, one, other in sorted(made, key=lambda item: -item[0])[:3]:
        computed = computed_from(wanted, one, other)
        if computed is None:
            continue
        short, computation = computed
        text = f"{cell_text(one)}; {cell_text(other)}; {computation}"
        cites = (cell_cite(table, [one]), cell_cite(table, [other]))
        yield Candidate(score, ((text, cites),), short, "computed", computation)


def _both_named(wording: Wording, one: GridCell, other: GridCell) -> bool:
    """Whether the question has the heads that tell two cells apart, word for word."""
    heads = (one.column_head, other.column_head) if one.row == other.row else (one.row_head, other.row_head)
    return heads[0] != heads[1] and all(map(wording.names, heads))


def computed_from(wanted: Expectation, one: GridCell, other: GridCell) -> tuple[str, str] | None:
    """The result of the operation that a question asks for, and the computation as it is shown."""
    first, second = one.value, other.value
    if first is None or second is None or (first.share != second.share and wanted.operation is not Operation.RATIO):
        return None  # an amount and a share give nothing together
    share = "%" if first.share and second.share else ""
    decimals = max(first.decimals, second.decimals)
    a, b = first.number, second.number
    match wanted.operation:
        case Operation.SUM:
            result = written(a + b, decimals) + share
            return result, f"{first.text} + {second.text} = {result}"
        case Operation.RATIO if b:
            result = written(a / b, wanted.decimals)
            return result, f"{first.text} / {second.text} = {result}"
        case Operation.CHANGE if one.row == other.row:
            later, earlier = (first, second) if _year(one) >= _year(other) else (second, first)
            if not earlier.number:
                return None
            places = 1 if wanted.decimals is None else wanted.decimals
            result = written(100 * (later.number - earlier.number) / abs(earlier.number), places) + " %"
            return result, f"({later.text} − {earlier.text}) / {earlier.text} = {result}"
        case Operation.DIFFERENCE:
            high, low = (first, second) if a >= b else (second, first)
            result = written(high.number - low.number, decimals) + share
            return result, f"{high.text} − {low.text} = {result}"
    return None


def _year(cell: GridCell) -> int:
    found = re.findall(r"(?:19|20)\d\d", f"{cell.column_head} {cell.row_head}")
    return int(found[0]) if found else 0


def cell_heads(cell: GridCell) -> str:
    """All that says what a cell holds."""
    return f"{cell.row_head} {cell.column_head} {cell.section}"


def cell_text(cell: GridCell) -> str:
    """A cell in words: "The Bronx, % land area rezoned: 18.4%"."""
    heads = ", ".join(dict.fromkeys(filter(None, (cell.row_head, cell.column_head))))
    return f"{heads}: {cell.text}" if heads else cell.text


def cell_candidate(wanted: Expectation, table: TableUnit, cell: GridCell, score: float, origin: str) -> Candidate:
    """A cell as an answer; an amount is given in the unit that the question asks for."""
    cite = cell_cite(table, [cell])
    converted = scaled(wanted.asked, table, cell)
    if converted is None:
        return Candidate(score, ((cell_text(cell), (cite,)),), cell.text, origin)
    line = f"{cell_text(cell)}; {converted.computation}"
    return Candidate(score, ((line, (cite, *converted.cites)),), converted.short, origin, converted.computation)


def cell_cite(table: TableUnit, cells: Sequence[GridCell]) -> Cite:
    """The box of cells: of their rows and the heads in a long table, else all of the table."""
    grid, element = table.grid, table.grid.element
    boxes: tuple[BBox, ...] = (element.box,)
    first, last = min(cell.row for cell in cells), max(cell.row for cell in cells)
    if len(grid.rows) >= LONG_TABLE and last - first <= 2 and element.ocr_confidence is None:
        heads = (row_box(element, 0, grid.heads - 1),) if grid.heads else ()
        boxes = (row_box(element, max(first - AROUND, 0), min(last + AROUND, len(grid.rows) - 1)), *heads)
    rows = [" · ".join(filter(None, grid.rows[row])) for row in dict.fromkeys(cell.row for cell in cells)]
    heads_text = [" · ".join(filter(None, row)) for row in grid.rows[: grid.heads]]
    return Cite(table.found, element.id, boxes, " · ".join(filter(None, [*heads_text, *rows])))


__all__ = ["Grid", "cell_candidates"]
