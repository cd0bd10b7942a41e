"""Titles, headings and their levels, and the tree of sections."""

from __future__ import annotations

import re
from collections import Counter

from mmrank.ingest.drafts import Draft, PageDraft
from mmrank.types import Element, ElementKind, Page, Section

NUMBERED = re.compile(
    r"^\s*(?:(?:section|chapter|part|item|appendix)\s+)?((?:\d{1,3}|[A-Z])(?:\.\d{1,3})*[a-z]?|[IVXLC]{1,6})(?:[.):\s]|\s-)\s*(?=\S)",
    re.IGNORECASE,
)
OPENERS = frozenset(
    "abstract introduction background conclusion conclusions references bibliography appendix contents "
    "acknowledgments acknowledgements discussion results methods methodology summary index glossary "
    "overview preface foreword limitations".split()
)


def mark_headings(pages: list[PageDraft]) -> None:
    """Turn text drafts that look like headings into headings with levels, and the largest into a title, in place."""
    body = body_size(pages)
    title = _title(pages, body)
    found = [draft for page in pages for draft in page.drafts if draft is not title and _is_heading(draft, body)]
    sizes = Counter(_step(draft) for draft in found)
    ranked = sorted(sizes, reverse=True)
    levels = {step: min(6, at + 1) for at, step in enumerate(ranked)}
    for draft in found:
        draft.kind = ElementKind.HEADING
        draft.level = levels[_step(draft)]
        number = NUMBERED.match(draft.text)
        if number and number[1][:1].isdigit() and "." in number[1]:
            draft.level = max(draft.level, min(6, number[1].count(".") + 1))
    if title is not None:
        title.kind, title.level = ElementKind.TITLE, None


def body_size(pages: list[PageDraft]) -> float:
    """The font size most of the text is set in, in points."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for draft in page.drafts:
            if draft.kind in {ElementKind.TEXT, ElementKind.LIST_ITEM} and draft.size:
                sizes[round(draft.size * 2) / 2] += len(draft.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def _step(draft: Draft) -> tuple[float, bool]:
    return round(draft.size), draft.bold


def _is_heading(draft: Draft, body: float) -> bool:
    if draft.kind is ElementKind.HEADING:
        return True
    if draft.stamp or draft.kind not in {ElementKind.TEXT, ElementKind.LIST_ITEM} or draft.line_count > 3:
        return False
    text = draft.text.strip()
    if not 2 < len(text) < 160 or not any(c.isalpha() for c in text) or text[-1] in ",;":
        return False
    if draft.kind is ElementKind.LIST_ITEM and not NUMBERED.match(text):
        return False
    if draft.size > 1.18 * body:
        return True
    if draft.size < 0.95 * body:
        return False
    if text.lower().rstrip(":.") in OPENERS:
        return True
    return (draft.bold and len(text) < 100 and not text.endswith(".")) or (
        bool(NUMBERED.match(text)) and draft.size > 1.05 * body
    )


def _title(pages: list[PageDraft], body: float) -> Draft | None:
    for page in pages[:3]:
        candidates = [
            draft
            for draft in page.drafts
            if draft.kind in {ElementKind.TEXT, ElementKind.LIST_ITEM, ElementKind.HEADING}
            and not draft.stamp
            and draft.size > 1.2 * body
            and len(draft.text) > 3
            and draft.line_count <= 5
            and any(c.isalpha() for c in draft.text)
        ]
        if candidates:
            return max(candidates, key=lambda draft: (round(draft.size), -draft.box[1]))
    return None


def sections(pages: list[Page]) -> tuple[Section, ...]:
    """The section tree: every heading with all that follows it up to the next one."""
    made: list[Section] = []
    held: list[list[str]] = []
    open_ones: list[int] = []
    for page in pages:
        for element in page.elements:
            if element.kind in {ElementKind.HEADER, ElementKind.FOOTER}:
                continue
            if element.kind is ElementKind.HEADING and element.level:
                while open_ones and made[open_ones[-1]].level >= element.level:
                    open_ones.pop()
                made.append(_section(element, open_ones[-1] if open_ones else None))
                held.append([])
                open_ones.append(len(made) - 1)
            if open_ones:
                held[open_ones[-1]].append(element.id)
    return tuple(
        Section(s.title, s.level, s.page, tuple(ids), s.number, s.parent) for s, ids in zip(made, held, strict=True)
    )


def _section(element: Element, parent: int | None) -> Section:
    number = NUMBERED.match(element.text)
    printed = number[1] if number and (number[1][0].isdigit() or number[1].isupper()) else None
    return Section(element.text.strip()[:200], element.level or 1, element.page, (), printed, parent)
