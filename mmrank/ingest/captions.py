"""Which figure or table each caption belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from mmrank.ingest.drafts import Rect
from mmrank.ingest.paragraphs import CAPTION
from mmrank.types import Element, ElementKind

FARTHEST = 90.0
"""A caption further from every figure and table than this, in points, belongs to none."""


def match_captions(elements: list[Element]) -> dict[str, str]:
    """Caption id → id of the element of the same page that it captions.

    Each caption takes the nearest figure or table of its kind above, below or beside it; each figure has
    one caption.
    """
    targets = [e for e in elements if e.kind in {ElementKind.FIGURE, ElementKind.CHART, ElementKind.TABLE}]
    pairs: list[tuple[float, str, str]] = []
    for caption in (e for e in elements if e.kind is ElementKind.CAPTION):
        named = CAPTION.match(caption.text)
        table = bool(named) and named[1].lower().startswith("tab") if named else False
        for target in targets:
            away = _distance(caption.box.as_tuple(), target.box.as_tuple())
            if away < FARTHEST:
                penalty = 0.0 if table == (target.kind is ElementKind.TABLE) else 60.0
                pairs.append((away + penalty, caption.id, target.id))
    matched: dict[str, str] = {}
    for _, caption_id, target_id in sorted(pairs):
        if caption_id not in matched and target_id not in matched.values():
            matched[caption_id] = target_id
    return matched


def settled(claims: Sequence[Element]) -> list[Element]:
    """The elements that a name such as "Figure 4" points at, where several captions claim it.

    A line of running text may begin with "Figure 4. " and look like a caption. A claim with a figure or a table beside
    it is preferred to one without; where none has one, all claims stay.

    Args:
        claims: the elements that go by the name: captions and what they caption.
    """
    captions = [element for element in claims if element.kind is ElementKind.CAPTION]
    captioned = {caption.caption_of for caption in captions if caption.caption_of}
    others = {element.id for element in claims} - {caption.id for caption in captions}
    if not captioned or not captioned >= others:
        return list(claims)
    return [element for element in claims if element.caption_of or element.id in captioned]


def _distance(a: Rect, b: Rect) -> float:
    across = max(0.0, max(a[0], b[0]) - min(a[2], b[2]))
    down = max(0.0, max(a[1], b[1]) - min(a[3], b[3]))
    return down + 2 * across
