"""Tables found by how their text is aligned, with or without rules, and their cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf

from mmrank.ingest.drafts import Line, Rect, hull, inside
from mmrank.ingest.heads import NUMBER, head_count
from mmrank.ingest.letters import join
from mmrank.ingest.lines import Vector
from mmrank.ingest.wrapping import Columns, joined_rows
from mmrank.types import Cell, Table

LEADERS = re.compile(r"(?:\s?[.·…_]){4,}\s*")
"""Dots that lead from a label to its number."""
NAMED = re.compile(r"^\s*(table|tab\.|exhibit|figure|fig\.)\s*[\dA-Z]", re.IGNORECASE)
"""How captions begin."""
LONGEST_CELL = 60
"""A cell with more characters counts as running text; the first cell of a row may have twice as many."""
HEADING_SIZE = 1.2
"""A line alone in its row whose type is larger than the table's by more than this factor is a heading."""


@dataclass(slots=True)
class Grid:
    """A table before it is an element: its box, its cells and the lines in it."""

    box: Rect
    table: Table
    lines: list[Line]
    columns: Columns = field(default_factory=list)
    """(x0, x1) of what stands in each column; may be empty where only the cells are known."""


def find_tables(lines: list[Line], vectors: list[Vector]) -> list[Grid]:
    """Tables among the lines of a page. Each line belongs to at most one of them."""
    upright = [line for line in lines if line.upright]
    rules = _rules(vectors)
    grids: list[Grid] = []
    taken: set[int] = set()
    running = running_text(upright)
    for group in _rule_groups(rules):
        region = hull(group)
        rows = rows_of([line for line in upright if id(line) not in taken and inside(line.box, region) > 0.6])
        if len(rows) >= 2 and _looks_tabular(rows, 2):
            made = _split_at_headings(rows, group)
            used = {id(line) for row in rows for line in row} | taken | running
            made[0] = _with_heads_above(made[0], [line for line in upright if id(line) not in used])
            grids += made
            taken.update(id(line) for grid in made for line in grid.lines)
    free = _pieces(rows_of([line for line in upright if id(line) not in taken and id(line) not in running]))
    end = 0
    for start, stop in _joined(_runs(free), free):
        rows = free[start : stop + 1]
        grids.append(_grid([*_heads(rows, free[max(end, start - 4) : start]), *rows], None))
        end = stop + 1
    return grids


def _joined(runs: list[tuple[int, int]], rows: list[list[Line]]) -> list[tuple[int, int]]:
    """First and last row of each run; runs of one width with only short labels between them are one table."""
    made: list[tuple[int, int]] = []
    for start, stop in runs:
        if made and _one_table(
            rows[made[-1][0] : made[-1][1] + 1], rows[made[-1][1] + 1 : start], rows[start : stop + 1]
        ):
            made[-1] = (made[-1][0], stop)
        else:
            made.append((start, stop))
    return made


def _one_table(above: list[list[Line]], between: list[list[Line]], below: list[list[Line]]) -> bool:
    a = hull(line.box for row in above for line in row)
    b = hull(line.box for row in below for line in row)
    common = min(a[2], b[2]) - max(a[0], b[0])
    if common < 0.8 * max(a[2] - a[0], b[2] - b[0]) or b[1] - a[3] > 80 or len(between) > 5:
        return False
    return all(_length(line) < LONGEST_CELL and line.box[0] > min(a[0], b[0]) - 3 for row in between for line in row)


def find_ruled_lists(lines: list[Line], vectors: list[Vector]) -> list[Grid]:
    """Tables with a rule between nearly all rows, which may hold small pictures."""
    grids: list[Grid] = []
    taken: set[int] = set()
    running = running_text(lines)
    for group in _rule_groups(_rules(vectors), most=60, least=5):
        region = hull(group)
        held = [line for line in lines if line.upright and id(line) not in taken and inside(line.box, region) > 0.6]
        rows = rows_of(held)
        if len(rows) >= 4 and sum(len(row) > 1 for row in rows) >= 0.6 * len(rows) and _looks_tabular(rows, 4):
            made = _split_at_headings(rows, group)
            used = {id(line) for row in rows for line in row} | taken | running
            made[0] = _with_heads_above(made[0], [line for line in lines if line.upright and id(line) not in used])
            grids += made
            taken.update(id(line) for grid in made for line in grid.lines)
    return grids


