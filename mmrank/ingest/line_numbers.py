"""Numbers that count the lines of a page, in its margin or between its columns, taken out of the text.

They are told from other numbers by their spacing: from one to the next, the distance on the page per number is the
same, and where each is beside a line, these are running text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from mmrank.ingest.drafts import Line

ALIGNED = 3.0
"""Numbers whose left or right edges differ by at most this, in points, stand in one column."""
EVEN = 0.12
"""Share by which the distance per number may differ."""
LEAST = 5
"""Fewer numbers that count every line may be anything; of those that count every fifth line two are enough."""
SHORTEST = 25
"""Characters of a line of running text."""
_NUMBER = re.compile(r"\d{1,4}\Z")
_LEADING = re.compile(r"(\d{1,4})\s+(?=\S)")


@dataclass(slots=True)
class _Count:
    """A number that may count a line: the whole of a line, or what one begins with."""

    line: Line
    value: int
    cut: int
    """Characters to take off the line; 0 where it holds nothing else."""

    @property
    def middle(self) -> float:
        return (self.line.box[1] + self.line.box[3]) / 2


def without_line_numbers(lines: list[Line]) -> list[Line]:
    """The lines of a page without the numbers that count them; lines that began with one are changed."""
    counts = []
    for line in lines:
        if line.upright and line.text[:1].isdigit():
            if _NUMBER.match(line.text):
                counts.append(_Count(line, int(line.text), 0))
            elif begin := _LEADING.match(line.text):
                counts.append(_Count(line, int(begin[1]), begin.end()))
    if len(counts) < 2:
        return lines
    runs = [run for column in _columns(counts) for run in _runs(column) if _counts_lines(run, lines)]
    found = {id(count.line): count for run in runs for count in run}
    for count in found.values():
        if count.cut:
            _shorten(count)
    for run in runs:
        _one_block(run, lines)
    return [line for line in lines if id(line) not in found or found[id(line)].cut]


def _columns(counts: list[_Count]) -> list[list[_Count]]:
    """Numbers that stand one below the other, aligned at either edge, top to bottom."""
    columns: list[list[_Count]] = []
    for side in (0, 1):
        group: list[_Count] = []
        for count in [*sorted(counts, key=lambda item: _edges(item)[side]), None]:
            if count and (not group or _edges(count)[side] - _edges(group[-1])[side] <= ALIGNED):
                group.append(count)
                continue
            if len(group) > 1:
                columns.append(sorted(group, key=lambda item: item.middle))
            group = [count] if count else []
    return columns


def _edges(count: _Count) -> tuple[float, float]:
    """Left and right edge of the number itself."""
    x0, _, x1, _ = count.line.box
    digits = len(str(count.value))
    return x0, x1 if not count.cut else x0 + 0.55 * digits * count.line.size


def _runs(column: list[_Count]) -> list[list[_Count]]:
    """Stretches of a column in which the numbers grow evenly with the distance."""
    runs: list[list[_Count]] = []
    run: list[_Count] = []
    for count in column:
        if run and not _even([*run, count]):
            runs.append(run)
            run = []
        run.append(count)
    return [run for run in [*runs, run] if len(run) > 1]


def _even(run: list[_Count]) -> bool:
    steps = [(b.value - a.value, b.middle - a.middle) for a, b in pairwise(run)]
    if any(grown < 1 or down <= 1 for grown, down in steps):
        return False
    each = [down / grown for grown, down in steps]
    return max(each) <= (1 + EVEN) * min(each)


def _counts_lines(run: list[_Count], lines: list[Line]) -> bool:
    steps = [b.value - a.value for a, b in pairwise(run)]
    pitch = median((b.middle - a.middle) / (b.value - a.value) for a, b in pairwise(run))
    beside = [_text_beside(count, lines) for count in run]
    texts = [text for text in beside if text]
    prose = [text for text in texts if len(text) >= SHORTEST and sum(c.isalpha() for c in text) > 0.6 * len(text)]
    if not prose or len(prose) < 0.6 * len(texts):
        return False
    if len(run) < 3 and any(count.value % 5 for count in run):
        return False
    if min(steps) > 1:
        rows = sorted({round(_middle(line), 1) for line in lines if len(line.text) >= SHORTEST})
        gaps = [b - a for a, b in pairwise(rows) if b - a > 2]
        return bool(gaps) and abs(median(gaps) - pitch) < EVEN * pitch
    return len(run) >= LEAST and sum(text[0].islower() for text in prose) >= 0.25 * len(prose)


def _text_beside(count: _Count, lines: list[Line]) -> str:
    if count.cut:
        return count.line.text[count.cut :]
    line = _beside(count, lines)
    return line.text if line else ""


def _beside(count: _Count, lines: list[Line]) -> Line | None:
    """The nearest line at the height of a number."""
    if count.cut:
        return count.line
    x0, y0, x1, y1 = count.line.box
    near = [line for line in lines if line is not count.line and line.upright and y0 < _middle(line) < y1]
    return min(near, key=lambda line: max(line.box[0] - x1, x0 - line.box[2]), default=None)


def _one_block(run: list[_Count], lines: list[Line]) -> None:
    """Give lines that are counted one by one, however far apart they are set, one block where they begin together."""
    above: Line | None = None
    for count, before in zip(run, [None, *run], strict=False):
        line = _beside(count, lines)
        follows = before is not None and count.value == before.value + 1
        if above and line and follows and abs(line.box[0] - above.box[0]) < line.size:
            line.block = above.block
        above = line


def _middle(line: Line) -> float:
    return (line.box[1] + line.box[3]) / 2


def _shorten(count: _Count) -> None:
    line = count.line
    x0, y0, x1, y1 = line.box
    moved = x0 + (x1 - x0) * count.cut / len(line.text)
    line.text, line.box = line.text[count.cut :], (moved, y0, x1, y1)
