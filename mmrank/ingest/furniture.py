"""Running headers, footers and page labels, recognised by repetition from page to page."""

from __future__ import annotations

import re
from collections import defaultdict

from mmrank.ingest.drafts import Draft, PageDraft
from mmrank.ingest.headings import body_size
from mmrank.ingest.labels import mended_labels
from mmrank.types import ElementKind

EDGE = 0.12
"""Share of the page's height, at its top and its bottom, in which furniture stands."""
LABEL = re.compile(r"^\W*(?:page\s+|p\.\s*)?(\d{1,5}|[ivxlc]{1,7})\W*(?:(?:of|/|\|)\W*\d+)?\W*$", re.IGNORECASE)
PLAIN = frozenset({ElementKind.TEXT, ElementKind.LIST_ITEM, ElementKind.CAPTION, ElementKind.TABLE})


def mark_furniture(pages: list[PageDraft]) -> None:
    """Turn repeated edge text into headers and footers and set each page's label, in place.

    Numbers in it may change from page to page, except in large type and in captions: "Chapter 3" at the top is a
    heading, and "Table 2" and "Table 3" at the top of two pages are two tables.
    """
    large = 1.15 * body_size(pages)
    seen: dict[tuple[str, str], set[int]] = defaultdict(set)
    edges: list[tuple[PageDraft, Draft, str, str]] = []
    for page in pages:
        for draft in page.drafts:
            side = _side(draft, page)
            if side and draft.kind in PLAIN and draft.line_count <= 3 and len(draft.text) < 200:
                key = draft.text.strip().lower()
                if draft.size <= large and draft.kind is not ElementKind.CAPTION:
                    key = re.sub(r"\d+|\b[ivxlc]+\b", "#", key)
                edges.append((page, draft, side, key))
                seen[side, key].add(page.page)
    least = max(2, min(4, len(pages) // 4)) if len(pages) > 2 else 99
    labels: dict[int, list[str]] = defaultdict(list)
    for page, draft, side, key in edges:
        repeated = len(seen[side, key]) >= least
        whole = LABEL.match(draft.text.strip())
        if repeated or (whole and len(pages) > 1 and _outermost(draft, page, side)):
            draft.kind = ElementKind.HEADER if side == "top" else ElementKind.FOOTER
            draft.table = None
            found = _label(draft.text)
            if found:
                labels[page.page].insert(0 if whole else len(labels[page.page]), found)
    for page, label in zip(pages, mended_labels([_chosen(labels[page.page]) for page in pages]), strict=True):
        page.label = label


def _chosen(labels: list[str]) -> str | None:
    """The label of a page; "12–13" for the two of a spread."""
    numbers = sorted({int(label) for label in labels if label.isdigit()})
    if len(numbers) == 2 and numbers[1] == numbers[0] + 1:
        return f"{numbers[0]}–{numbers[1]}"
    return labels[0] if labels else None


def _side(draft: Draft, page: PageDraft) -> str | None:
    if draft.box[3] < EDGE * page.height:
        return "top"
    if draft.box[1] > (1 - EDGE) * page.height:
        return "bottom"
    return None


def _outermost(draft: Draft, page: PageDraft, side: str) -> bool:
    others = [d for d in page.drafts if d is not draft and d.text]
    if side == "top":
        return all(d.box[1] >= draft.box[1] - 2 for d in others)
    return all(d.box[3] <= draft.box[3] + 2 for d in others)


def _label(text: str) -> str | None:
    whole = LABEL.match(text.strip())
    if whole:
        return whole[1]
    for piece in (text.split()[:1], text.split()[-1:]):
        if piece and re.fullmatch(r"\d{1,5}", piece[0]):
            return piece[0]
    named = re.search(r"\bpage\s+(\d{1,5})\b", text, re.IGNORECASE)
    return named[1] if named else None
