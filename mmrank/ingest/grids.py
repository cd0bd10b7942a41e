"""Tables drawn as grids of rules, frames or filled cells: their cells and spans."""

from __future__ import annotations

from dataclasses import dataclass

from mmrank.ingest.drafts import Line, Rect, area, hull
from mmrank.ingest.figures import has_bars, is_white, sides
from mmrank.ingest.heads import NUMBER
from mmrank.ingest.lines import Vector
from mmrank.ingest.tables import Grid, join_cell, rows_of, with_heads
from mmrank.types import Cell, Table

THIN = 3.0
"""A rule is at most this thick, in points."""
SNAP = 3.0
"""Edges closer than this, in points, are one."""
NARROWEST, LOWEST = 36.0, 20.0
"""Width and height of a table, in points."""
FEWEST_STACKED = 2
"""Rows of numbers in one cell that are rows of the table."""


@dataclass(slots=True)
class _Edges:
    """Horizontal edges (y, x0, x1) and vertical edges (x, y0, y1)."""

    across: list[tuple[float, float, float]]
    down: list[tuple[float, float, float]]


def find_grids(lines: list[Line], vectors: list[Vector]) -> list[Grid]:
    """Tables whose cells are drawn. At least two rows and two columns of cells must hold text."""
    candidates = [v for v in vectors if _edge_like(v) and (v.stroked or not is_white(v) or min(sides(v.box)) < THIN)]
    if len(candidates) < 4 or len(candidates) > 3000:
        return []
    found = []
    for group in _connected(candidates):
        box = hull(vector.box for vector in group)
        if len(group) < 4 or box[2] - box[0] < NARROWEST or box[3] - box[1] < LOWEST:
            continue
        drawn = _drawn_cells(group, box)
        if has_bars(group if drawn is group else _within_columns(group, drawn)):
            continue
        held = [line for line in lines if _centre_in(line.box, box)]
        if len(held) >= 4:
            grid = _grid(drawn, box, held)
            if grid:
                found.append(grid)
    return found


def _drawn_cells(group: list[Vector], box: Rect) -> list[Vector]:
    """The rules alone where they frame cells over the whole box: then what is filled only colours them."""
    rules = [v for v in group if min(sides(v.box)) < THIN]
    across = [v for v in rules if v.box[3] - v.box[1] < THIN]
    down = [v for v in rules if v.box[2] - v.box[0] < THIN]
    if len(_levels([v.box[1] for v in across])) < 3 or len(_levels([v.box[0] for v in down])) < 3:
        return group
    framed = hull(v.box for v in rules)
    whole = all(abs(a - b) < SNAP for a, b in zip(framed, box, strict=True))
    return rules if whole else group


def _within_columns(group: list[Vector], rules: list[Vector]) -> list[Vector]:
    """The filled rectangles that are not as wide as a column between rules: shading of lines in a cell is."""
    edges = [v.box[0] for v in rules if v.box[2] - v.box[0] < THIN] + [
        v.box[2] for v in rules if v.box[2] - v.box[0] < THIN
    ]

    def is_edge(x: float) -> bool:
        return any(abs(x - edge) < SNAP for edge in edges)

    return [v for v in group if min(sides(v.box)) >= THIN and not (is_edge(v.box[0]) and is_edge(v.box[2]))]


def _edge_like(vector: Vector) -> bool:
    width, height = vector.box[2] - vector.box[0], vector.box[3] - vector.box[1]
    if min(width, height) < THIN:
        return max(width, height) > 6
    return vector.rectangle and width > 8 and height > 6


