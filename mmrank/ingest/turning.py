"""Text that is set sideways or upside down: read in a frame in which it is upright, with boxes on the page as shown."""

from __future__ import annotations

from dataclasses import replace

from mmrank.ingest.drafts import Draft, Line, Rect, hull, inside
from mmrank.ingest.fast import table_draft, without
from mmrank.ingest.grids import find_grids
from mmrank.ingest.lines import Content
from mmrank.ingest.tables import find_tables

LEAST_LINES = 6
"""Fewer lines of one turn beside upright text are labels, not a table."""


def main_turn(lines: list[Line]) -> int:
    """The turn of most of a page's text, 0 to 3."""
    letters = [0, 0, 0, 0]
    for line in lines:
        if line.turn >= 0:
            letters[line.turn] += len(line.text)
    most = max(range(4), key=lambda turn: letters[turn])
    return most if letters[most] > 0.5 * sum(letters) and letters[most] > 8 else 0


def turned_box(box: Rect, turn: int, width: float, height: float) -> Rect:
    """A box of the page as shown, in the frame in which text of this turn is upright.

    Args:
        box: on the page as shown.
        turn: quarter turns clockwise by which the text is set.
        width: of the page as shown, in points.
        height: of the page as shown, in points.

    >>> turned_box((10, 20, 30, 60), 1, 100, 200), turned_box((20, 70, 60, 90), 3, 200, 100)
    ((20, 70, 60, 90), (10, 20, 30, 60))
    """
    x0, y0, x1, y1 = box
    if turn == 1:
        return (y0, width - x1, y1, width - x0)
    if turn == 2:
        return (width - x1, height - y1, width - x0, height - y0)
    if turn == 3:
        return (height - y1, x0, height - y0, x1)
    return box


def turned(content: Content, turn: int) -> Content:
    """What is painted on a page in the frame in which text of this turn is upright, lines from top to bottom."""
    size = content.width, content.height
    lines = [
        replace(
            line, box=turned_box(line.box, turn, *size), turn=(line.turn - turn) % 4 if line.turn >= 0 else line.turn
        )
        for line in content.lines
    ]
    return Content(
        *(size if turn == 2 else size[::-1]),
        sorted(lines, key=lambda line: (round(line.box[1] / 3), line.box[0])),
        [replace(raster, box=turned_box(raster.box, turn, *size)) for raster in content.rasters],
        [replace(vector, box=turned_box(vector.box, turn, *size)) for vector in content.vectors],
    )


def turn_back(drafts: list[Draft], turn: int, frame: Content) -> None:
    """Put the boxes of drafts that were found in a turned frame back on the page as shown, in place."""
    for draft in drafts:
        draft.box = turned_box(draft.box, (4 - turn) % 4, frame.width, frame.height)


def sideways_tables(content: Content) -> list[Draft]:
    """Tables that are set sideways beside upright text; their lines are removed from the page's."""
    found: list[Draft] = []
    for turn in (1, 3):
        lines = [line for line in content.lines if line.turn == turn]
        if len(lines) < LEAST_LINES:
            continue
        region = hull(line.box for line in lines)
        around = (region[0] - 12, region[1] - 12, region[2] + 12, region[3] + 12)
        held = [vector for vector in content.vectors if inside(vector.box, around) > 0.9]
        frame = turned(Content(content.width, content.height, lines, [], held), turn)
        grids = find_grids(frame.lines, frame.vectors)
        rest = without(frame.lines, [line for grid in grids for line in grid.lines])
        grids += find_tables(rest, frame.vectors)
        drafts = [table_draft(grid) for grid in grids]
        turn_back(drafts, turn, frame)
        boxes = [draft.box for draft in drafts]
        content.lines = without(
            content.lines, [line for line in lines if any(inside(line.box, b) > 0.5 for b in boxes)]
        )
        content.vectors = [v for v in content.vectors if not any(inside(v.box, box) > 0.9 for box in boxes)]
        found += drafts
    return found
