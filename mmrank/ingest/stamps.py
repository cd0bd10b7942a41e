"""Stamps and watermarks: text set slanted or over other text, and text that runs along the margin."""

from __future__ import annotations

from statistics import median

from mmrank.ingest.drafts import SLANTED, Draft, Line, inside, shared
from mmrank.ingest.lines import Content
from mmrank.ingest.paragraphs import paragraph

LARGER = 1.3
"""A slanted text is a stamp where it is larger than most of the page's text by this factor; a chart's label is not."""
PALE = 0xA0
"""A colour whose red, green and blue are all above this, 0 to 255, is pale."""
MARGIN = 0.1
"""Share of the page's width in which text runs along its margin."""


def take_stamps(content: Content) -> list[Draft]:
    """Remove stamps from the lines of a page; returns them as drafts."""
    if not content.lines:
        return []
    usual = median(line.size for line in content.lines)
    found = [line for line in content.lines if line.confidence is None and _is_stamp(line, content, usual)]
    gone = {id(line) for line in found}
    if len(found) > 0.5 * len(content.lines) and any(line.upright for line in found):
        return []
    content.lines = [line for line in content.lines if id(line) not in gone]
    groups: dict[tuple[int, int], list[Line]] = {}
    for line in found:
        groups.setdefault((line.block, line.turn), []).append(line)
    drafts = [paragraph(group) for group in groups.values()]
    for draft in drafts:
        draft.stamp = True
    return drafts


def _is_stamp(line: Line, content: Content, usual: float) -> bool:
    if line.turn == SLANTED:
        return line.size > LARGER * usual and len(line.text) > 2
    if line.turn in {1, 3}:
        x0, _, x1, _ = line.box
        return (x1 < MARGIN * content.width or x0 > (1 - MARGIN) * content.width) and len(line.text) > 5
    if line.size < 1.8 * usual:
        return False
    under = [other for other in content.lines if other is not line and shared(other.box, line.box) > 0]
    crossed = [other for other in under if other.size < 0.7 * line.size and other.upright]
    deep = [other for other in crossed if inside(other.box, line.box) > 0.2 and _crosses(line, other)]
    return len(deep) >= (1 if _pale(line.colour) else 2)


def _crosses(line: Line, other: Line) -> bool:
    """Whether a smaller line runs through the middle of a larger one."""
    height = line.box[3] - line.box[1]
    middle = (other.box[1] + other.box[3]) / 2
    return line.box[1] + 0.2 * height < middle < line.box[3] - 0.2 * height


def _pale(colour: int) -> bool:
    return min(colour >> 16 & 255, colour >> 8 & 255, colour & 255) > PALE
