"""Text that a file holds twice at one place: bold or shadows made by painting again, and unpainted copies."""

from __future__ import annotations

import numpy as np

from mmrank.ingest.drafts import Line, area

COVERED = 0.6
"""Share of a line's box that lies on another, from which they are at one place."""
MOST_LINES = 4000


def without_doubles(lines: list[Line]) -> list[Line]:
    """The lines of a page without those that repeat what stands at their place, and without unpainted text where
    there is painted text. Where bold was made by painting twice, the line that stays is bold."""
    if not 1 < len(lines) <= MOST_LINES:
        return lines
    boxes = np.array([line.box for line in lines])
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    sides = np.clip(np.minimum(high, boxes[None, :, 2:]) - np.maximum(low, boxes[None, :, :2]), 0, None)
    common = sides[..., 0] * sides[..., 1]
    np.fill_diagonal(common, 0)
    sizes = np.array([max(area(line.box), 0.01) for line in lines])
    dropped: set[int] = set()
    for inner, outer in np.argwhere(common > COVERED * sizes[:, None]).tolist():
        if inner in dropped or outer in dropped:
            continue
        first, second = lines[inner], lines[outer]
        if first.turn != second.turn or not _repeats(first.text, second.text):
            continue
        shorter = inner if len(first.text) < len(second.text) or (inner > outer) else outer
        if first.painted != second.painted:
            shorter = outer if first.painted and first.text == second.text else inner
        dropped.add(shorter)
        kept = lines[outer if shorter == inner else inner]
        kept.bold = kept.bold or (first.text == second.text and first.painted and second.painted)
    seen = np.array([line.painted for line in lines])
    if not seen.all():
        under = common[:, seen].sum(axis=1) > 0.5 * sizes
        dropped.update(int(at) for at in np.flatnonzero(under & ~seen))
    return [line for at, line in enumerate(lines) if at not in dropped]


def _repeats(text: str, other: str) -> bool:
    if text == other:
        return True
    text, other = "".join(text.split()), "".join(other.split())
    return text == other or (len(text) > 2 and text in other)
