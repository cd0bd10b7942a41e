"""Paragraphs set with wide space between their lines, which geometry takes for lines by themselves."""

from __future__ import annotations

from bisect import bisect_right

from mmrank.ingest.drafts import Draft, hull
from mmrank.ingest.letters import join
from mmrank.types import ElementKind

WIDEST = 3.0
"""From one baseline to the next, as a multiple of the font size."""
LEAST = 25
"""Characters of a line of running text, the last one aside."""


def join_spaced(drafts: list[Draft]) -> list[Draft]:
    """Drafts in which single lines of running text at one distance below each other are one paragraph.

    All begin at the same place (the first may be indented) and but the last one are full, and half of them at least go
    on in the middle of a sentence.
    """
    lone = (d for d in drafts if d.kind is ElementKind.TEXT and d.line_count == 1 and not d.stamp)
    single = sorted(lone, key=lambda d: d.box[1])
    tops = [d.box[1] for d in single]
    joined: dict[int, Draft] = {}
    gone: set[int] = set()
    for first in single:
        if id(first) in gone:
            continue
        group = [first]
        while True:
            last = group[-1]
            below = single[bisect_right(tops, last.box[1]) : bisect_right(tops, last.box[3] + WIDEST * last.size)]
            following = next((d for d in below if id(d) not in gone and _goes_on(group, d)), None)
            if following is None:
                break
            group.append(following)
        if len(group) > 1 and 2 * sum(d.text[:1].islower() for d in group[1:]) >= len(group) - 1:
            joined[id(first)] = _paragraph(group)
            gone.update(id(d) for d in group[1:])
    return [joined.get(id(d), d) for d in drafts if id(d) not in gone]


def _goes_on(group: list[Draft], draft: Draft) -> bool:
    last = group[-1]
    if len(last.text) < LEAST:
        return False
    alike = abs(draft.size - last.size) < 0.05 * last.size and draft.bold == last.bold
    indent = last.box[0] - draft.box[0]
    aligned = abs(indent) < 2 or (len(group) == 1 and 0 < indent < 4 * last.size)
    pitch = draft.box[3] - last.box[3]
    even = len(group) == 1 or abs(pitch - (last.box[3] - group[-2].box[3])) < 0.1 * pitch
    right = max(d.box[2] for d in [*group, draft])
    full = last.box[2] > right - 0.15 * (right - draft.box[0])
    return alike and aligned and even and full and last.size < pitch < WIDEST * last.size


def _paragraph(group: list[Draft]) -> Draft:
    first = group[0]
    scores = [d.confidence for d in group if d.confidence is not None]
    return Draft(
        ElementKind.TEXT,
        hull(d.box for d in group),
        join(d.text for d in group),
        first.size,
        first.bold,
        len(group),
        None,
        sum(scores) / len(scores) if scores else None,
    )
