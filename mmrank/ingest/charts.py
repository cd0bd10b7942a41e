"""What belongs to a chart beside its painted shapes (title, legend, names on its axes), and the order of its labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf
from statistics import median

from mmrank.ingest.drafts import Line, Rect, distance, hull, inside, shared
from mmrank.ingest.figures import Graphic, is_white, sides
from mmrank.ingest.heads import NUMBER, PERIOD
from mmrank.ingest.lines import Content, Vector
from mmrank.ingest.tables import NAMED, rows_of

SHORT = 28
"""Labels of axes and legends have at most this many characters."""
AXIS_GAP = 40.0
"""The labels of an axis, or the longest of them, stand at most this far from what is painted, in points."""
LEGEND_GAP = 60.0
TITLE_GAP = 30.0
TITLE_LENGTH = 120
SWATCH = 30.0
"""The sign of a series in a legend is at most this wide, and half as high, in points."""


def chart_lines(
    figure: Graphic, others: list[Graphic], content: Content, lines: list[Line], running: set[int]
) -> list[Line]:
    """Lines outside the shapes of a chart that belong to it: names along its axes, its legend, its title.

    Args:
        figure: the shapes.
        others: the figures of the page; a line that is nearer to another one belongs there.
        content: the page they are painted on.
        lines: those that are not known to belong to it yet.
        running: identities of lines of running text.
    """
    if figure.raster_area or not (figure.bars or figure.curved >= 3):
        return []
    rivals = [other.box for other in others if other is not figure]
    free = [
        line
        for line in lines
        if line.upright
        and id(line) not in running
        and not NAMED.match(line.text)
        and distance(line.box, figure.box) <= min((distance(line.box, box) for box in rivals), default=inf)
    ]
    short = [line for line in free if len(line.text.strip()) <= SHORT]
    found = _axis(figure.box, short, content.lines)
    box = hull([figure.box, *(line.box for line in found)])
    found += _legend(box, content, [line for line in short if line not in found])
    if not (figure.bars or found):
        return found
    box = hull([figure.box, *(line.box for line in found)])
    margins = {round(line.box[0] / 4) for line in content.lines if id(line) in running}
    return found + _title(box, [line for line in free if line not in found], margins)


def _axis(box: Rect, lines: list[Line], everything: list[Line]) -> list[Line]:
    """Columns of labels beside a box and rows of labels above or below it, at least three, apart from each other.

    Nothing else is written between the labels of a column.
    """
    found: list[Line] = []
    beside = [
        line
        for line in lines
        if distance(line.box, box) < 3 * AXIS_GAP
        and box[1] - 12 < _y(line.box) < box[3] + 12
        and not _within(line, box)
    ]
    for left in (True, False):
        side = [line for line in beside if (line.box[2] <= box[0] + 4 if left else line.box[0] >= box[2] - 4)]
        for column in _aligned(side):
            apart = [b.box[1] - a.box[1] for a, b in pairwise(column)]
            if len(column) < 3 or min(apart) < 1.5 * column[0].size or max(apart) > 3 * min(apart):
                continue
            whole = hull(line.box for line in column)
            if distance(whole, box) < AXIS_GAP and sum(shared(line.box, whole) > 0 for line in everything) == len(
                column
            ):
                found += [line for line in column if line not in found]
    known = hull([box, *(line.box for line in found)])
    near = [
        line
        for line in lines
        if distance(line.box, box) < AXIS_GAP / 2 and known[0] - 20 < _x(line.box) < known[2] + 20 and line not in found
    ]
    for row in rows_of([line for line in near if line.box[1] >= box[3] - 4 or line.box[3] <= box[1] + 4]):
        if len(row) >= 3:
            found += row
    for line in lines:
        if line not in found and any(_goes_on(above, line) for above in found if above.box[1] < line.box[1]):
            found.append(line)
    return found


def _aligned(lines: list[Line]) -> list[list[Line]]:
    """Lines grouped by a common left or right edge, the larger groups first, each from top to bottom."""
    groups: dict[tuple[int, int], list[Line]] = {}
    for edge in (0, 2):
        for line in lines:
            groups.setdefault((edge, round(line.box[edge] / 3)), []).append(line)
    ranked = sorted(groups.values(), key=len, reverse=True)
    return [sorted(group, key=lambda line: line.box[1]) for group in ranked]


def _legend(box: Rect, content: Content, lines: list[Line]) -> list[Line]:
    """Labels right of small signs near the chart that are as large as one in one of its colours."""
    near = [v for v in content.vectors if _is_sign(v) and distance(v.box, box) < LEGEND_GAP and not inside(v.box, box)]
    if not near:
        return []
    wanted = {v.colour for v in near}
    drawn = (v for v in content.vectors if v.colour in wanted and not is_white(v))
    colours = {v.colour for v in drawn if inside(v.box, box) > 0.9}
    sizes = {_size(v) for v in near if v.colour in colours}
    signs = [v for v in near if _size(v) in sizes]
    found = []
    for line in lines:
        if distance(line.box, box) < LEGEND_GAP and any(_labels(line.box, sign.box) for sign in signs):
            found.append(line)
    return found


def _is_sign(vector: Vector) -> bool:
    width, height = sides(vector.box)
    return 3 <= width <= SWATCH and height <= SWATCH / 2


def _size(vector: Vector) -> tuple[int, int]:
    width, height = sides(vector.box)
    return round(width), round(height)


def _labels(box: Rect, sign: Rect) -> bool:
    height = box[3] - box[1]
    return -2 < box[0] - sign[2] < 1.5 * height and abs(_y(box) - _y(sign)) < 0.5 * height


def _title(box: Rect, lines: list[Line], margins: set[int]) -> list[Line]:
    """One or two rows right above the chart that are centred on it, or lie well within its width.

    A single row may begin where the chart does, unless running text begins there too: then it is a heading.

    Args:
        box: the chart's.
        lines: that may be its title.
        margins: left edges of running text, in steps of 4 points.
    """
    found: list[Line] = []
    top = box[1]
    above = [line for line in lines if _y(line.box) < box[1] and line.box[0] < box[2] and line.box[2] > box[0]]
    for row in reversed(rows_of(above)):
        here = hull(line.box for line in row)
        if top - here[3] > (TITLE_GAP if not found else 0.6 * (here[3] - here[1])) or len(found) > 1:
            break
        middle = abs(_x(here) - _x(box)) < 0.1 * (box[2] - box[0])
        flush = abs(here[0] - box[0]) <= 10 and not found and _stands_alone(here, above, margins)
        within = (here[0] > box[0] + 10 or flush) and here[2] < box[2] + 0.1 * (box[2] - box[0])
        centred = middle and here[2] - here[0] < 1.2 * (box[2] - box[0])
        if len(row) > 1 or len(row[0].text) > TITLE_LENGTH or not (centred or within):
            break
        found += row
        top = here[1]
    return found


def _stands_alone(here: Rect, above: list[Line], margins: set[int]) -> bool:
    """Whether neither running text nor a row right above begins where a row does."""
    if margins & {round(here[0] / 4) + at for at in (-1, 0, 1)}:
        return False
    height = here[3] - here[1]
    return not any(0 < here[3] - line.box[3] < 2.2 * height and abs(line.box[0] - here[0]) < 10 for line in above)


@dataclass(frozen=True, eq=False)
class _Label:
    """Lines that are read as one: a name over two lines, a name over its share. Complete before it is looked at."""

    lines: list[Line]

    @cached_property
    def box(self) -> Rect:
        return hull(line.box for line in self.lines)

    @cached_property
    def text(self) -> str:
        return " ".join(line.text.strip() for line in self.lines)

    @cached_property
    def number(self) -> bool:
        return bool(NUMBER.match(self.text)) and not PERIOD.match(self.text)


def label_text(lines: list[Line], *, chart: bool) -> str:
    """The text in a picture, one label or one row of labels per line.

    Lines of one label are put together. In a chart, each name on an axis is followed by the values at its place, and
    the numbers along an axis stand together on one line, last.
    """
    labels = _merged(lines)
    said: list[str] = []
    if chart:
        labels, said = _by_category(labels)
    rows = rows_of([Line(label.text, label.box, label.lines[0].size) for label in labels])
    told = [" ".join(line.text for line in row) for row in rows]
    if not said:
        return "\n".join(told)
    first = min(
        (at for at, row in enumerate(rows) if all(line.box[1] > _foot(lines) for line in row)), default=len(rows)
    )
    return "\n".join([*told[:first], *said, *told[first:]])


def _foot(lines: list[Line]) -> float:
    return max(line.box[3] for line in lines) - 4 * max(line.size for line in lines)


def _merged(lines: list[Line]) -> list[_Label]:
    """Lines as labels: those that go on right below, with the same middle or edge, are one."""
    partners = {
        id(line) for row in rows_of(lines) if any(NUMBER.match(other.text.strip()) for other in row[1:]) for line in row
    }
    labels: list[_Label] = []
    for line in sorted(lines, key=lambda item: item.box[1]):
        for label in labels:
            last = label.lines[-1]
            rowed = id(last) in partners and id(line) in partners
            if not rowed and _goes_on(last, line):
                label.lines.append(line)
                break
        else:
            labels.append(_Label([line]))
    return labels


def _goes_on(above: Line, line: Line) -> bool:
    """Whether a line continues the label above it: close below, as large, with the same middle or edge."""
    height = min(above.box[3] - above.box[1], line.box[3] - line.box[1])
    close = -0.4 * height < line.box[1] - above.box[3] < 0.5 * height
    alike = max(above.size, line.size) < 1.15 * min(above.size, line.size) and above.bold == line.bold
    edges = (abs(_x(above.box) - _x(line.box)), abs(above.box[0] - line.box[0]), abs(above.box[2] - line.box[2]))
    numbers = NUMBER.match(above.text.strip()) and NUMBER.match(line.text.strip())
    return close and alike and min(edges) < 3 and not numbers


def _by_category(labels: list[_Label]) -> tuple[list[_Label], list[str]]:
    """The labels that are left, and lines of names with the values at their places, then of the numbers on axes."""
    names, across = _names(labels)
    if not names:
        return labels, []
    pitch = min(abs(b - a) for a, b in pairwise(sorted(_at(label, across) for label in names)))
    scales = [scale for scale in _scales(labels, across=not across) if not any(label in names for label in scale)]
    on_scales = [label for scale in scales for label in scale]
    held: dict[int, list[_Label]] = {id(name): [] for name in names}
    rest = []
    for label in labels:
        if label in names or label in on_scales:
            continue
        nearest = min(names, key=lambda name: abs(_at(name, across) - _at(label, across)))
        if label.number and abs(_at(nearest, across) - _at(label, across)) <= 0.5 * pitch:
            held[id(nearest)].append(label)
        else:
            rest.append(label)
    said = []
    for name in sorted(names, key=lambda name: _at(name, across)):
        values = sorted(held[id(name)], key=lambda label: _at(label, not across))
        said.append(" ".join([name.text, *(value.text for value in values)]))
    if not any(held.values()):
        said = [" ".join(said)] if across else said
    return rest, [*said, *(" ".join(label.text for label in scale) for scale in scales)]


def _names(labels: list[_Label]) -> tuple[list[_Label], bool]:
    """The largest row or column of at least three names or years, and whether it is a row."""
    best: list[_Label] = []
    across = True
    named = [label for label in labels if not label.number and len(label.text) <= 2 * SHORT]
    for group in _groups(named, 1):
        if len(group) > len(best):
            best = group
    for edge in (0, 2):
        for group in _groups(named, edge):
            values = sum(1 for label in labels if label.number and any(_level(label, name) for name in group))
            if len(group) > len(best) and values >= len(group) - 1:
                best, across = group, False
    return (best, across) if len(best) >= 3 else ([], True)


def _level(a: _Label, b: _Label) -> bool:
    return abs(_y(a.box) - _y(b.box)) < 0.5 * min(a.box[3] - a.box[1], b.box[3] - b.box[1])


def _groups(labels: list[_Label], edge: int) -> list[list[_Label]]:
    """Labels with a common edge (0 left, 1 top, 2 right), within 3 points."""
    groups: list[list[_Label]] = []
    for label in sorted(labels, key=lambda item: item.box[edge]):
        if groups and label.box[edge] - groups[-1][-1].box[edge] < 3:
            groups[-1].append(label)
        else:
            groups.append([label])
    return groups


def _scales(labels: list[_Label], *, across: bool) -> list[list[_Label]]:
    """Rows (or columns) of at least three numbers at even distances: the marks of an axis."""
    found: list[list[_Label]] = []
    numbers = [label for label in labels if label.number]
    for edge in (1,) if across else (2, 0):
        for group in _groups(numbers, edge):
            group = sorted(
                (label for label in group if not any(label in scale for scale in found)),
                key=lambda label: _at(label, across),
            )
            steps = [_at(b, across) - _at(a, across) for a, b in pairwise(group)]
            if len(group) >= 3 and max(steps) - min(steps) < 0.1 * median(steps) + 2:
                found.append(group)
    return found


def _at(label: _Label, across: bool) -> float:
    return _x(label.box) if across else _y(label.box)


def _x(box: Rect) -> float:
    return (box[0] + box[2]) / 2


def _y(box: Rect) -> float:
    return (box[1] + box[3]) / 2


def _within(line: Line, box: Rect) -> bool:
    return inside(line.box, box) > 0.6
