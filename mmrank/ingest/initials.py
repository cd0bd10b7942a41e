"""Large initials that open a paragraph, put back to the word they begin."""

from __future__ import annotations

import re

from mmrank.ingest.drafts import Line

LARGER = 1.6
"""An initial is larger than the text it opens by at least this factor."""
_INITIAL = re.compile(r"[\"“”„«‘'¿¡(]{0,2}\s?[^\W\d_]\Z")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def with_initials(lines: list[Line]) -> list[Line]:
    """The lines of a page, initials joined to the first of the lines that stand beside them, which are changed."""
    initials = [line for line in lines if line.upright and len(line.text) < 5 and _INITIAL.match(line.text)]
    gone: set[int] = set()
    for initial in initials:
        beside = _beside(initial, lines)
        if not beside or not _goes_on(initial, beside[0]):
            continue
        first = beside[0]
        first.text = initial.text + (" " if _is_word(initial, first, lines) else "") + first.text
        for line in beside:
            line.box = (min(initial.box[0], line.box[0]), *line.box[1:])
        _one_block(beside, lines)
        gone.add(id(initial))
    return [line for line in lines if id(line) not in gone]


def _beside(initial: Line, lines: list[Line]) -> list[Line]:
    """Lines of smaller type that begin right of an initial, within its height, top to bottom."""
    x0, y0, x1, y1 = initial.box
    found = []
    for line in lines:
        if line is initial or not line.upright or line.size * LARGER > initial.size:
            continue
        gap = line.box[0] - x1
        middle = (line.box[1] + line.box[3]) / 2
        near = -0.25 * (x1 - x0) < gap < max(1.1 * line.size, 0.25 * (x1 - x0))
        if near and y0 < middle < y1 and len(line.text) > 1:
            found.append(line)
    found.sort(key=lambda line: line.box[1])
    return found


def _goes_on(initial: Line, first: Line) -> bool:
    """Whether a line reads on from an initial: in small letters, in capitals, or after a letter that is a word."""
    letter = next(c for c in initial.text if c.isalpha())
    start = _WORD.match(first.text)
    if not letter.isupper() or not start:
        return False
    low = (first.box[1] + first.box[3]) / 2 - initial.box[1] > 0.6 * (initial.box[3] - initial.box[1])
    if low:
        return start[0][0].islower() and letter not in "AIOEYÀÉ"
    return start[0][0].islower() or (len(start[0]) > 1 and start[0].isupper())


def _is_word(initial: Line, first: Line, lines: list[Line]) -> bool:
    """Whether an initial is a word of its own ("A harbour"), by the words that the page holds elsewhere."""
    letter, start = initial.text[-1], _WORD.match(first.text)
    if letter not in "AIOEYÀÉ" or start is None:
        return False
    rest = start[0].lower()
    words = {word.lower() for line in lines if line is not first for word in _WORD.findall(line.text)}
    return letter.lower() + rest not in words and rest in words


def _one_block(beside: list[Line], lines: list[Line]) -> None:
    """Give the lines beside an initial, and those below that go on at its left edge, one block."""
    first = beside[0]
    above = beside[-1]
    for line in beside:
        line.block = first.block
    below = [line for line in lines if line.upright and line.box[1] > above.box[1] and line not in beside]
    for line in sorted(below, key=lambda item: item.box[1]):
        pitch = line.box[3] - line.box[1]
        alike = abs(line.size - first.size) < 0.1 * first.size and abs(line.box[0] - first.box[0]) < first.size
        if alike and -0.3 * pitch < line.box[1] - above.box[3] < 0.4 * pitch:
            line.block = first.block
            above = line