def running_text(lines: list[Line]) -> set[int]:
    """Identities of lines that fill the width of their paragraph, one below the other: no table's cells."""
    blocks: dict[int, list[Line]] = {}
    for line in lines:
        blocks.setdefault(line.block, []).append(line)
    found: set[int] = set()
    for block in blocks.values():
        rows = rows_of(block)
        if len(rows) < 3 or sum(len(row) > 1 for row in rows) > 0.2 * len(rows):
            continue
        widths = [row[-1].box[2] - row[0].box[0] for row in rows]
        full = sum(width > 0.72 * max(widths) for width in widths[:-1])
        letters = sum(sum(c.isalpha() for c in line.text) for line in block)
        marks = sum(len(line.text) for line in block)
        if full >= 0.7 * (len(rows) - 1) and letters > 0.6 * marks and marks > 14 * len(rows):
            found.update(id(line) for line in block)
    return found


def _with_heads_above(grid: Grid, lines: list[Line]) -> Grid:
    """The table with the rows that stand right above its first rule and are its heads, or its first rows."""
    top = min(line.box[1] for line in grid.lines)
    near = [line for line in lines if line.box[3] < top + 1 and line.box[3] > grid.box[1] - 80]
    rows = rows_of(grid.lines)
    heads = _heads(rows, _pieces(rows_of(near)))
    return _grid([*heads, *rows], grid.box) if heads else grid


def _heads(run: list[list[Line]], above: list[list[Line]]) -> list[list[Line]]:
    """Rows of column heads that stand right above a run, and short labels between them and it."""
    box = hull(line.box for row in run for line in row)
    size = _size(run)
    columns = columns_of(run)[1:]
    top, best = box[1], len(above)
    for at in range(len(above) - 1, -1, -1):
        row = above[at]
        here = hull(line.box for line in row)
        close = -1 < top - here[3] < 2.2 * (here[3] - here[1])
        right = row[-1].box[0] if len(row) > 1 else here[2] - 6
        within = here[0] > box[0] - 3 and right < box[2]
        if not (close and within and all(len(line.text) <= 40 and line.size <= 1.15 * size for line in row)):
            break
        if NAMED.match(row[0].text):
            break
        if all(any(min(x1, line.box[2]) > max(x0, line.box[0]) for x0, x1 in columns) for line in row[-2:]):
            best = at
        top = here[1]
    return above[best:]


