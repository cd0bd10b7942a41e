"""Bullets and numbers that stand by themselves go to what they mark."""

from __future__ import annotations

import re

from mmrank.ingest.drafts import Draft, PageDraft, hull
from mmrank.types import ElementKind

MARK = re.compile(r"\s*(?:([•●○◦▪■□‣⁃∙·–➢➤✓►▶*-])|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s*")
MARKED = frozenset({ElementKind.TEXT, ElementKind.LIST_ITEM, ElementKind.HEADING})


def join_marks(pages: list[PageDraft]) -> None:
    """Join a bullet or number with the text right of it, on its line or just below, in place.

    A number becomes part of the text; a bullet makes text in the size of the bullet a list item.
    """
    for page in pages:
        kept: list[Draft] = []
        drafts = iter(page.drafts)
        for draft in drafts:
            mark = MARK.fullmatch(draft.text) if draft.kind in MARKED else None
            following = next(drafts, None) if mark else None
            kept.append(draft)
            if mark is None or following is None:
                continue
            if not _marks(draft, following):
                kept.append(following)
                continue
            kept.pop()
            if not mark[1]:
                following.text = f"{draft.text.strip()} {following.text}"
            if following.kind is ElementKind.TEXT and abs(following.size - draft.size) < 0.5:
                following.kind = ElementKind.LIST_ITEM
            following.box = hull([draft.box, following.box])
            kept.append(following)
        page.drafts = kept


def _marks(mark: Draft, text: Draft) -> bool:
    beside = -2 < text.box[0] - mark.box[2] < 40
    level = mark.box[1] - 2 < text.box[3] and text.box[1] - mark.box[3] < 1.5 * mark.size
    return text.kind in MARKED and beside and level and bool(text.text.strip()) and not MARK.fullmatch(text.text)
