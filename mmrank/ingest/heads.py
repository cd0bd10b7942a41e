"""Which rows of a table are its head, and which lines of a cell go on in the next row."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_HEADS = 4
"""A table has at most this many header rows."""
NUMBER = re.compile(
    r"^[\s$€£¥(+\-–—~<>≤≥±]*\d[\d\s.,:/%()×x±*†‡$€£¥+\-–—⁰¹²³⁴-⁹]*[A-Za-z%]{0,3}[\s,⁰¹²³⁴-⁾ⁱⁿʰ-ʸᴬ-ᶿ]*$|^[-–—$%✓✗✔✘]+$"
)
"""What fills the body of a table of numbers: figures with signs and raised marks, or a mark."""
PERIOD = re.compile(
    r"^\W*(?:fy|q[1-4]|h[12]|cy)?\W*(?:19|20)\d\d(?:\s*[-–/]\s*(?:\d\d){1,2})?[AEFae*]?\W*(?:\(\w+\)\W*)?$|^\W*(?:q[1-4]|h[12])\W*$",
    re.IGNORECASE,
)
"""A year or a quarter: a number that names a column."""


NAME = re.compile(r"[^\W\d_]{2}")


def head_count(rows: Sequence[Sequence[str]], bold: Sequence[bool] = ()) -> int:
    """How many of a table's first rows name its columns.

    Bold rows above rows that are not bold are a head. So are, in a table of numbers, the rows above its first
    numbers, and there may be none; years and quarters are no numbers. In a table of words without bold rows the head
    is the first row, with the rows below it that leave the first column empty.

    Args:
        rows: the texts of its cells, "" where there is none.
        bold: for each row, whether all of its text is bold; may be left out.

    >>> head_count([["", "Ships", ""], ["Port", "2021", "2022"], ["Bergen", "120", "130"], ["Oslo", "80", "95"]])
    2
    """
    most = min(MOST_HEADS, len(rows) - 1)
    if most < 1:
        return len(rows)
    strong = 0
    while strong < len(bold) and bold[strong]:
        strong += 1
    strong = strong if strong <= most else 0
    if holds_figures(rows[1:]):
        count = 0
        while count < most and _names_columns(rows, count):
            count += 1
        return max(strong, count)
    if strong:
        return strong
    count = 1
    while count < most and not rows[count][0] and any(rows[count]):
        count += 1
    return count if count < most or count == 1 else 1


def holds_figures(rows: Sequence[Sequence[str]]) -> bool:
    """Whether cells beside the first column hold numbers other than years."""
    return any(_is_figure(cell) for row in rows for cell in row[1:])


def _names_columns(rows: Sequence[Sequence[str]], at: int) -> bool:
    """Whether a row may be a header row: no figures, and more than a label, unless more names of columns follow.

    Below a row that names the first column, another that does so must have a name in each of its cells.
    """
    row = rows[at]
    if any(_is_figure(cell) for cell in row):
        return False
    if not any(row[1:]):
        return at == 0 and len(rows) > 2 and not rows[1][0] and _names_columns(rows, 1)
    named = any(above[0] for above in rows[:at]) and bool(row[0])
    return not named or all(PERIOD.match(cell) or NAME.search(cell) for cell in row[1:] if cell)


def _is_figure(cell: str) -> bool:
    return bool(NUMBER.match(cell)) and any(c.isdigit() for c in cell) and not PERIOD.match(cell)