def _connected(vectors: list[Vector]) -> list[list[Vector]]:
    """Vectors grouped where they touch, by union over a sweep from left to right."""
    parent = list(range(len(vectors)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    order = sorted(range(len(vectors)), key=lambda i: vectors[i].box[0])
    active: list[int] = []
    for i in order:
        x0, y0, _, y1 = vectors[i].box
        active = [j for j in active if vectors[j].box[2] >= x0 - SNAP]
        for j in active:
            other = vectors[j].box
            if other[1] - SNAP <= y1 and y0 - SNAP <= other[3]:
                parent[root(j)] = root(i)
        active.append(i)
    groups: dict[int, list[Vector]] = {}
    for i, vector in enumerate(vectors):
        groups.setdefault(root(i), []).append(vector)
    return list(groups.values())


def _edges(vectors: list[Vector]) -> _Edges:
    across, down = [], []
    for vector in vectors:
        x0, y0, x1, y1 = vector.box
        if y1 - y0 < THIN:
            across.append(((y0 + y1) / 2, x0, x1))
        elif x1 - x0 < THIN:
            down.append(((x0 + x1) / 2, y0, y1))
        else:
            across += [(y0, x0, x1), (y1, x0, x1)]
            down += [(x0, y0, y1), (x1, y0, y1)]
    return _Edges(across, down)


def _levels(values: list[float]) -> list[float]:
    """Sorted values, with values close to each other replaced by their mean."""
    levels: list[list[float]] = []
    for value in sorted(values):
        if levels and value - levels[-1][-1] < SNAP:
            levels[-1].append(value)
        else:
            levels.append([value])
    return [sum(level) / len(level) for level in levels]


def _grid(vectors: list[Vector], box: Rect, held: list[Line]) -> Grid | None:
    edges = _edges(vectors)
    xs = _levels([x for x, _, _ in edges.down] + [box[0], box[2]])
    ys = _levels([y for y, _, _ in edges.across] + [box[1], box[3]])
    if not (3 <= len(xs) <= 60 and 3 <= len(ys) <= 300):
        return None
    owner = _merge(edges, xs, ys)
    columns = len(xs) - 1
    words: dict[int, list[Line]] = {}
    for line in held:
        x, y = (line.box[0] + line.box[2]) / 2, (line.box[1] + line.box[3]) / 2
        column = max(0, min(columns - 1, sum(1 for edge in xs[1:] if edge < x)))
        row = max(0, min(len(ys) - 2, sum(1 for edge in ys[1:] if edge < y)))
        words.setdefault(owner[row * columns + column], []).append(line)
    if _stacked(list(words.values())):
        return None
    table, used = _table(owner, words, columns, len(ys) - 1)
    filled = {(cell.row, cell.column) for cell in table.cells if cell.text}
    if len({row for row, _ in filled}) < 2 or len({column for _, column in filled}) < 2:
        return None
    cell_count = len(set(owner))
    if cell_count < 4 or len(filled) < 0.4 * cell_count or _dominated(owner, words, xs, ys, columns):
        return None
    return Grid(box, table, held, [(xs[column], xs[column + 1]) for column in used])


def _stacked(cells: list[list[Line]]) -> bool:
    """Whether a drawn cell holds the numbers of several rows, each beside its label: then rows are not drawn.

    Filings fill the column of the latest year alone, and draw rules only around groups of rows.
    """
    rows = [rows_of(cell) for cell in cells]
    names = [line for cell in rows for row in cell for line in row if not NUMBER.match(line.text)]
    for cell in rows:
        numbers = [row for row in cell if all(NUMBER.match(line.text) for line in row)]
        labelled = [row for row in numbers if any(_beside(row[0], name) for name in names)]
        if len(labelled) >= FEWEST_STACKED and len(numbers) == len(cell):
            return True
    return False


def _beside(number: Line, name: Line) -> bool:
    """Whether a label stands on the line of a number, left of it."""
    height = number.box[3] - number.box[1]
    apart = abs((number.box[1] + number.box[3]) - (name.box[1] + name.box[3])) / 2
    return apart < 0.5 * height and name.box[2] <= number.box[0] + SNAP


def _dominated(owner: list[int], words: dict[int, list[Line]], xs: list[float], ys: list[float], columns: int) -> bool:
    """Whether one cell holds nearly the whole grid: then it is a page's frame, not a table."""
    sizes: dict[int, float] = {}
    for at, cell in enumerate(owner):
        row, column = divmod(at, columns)
        sizes[cell] = sizes.get(cell, 0.0) + area((xs[column], ys[row], xs[column + 1], ys[row + 1]))
    return max(sizes.values()) > 0.75 * sum(sizes.values())


def _merge(edges: _Edges, xs: list[float], ys: list[float]) -> list[int]:
    """For each elementary cell, row by row, the number of the cell it belongs to; edges separate cells."""
    rows, columns = len(ys) - 1, len(xs) - 1
    parent = list(range(rows * columns))

    def root(at: int) -> int:
        while parent[at] != at:
            at = parent[at]
        return at

    walls: dict[int, list[tuple[float, float]]] = {}
    for x, y0, y1 in edges.down:
        walls.setdefault(_nearest(xs, x), []).append((y0, y1))
    floors: dict[int, list[tuple[float, float]]] = {}
    for y, x0, x1 in edges.across:
        floors.setdefault(_nearest(ys, y), []).append((x0, x1))
    for row in range(rows):
        middle = (ys[row] + ys[row + 1]) / 2
        for column in range(columns - 1):
            if not any(a <= middle <= b for a, b in walls.get(column + 1, ())):
                parent[root(row * columns + column + 1)] = root(row * columns + column)
    for column in range(columns):
        middle = (xs[column] + xs[column + 1]) / 2
        for row in range(rows - 1):
            if not any(a <= middle <= b for a, b in floors.get(row + 1, ())):
                parent[root((row + 1) * columns + column)] = root(row * columns + column)
    return [root(at) for at in range(rows * columns)]


def _nearest(levels: list[float], value: float) -> int:
    return min(range(len(levels)), key=lambda at: abs(levels[at] - value))


def _table(owner: list[int], words: dict[int, list[Line]], columns: int, rows: int) -> tuple[Table, list[int]]:
    """Cells of the grid, and the columns that are left: rows and columns without any cell of their own are dropped."""
    spots: dict[int, list[tuple[int, int]]] = {}
    for at, cell in enumerate(owner):
        spots.setdefault(cell, []).append(divmod(at, columns))
    starts = {cell: (min(r for r, _ in held), min(c for _, c in held)) for cell, held in spots.items()}
    with_text = {cell for cell in starts if cell in words}
    used_rows = sorted({starts[cell][0] for cell in with_text})
    used_columns = sorted({starts[cell][1] for cell in with_text})
    cells = []
    for cell in with_text:
        row, column = starts[cell]
        last_row, last_column = max(r for r, _ in spots[cell]), max(c for _, c in spots[cell])
        cells.append(
            Cell(
                join_cell(words[cell]),
                used_rows.index(row),
                used_columns.index(column),
                sum(1 for r in used_rows if row <= r <= last_row),
                sum(1 for c in used_columns if column <= c <= last_column),
            )
        )
    cells.sort(key=lambda item: (item.row, item.column))
    strong = [True] * len(used_rows)
    for cell in with_text:
        strong[used_rows.index(starts[cell][0])] &= all(line.bold for line in words[cell])
    return with_heads(Table(len(used_rows), len(used_columns), tuple(cells)), strong), used_columns


def _centre_in(box: Rect, outer: Rect) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]