def rows_of(lines: list[Line]) -> list[list[Line]]:
    """Lines grouped by baseline, top to bottom, each row left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=_middle):
        middle = _middle(line)
        if rows:
            last = rows[-1][0]
            height = min(last.box[3] - last.box[1], line.box[3] - line.box[1])
            if abs(_middle(last) - middle) < 0.5 * height:
                rows[-1].append(line)
                continue
        rows.append([line])
    for row in rows:
        row.sort(key=lambda item: item.box[0])
    return rows


def _tabular(row: list[Line]) -> bool:
    if len(row) < 2:
        return False
    return len(row) >= 3 or any(NUMBER.match(cell.text) for cell in row[1:])


def _looks_tabular(rows: list[list[Line]], least: int) -> bool:
    tabular = [row for row in rows if len(row) >= 2]
    cells = [cell for row in tabular for cell in row]
    if len(tabular) < least or len(tabular) < 0.4 * len(rows):
        return False
    return sum(len(cell.text) for cell in cells) / len(cells) < LONGEST_CELL


def _runs(rows: list[list[Line]]) -> list[tuple[int, int]]:
    """First and last of at least three tabular rows, with at most two other short rows in a row between them."""
    runs: list[tuple[int, int]] = []
    start, last = -1, -1
    extent = (inf, -inf)  # where the run begins and ends across the page
    for at, row in enumerate([*rows, []]):
        open_run = start >= 0
        near = open_run and bool(row) and at - last <= 3 and _follows(rows[at - 1], row, extent)
        if near and _tabular(row):
            extent = _widened(extent, rows[last + 1 : at + 1])
            last = at
            continue
        if near and at - last <= 2 and all(_length(cell) < 2 * LONGEST_CELL for cell in row):
            continue
        if open_run:
            run = rows[start : last + 1]
            if sum(1 for item in run if _tabular(item)) >= 3 and _numeric(run):
                runs.append((start, last))
        start, last = (at, at) if row and _tabular(row) else (-1, -1)
        extent = _widened((inf, -inf), [row])
    return runs


def _widened(extent: tuple[float, float], rows: list[list[Line]]) -> tuple[float, float]:
    boxes = [cell.box for row in rows for cell in row]
    return min([extent[0], *(box[0] for box in boxes)]), max([extent[1], *(box[2] for box in boxes)])


def _pieces(rows: list[list[Line]]) -> list[list[Line]]:
    """Rows without the running text that stands beside a table."""
    pieces: list[list[Line]] = []
    for row in rows:
        short = [cell for at, cell in enumerate(row) if _length(cell) <= (LONGEST_CELL if at else 2 * LONGEST_CELL)]
        pieces.append(short if len(short) >= 2 else row)
    return pieces


def _length(cell: Line) -> int:
    return len(LEADERS.sub(" ", cell.text))


def _follows(above: list[Line], row: list[Line], extent: tuple[float, float]) -> bool:
    height = max(cell.box[3] - cell.box[1] for cell in row)
    gap = min(cell.box[1] for cell in row) - max(cell.box[3] for cell in above)
    here = hull(cell.box for cell in row)
    return gap < 1.8 * height and min(extent[1], here[2]) > max(extent[0], here[0])


def _numeric(run: list[list[Line]]) -> bool:
    cells = [cell for row in run for cell in row]
    numbers = sum(1 for cell in cells if NUMBER.match(cell.text))
    mean = sum(len(cell.text) for cell in cells) / len(cells)
    wide = sum(1 for row in run if len(row) >= 3)
    return numbers >= 0.25 * len(cells) or (wide >= 0.6 * len(run) and wide >= 3 and mean < 30)


def _rules(vectors: list[Vector]) -> list[Rect]:
    return [v.box for v in vectors if v.box[3] - v.box[1] < 2.5 and v.box[2] - v.box[0] > 50]


def _rule_groups(rules: list[Rect], most: float = 300, least: int = 3) -> list[list[Rect]]:
    """At least `least` horizontal rules of one width, at most `most` points from one to the next; widest first."""
    groups: list[list[Rect]] = []
    for rule in sorted(rules, key=lambda r: r[1]):
        for group in reversed(groups):
            last = group[-1]
            if abs(last[0] - rule[0]) < 4 and abs(last[2] - rule[2]) < 4 and rule[1] - last[1] < most:
                group.append(rule)
                break
        else:
            groups.append([rule])
    groups = [group for group in groups if len({round(rule[1] / 3) for rule in group}) >= least]
    return sorted(groups, key=lambda group: min(rule[0] for rule in group) - max(rule[2] for rule in group))


def _split_at_headings(rows: list[list[Line]], rules: list[Rect]) -> list[Grid]:
    """Tables of the rows between rules, split at headings, which are not part of a table.

    The rule under a page's header may be as wide as those of a table, and so may be the rules of two tables.
    """
    size = _size([row for row in rows if len(row) > 1])
    heads = [_middle(row[0]) for row in rows if _is_heading(row, size)]
    whole = _grid(rows, hull(rules))
    if not heads:
        return [whole]
    grids = []
    for start, end in pairwise([-inf, *heads, inf]):
        drawn = [rule for rule in rules if start < rule[1] < end]
        own = [row for row in rows if start < _middle(row[0]) < end]
        if len(drawn) < 2:
            continue
        top = min([drawn[0][1], *(row[0].box[1] for row in own if len(row) > 1)])
        own = [row for row in own if top <= _middle(row[0]) <= drawn[-1][3]]
        if _looks_tabular(own, 2):
            grids.append(_grid(own, hull(drawn)))
    return grids or [whole]


def _size(rows: list[list[Line]]) -> float:
    """The middle one of the rows' font sizes, in points; 0 without rows."""
    sizes = sorted(line.size for row in rows for line in row)
    return sizes[len(sizes) // 2] if sizes else 0.0


def _is_heading(row: list[Line], size: float) -> bool:
    """Whether a row holds one text, or a number and a text, in type clearly larger than a table's `size`."""
    one = len(row) == 1 or (len(row) == 2 and row[1].box[0] - row[0].box[2] < 2 * row[0].size)
    letters = sum(c.isalpha() for line in row for c in line.text)
    return one and letters > 2 and all(line.size > HEADING_SIZE * size for line in row)


def _middle(line: Line) -> float:
    return (line.box[1] + line.box[3]) / 2


def _grid(rows: list[list[Line]], region: Rect | None) -> Grid:
    lines = [line for row in rows for line in row]
    box = hull(line.box for line in lines)
    return Grid(hull([box, region]) if region else box, make_table(rows), lines, columns_of(rows))


def make_table(rows: list[list[Line]]) -> Table:
    """Cells of rows of lines: columns are what the narrow cells share, wide cells span several."""
    columns = columns_of(rows)
    rows = joined_rows(rows, columns)
    cells: list[Cell] = []
    for at, row in enumerate(rows):
        texts: dict[int, list[str]] = {}
        spans: dict[int, int] = {}
        for line in row:
            first, last = place(line.box, columns)
            texts.setdefault(first, []).append(LEADERS.sub(" ", line.text).strip())
            spans[first] = max(spans.get(first, 1), last - first + 1)
        for column, words in sorted(texts.items()):
            room = min((c for c in texts if c > column), default=len(columns)) - column
            span = max(1, min(spans[column], room))
            cells.append(Cell(" ".join(words), at, column, 1, span))
    return with_heads(Table(len(rows), len(columns), tuple(cells)), [all(line.bold for line in row) for row in rows])


def with_heads(table: Table, bold: Sequence[bool]) -> Table:
    """The table with the cells of its header rows marked; `bold` says of each row whether all of it is."""
    heads = head_count(table_rows(table), bold)
    return replace(table, cells=tuple(replace(cell, header=cell.row < heads) for cell in table.cells))


def join_cell(lines: list[Line]) -> str:
    """The text of one cell, row by row."""
    return join(LEADERS.sub(" ", line.text).strip() for row in rows_of(lines) for line in row)


def columns_of(rows: list[list[Line]]) -> Columns:
    """(x0, x1) of each column: what the cells of the rows with most cells have in common."""
    most = max(len(row) for row in rows)
    spans = sorted((line.box[0], line.box[2]) for row in rows if len(row) >= max(2, 0.5 * most) for line in row) or [
        (line.box[0], line.box[2]) for row in rows for line in row
    ]
    columns: Columns = []
    for x0, x1 in spans:
        if columns and x0 < columns[-1][1] - 1:
            columns[-1] = (columns[-1][0], max(columns[-1][1], x1))
        else:
            columns.append((x0, x1))
    return columns


def place(box: Rect, columns: list[tuple[float, float]]) -> tuple[int, int]:
    """First and last of the columns (x0, x1 each) that a box stands in; the nearest one if it touches none."""
    touched = [i for i, (x0, x1) in enumerate(columns) if min(x1, box[2]) - max(x0, box[0]) > 1]
    if touched:
        return touched[0], touched[-1]
    middle = (box[0] + box[2]) / 2
    near = min(range(len(columns)), key=lambda i: abs((columns[i][0] + columns[i][1]) / 2 - middle))
    return near, near


def table_rows(table: Table) -> list[list[str]]:
    """The table as rows of texts, all of one length; a spanning cell stands once, at its top left."""
    rows = [[""] * table.column_count for _ in range(table.row_count)]
    for cell in table.cells:
        rows[cell.row][cell.column] = cell.text
    return rows


def markdown(table: Table) -> str:
    """The table as Markdown, the first row as its head."""
    rows = [[text.replace("|", "\\|").replace("\n", " ") for text in row] for row in table_rows(table)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if table.row_count > 1:
        lines.insert(1, "|" + " --- |" * table.column_count)
    return "\n".join(lines)
