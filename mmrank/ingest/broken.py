"""Paragraphs and list items that a file breaks where they go on: at an underline, a change of font, or anywhere."""

from __future__ import annotations

import re
from dataclasses import replace

from mmrank.ingest.drafts import Draft, hull
from mmrank.ingest.letters import join
from mmrank.types import ElementKind

TEXTS = frozenset({ElementKind.TEXT, ElementKind.LIST_ITEM})
_ENDED = re.compile(r"[.!?:;。！？]\W*$")


def join_broken(drafts: list[Draft]) -> list[Draft]:
    """Drafts in which a text that goes on in small letters right below another is one with it.

    The upper one ends in the middle of a sentence.
    """
    texts = sorted((d for d in drafts if d.kind in TEXTS and not d.stamp), key=lambda d: d.box[1])
    gone: set[int] = set()
    joined: dict[int, Draft] = {}
    for at, draft in enumerate(texts):
        if id(draft) in gone:
            continue
        upper = draft
        for lower in texts[at + 1 :]:
            if lower.box[1] > upper.box[3] + upper.size:
                break
            if id(lower) not in gone and _goes_on(upper, lower):
                upper = _together(upper, lower)
                gone.add(id(lower))
        if upper is not draft:
            joined[id(draft)] = upper
    return [joined.get(id(d), d) for d in drafts if id(d) not in gone]


def _goes_on(upper: Draft, lower: Draft) -> bool:
    if lower.kind is not ElementKind.TEXT or not lower.text[:1].islower():
        return False
    if _ENDED.search(upper.text) or " " not in upper.text.strip():
        return False
    size = upper.size
    alike = size > 0 and abs(lower.size - size) < 0.05 * size and lower.bold == upper.bold
    apart = lower.box[1] - upper.box[3]
    indent = lower.box[0] - upper.box[0]
    aligned = abs(indent) < 2 or (upper.kind is ElementKind.LIST_ITEM and 0 < indent < 4 * size)
    full = lower.box[2] < upper.box[2] + 2 * size
    return alike and -0.5 * size < apart < 0.5 * size and aligned and full


def _together(upper: Draft, lower: Draft) -> Draft:
    scores = [d.confidence for d in (upper, lower) if d.confidence is not None]
    return replace(
        upper,
        box=hull([upper.box, lower.box]),
        text=join([upper.text, lower.text]),
        line_count=upper.line_count + lower.line_count,
        confidence=sum(scores) / len(scores) if scores else None,
    )
