"""Lines of table cells that go on below: rows of lines become rows of a table."""

from __future__ import annotations

from mmrank.ingest.drafts import Line
from mmrank.ingest.heads import NUMBER

Columns = list[tuple[float, float]]


def joined_rows(rows: list[list[Line]], columns: Columns) -> list[list[Line]]:
    """Rows of a table without rules between them, each with the lines in which its cells go on.

    A row goes on where the next line of text leaves the first column empty, holds words only, each of them below
    words of the row, and either stands closer below than rows that begin do, or every one of its words would not
    have fitted on the line above. A label of several lines may also stand above the figures of its row: it goes on in
    a small letter, with a word that would not have fitted above.

    Args:
        rows: lines grouped by baseline, top to bottom, each left to right.
        columns: (x0, x1) of each column.
    """
    if len(columns) < 2 or len(rows) < 2:
        return rows
    begun = [at for at, row in enumerate(rows) if _column(row[0], columns) == 0]
    tight = min((_gap(rows, at) for at in begun if at), default=0.0)
    pitch = sorted(_gap(rows, at) for at in range(1, len(rows)))[len(rows) // 2 - 1]
    joined: list[list[Line]] = [rows[0]]
    last: dict[int, Line] = {_column(line, columns): line for line in rows[0]}
    for at in range(1, len(rows)):
        here = {_column(line, columns): line for line in rows[at]}
        below = 0 not in here and 0 in last and all(column in last for column in here)
        words = not any(NUMBER.match(line.text.strip()) for line in rows[at])
        if below and words and len(begun) > 1:
            near = _gap(rows, at) < 0.85 * tight
            full = all(not _fits(line, last[column], columns[column]) for column, line in here.items())
            if near or (full and _gap(rows, at) <= 1.05 * tight):
                joined[-1] = [*joined[-1], *rows[at]]
                last |= here
                continue
        if _ends_label(here, last, columns[0]) and _gap(rows, at) <= 1.05 * pitch:
            joined[-1] = [*joined[-1], *rows[at]]
            last |= here
            continue
        joined.append(rows[at])
        last = here
    return joined


def _ends_label(here: dict[int, Line], above: dict[int, Line], column: tuple[float, float]) -> bool:
    """Whether a row goes on with a label that stands alone on the line above."""
    if 0 not in here or set(above) != {0}:
        return False
    return here[0].text.lstrip()[:1].islower() and not _fits(here[0], above[0], column)


def _gap(rows: list[list[Line]], at: int) -> float:
    """From one baseline to the next, in points."""
    return rows[at][0].box[3] - rows[at - 1][0].box[3]


def _column(line: Line, columns: Columns) -> int:
    return max(range(len(columns)), key=lambda at: min(columns[at][1], line.box[2]) - max(columns[at][0], line.box[0]))


def _fits(line: Line, above: Line, column: tuple[float, float]) -> bool:
    """Whether the first word of a line would have fitted behind the line above it, in the width of the column."""
    text = line.text.strip()
    first = text.split()[0] if text else ""
    width = (line.box[2] - line.box[0]) * (len(first) + 1) / max(1, len(text))
    return above.box[2] + width < column[1]
