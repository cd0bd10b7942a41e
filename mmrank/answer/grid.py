"""A table as rows and columns with heads, so that a cell can be named by both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from mmrank.answer.values import Value, values
from mmrank.types import Element

MAX_HEADS = 4
"""Rows at the top of a table that may be heads."""
MAX_TITLES = 6
"""Rows at the top among which a row of years may stand below titles."""
_NUMBERED = re.compile(r"[-(−$€£%.\d]")
_SIGN = re.compile(r"[\s$€£¥%()\-–—−*.,]*")


_DATE = re.compile(
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?(?: \d{1,2})?,?|(?:19|20)\d\d|\b[1-4]Q\b|\bQ[1-4]\b",
    re.IGNORECASE,
)


def _counts(texts: list[str]) -> bool:
    """Whether at least half of some cells that hold more than a sign hold numbers, other than dates and years."""
    filled = [text for text in texts if _SIGN.sub("", text)]
    numbers = [text for text in filled if re.match(r"[-(−$€£%.\d]", text) and values(_DATE.sub("", text))]
    return bool(numbers) and 2 * len(numbers) >= len(filled)


def _is_stack(text: str) -> bool:
    """Whether a cell holds the numbers of several rows, which were read as one."""
    return len(values(text)) > 2 and not re.search(r"[A-Za-z]{3}", text)


@dataclass(frozen=True, slots=True)
class GridCell:
    """A cell with the heads of its row and column. `section` is the head of the rows around it, if any."""

    row: int
    column: int
    text: str
    row_head: str
    column_head: str
    section: str

    @property
    def value(self) -> Value | None:
        """Its number, where it holds one and little else."""
        found = values(self.text)
        if not found or len(found) > 2:  # several rows that were read as one
            return None
        rest = self.text[: found[0].start] + self.text[found[0].end :]
        return found[0] if len(re.sub(r"[^A-Za-z]", "", rest)) <= 3 else None


class Grid:
    """The cells of a table.

    Args:
        element: a table with cells.
        above: years that stand above it, in order, for a table without heads of its own.

    Raises:
        ValueError: for an element without cells.
    """

    def __init__(self, element: Element, above: tuple[str, ...] = ()) -> None:
        if element.table is None or not element.table.cells:
            raise ValueError(f"{element.id} is no table with cells")
        table = element.table
        self.element = element
        self.above = above
        self.rows = [[""] * table.column_count for _ in range(table.row_count)]
        flagged: set[int] = set()
        for cell in table.cells:
            text = " ".join(cell.text.split())
            for row in range(cell.row, min(cell.row + cell.row_span, table.row_count)):
                for column in range(cell.column, min(cell.column + cell.column_span, table.column_count)):
                    if (row, column) == (cell.row, cell.column) or cell.header:
                        self.rows[row][column] = text
            if cell.header and text:
                flagged.add(cell.row)
        self.heads = self._count_heads(flagged)

    def _count_heads(self, flagged: set[int]) -> int:
        """How many rows at the top are heads: those marked so, and those after them that hold no row's head."""
        last = max((row for row in flagged if row < MAX_HEADS), default=-1)
        heads = 0
        while heads < min(len(self.rows) - 1, MAX_HEADS):
            row = self.rows[heads]
            if (heads > last and (len(row) < 2 or row[0] or not any(row))) or _counts(row[1:]):
                break
            heads += 1
        # A row of years below titles and units ("in millions") is a head too.
        for at, row in enumerate(self.rows[:MAX_TITLES]):
            if at >= len(self.rows) - 1 or _counts(row[1:]):
                break
            if any(_DATE.search(text) for text in row[1:]) and len({text for text in row[1:] if text}) > 1:
                heads = max(heads, at + 1)
        if (
            not heads
            and len(self.rows) > 1
            and not _counts(self.rows[0])
            and any(_counts(row[1:]) for row in self.rows[1:])
        ):
            return 1
        return heads

    @cached_property
    def column_heads(self) -> list[str]:
        """The heads of each column, from top to bottom; of a column without one, that of its neighbour.

        A table whose heads stand above it, as one line of years, gets these (see `above`).
        """
        count = len(self.rows[0]) if self.rows else 0
        own = [
            " ".join(dict.fromkeys(row[column] for row in self.rows[: self.heads] if row[column]))
            for column in range(count)
        ]
        valued = self.valued
        above = self.above[-len(valued) :] if valued else ()
        if len(above) == len(valued) and not any(re.search(r"(?:19|20)\d\d", head) for head in own):
            for column, head in zip(valued, above, strict=True):
                own[column] = f"{own[column]} {head}".strip()
        dated = [column for column in range(1, count) if re.search(r"(?:19|20)\d\d", own[column])]
        if len(dated) == len(valued) and dated != valued:  # years that stand beside their columns
            for column, year in zip(valued, [own[column] for column in dated], strict=True):
                own[column] = " ".join(dict.fromkeys(f"{own[column]} {year}".split()))
        made = list(own)
        for column in range(1, count):
            if not own[column]:
                before, after = own[column - 1] if column > 1 else "", own[column + 1] if column + 1 < count else ""
                made[column] = before or after
        return made

    @cached_property
    def valued(self) -> list[int]:
        """The columns after the first in which most filled cells hold numbers."""
        body = self.rows[self.heads :]
        return [column for column in range(1, len(self.rows[0])) if _counts([row[column] for row in body])]

    @cached_property
    def cells(self) -> list[GridCell]:
        """The cells below the heads and right of the row heads that hold more than a sign."""
        made = []
        section = ""
        for number, row in enumerate(self.rows):
            if number < self.heads:
                continue
            filled = [column for column, text in enumerate(row) if _SIGN.sub("", text)]
            if filled == [0] and len(row) > 1:
                section = row[0]
                continue
            for column in filled:
                if column in self.labels:
                    continue
                head = self.row_head(number, column)
                if _is_stack(row[column]):
                    continue
                if column == 0 or (column == 1 and not row[0] and not values(row[1])):
                    continue
                made.append(GridCell(number, column, row[column], head, self.column_heads[column], section))
        return made

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """The columns of words that stand right of numbers and left of others: two tables, side by side."""
        body = self.rows[self.heads :]
        made = []
        for column in range(2, len(self.rows[0]) - 1):
            filled = [row[column] for row in body if _SIGN.sub("", row[column])]
            words = [text for text in filled if re.search(r"[^\W\d]{2}", text) and not _NUMBERED.match(text)]
            between = any(valued < column for valued in self.valued) and column + 1 in self.valued
            if between and len(filled) >= 2 and len(words) > 0.8 * len(filled):
                made.append(column)
        return tuple(made)

    def row_head(self, row: int, column: int = 0) -> str:
        """What a cell's row is about: its first cell, or the one after it where that is empty.

        Where tables stand side by side, it is the label nearest to the left of the column.
        """
        texts = self.rows[row]
        beside = max((label for label in self.labels if label < column), default=None)
        if beside is not None:
            return texts[beside]
        if not texts:
            return ""
        return texts[0] if texts[0] or len(texts) < 2 or values(texts[1]) else texts[1]

    def at(self, row: int, column: int) -> GridCell | None:
        """The cell there, if it holds more than a sign."""
        return next((cell for cell in self.cells if (cell.row, cell.column) == (row, column)), None)
