"""Titles, headings and their levels, and the tree of sections."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mmrank.ingest.bookmarks import Outline
from mmrank.ingest.contents import mark_contents
from mmrank.ingest.drafts import Bookmark, Draft, PageDraft
from mmrank.types import ElementKind, Page, Section

NUMBERED = re.compile(
    r"^\s*(?:(?:section|chapter|part|item|appendix)\s+)?((?:\d{1,3}|[A-Z])(?:\.\d{1,3})*[a-z]?|[IVXLC]{1,6})(?:[.):\s]|\s-)\s*(?=\S)",
    re.IGNORECASE,
)
OPENERS = frozenset(
    "abstract introduction background conclusion conclusions references bibliography appendix contents "
    "acknowledgments acknowledgements discussion results methods methodology summary index glossary "
    "overview preface foreword limitations".split()
)


def mark_headings(pages: list[PageDraft], outline: Outline | None) -> None:
    """Turn text drafts that look like headings into headings with levels, and the largest into a title, in place.

    Where there are bookmarks, what they name are headings of their levels, and other headings stand below them. Entries
    of contents pages are no headings.
    """
    listed = mark_contents(pages)
    body = body_size(pages)
    title = _title(pages, body, listed)
    named = outline.named if outline else {}
    if title is not None and id(title) in named:
        title = None
    found = [
        draft
        for page in pages
        for draft in page.drafts
        if draft is not title and id(draft) not in listed and (id(draft) in named or _is_heading(draft, body))
    ]
    sizes = Counter(_step(draft) for draft in found)
    ranked = sorted(sizes, reverse=True)
    levels = {step: min(6, at + 1) for at, step in enumerate(ranked)}
    for draft in found:
        draft.kind = ElementKind.HEADING
        draft.level = levels[_step(draft)]
        number = NUMBERED.match(draft.text)
        if number and number[1][:1].isdigit() and "." in number[1]:
            draft.level = max(draft.level, min(6, number[1].count(".") + 1))
    if outline:
        _below_bookmarks(found, named)
    if title is not None:
        title.kind, title.level = ElementKind.TITLE, None


def _below_bookmarks(found: list[Draft], named: Mapping[int, Bookmark]) -> None:
    """Give headings the levels of their bookmarks, and the others, in document order, levels below these."""
    highest = min((draft.level or 1 for draft in found if id(draft) not in named), default=1)
    current = 0
    for draft in found:
        mark = named.get(id(draft))
        if mark:
            draft.level = current = min(6, mark.level)
        else:
            draft.level = min(6, (draft.level or 1) - highest + 1 + current)


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


def _title(pages: list[PageDraft], body: float, listed: set[int]) -> Draft | None:
    for page in pages[:3]:
        candidates = [
            draft
            for draft in page.drafts
            if draft.kind in {ElementKind.TEXT, ElementKind.LIST_ITEM, ElementKind.HEADING}
            and not draft.stamp
            and id(draft) not in listed
            and draft.size > 1.2 * body
            and len(draft.text) > 3
            and draft.line_count <= 5
            and any(c.isalpha() for c in draft.text)
        ]
        if candidates:
            return max(candidates, key=lambda draft: (round(draft.size), -draft.box[1]))
    return None


def sections(pages: list[Page], unnamed: Sequence[tuple[PageDraft, Bookmark]] = ()) -> tuple[Section, ...]:
    """The section tree: every heading with all that follows it up to the next one.

    Args:
        pages: all pages of the document.
        unnamed: bookmarks whose title does not stand on their page; each opens a section where it leads to.
    """
    made: list[Section] = []
    held: list[list[str]] = []
    open_ones: list[int] = []
    waiting: dict[int, list[Bookmark]] = {}
    for draft, mark in unnamed:
        waiting.setdefault(draft.page, []).append(mark)

    def begin(section: Section) -> None:
        while open_ones and made[open_ones[-1]].level >= section.level:
            open_ones.pop()
        made.append(replace(section, parent=open_ones[-1] if open_ones else None))
        held.append([])
        open_ones.append(len(made) - 1)

    for page in pages:
        marks = waiting.get(page.page, [])
        for element in page.elements:
            if element.kind in {ElementKind.HEADER, ElementKind.FOOTER}:
                continue
            while marks and element.box.y1 > marks[0].top:
                begin(_section(marks[0].title, marks[0].level, page.page))
                marks = marks[1:]
            if element.kind is ElementKind.HEADING and element.level:
                begin(_section(element.text, element.level, element.page))
            if open_ones:
                held[open_ones[-1]].append(element.id)
        for mark in marks:
            begin(_section(mark.title, mark.level, page.page))
    return tuple(replace(section, element_ids=tuple(ids)) for section, ids in zip(made, held, strict=True))


def _section(title: str, level: int, page: int) -> Section:
    number = NUMBERED.match(title)
    printed = number[1] if number and (number[1][0].isdigit() or number[1].isupper()) else None
    return Section(title.strip()[:200], level, page, (), printed)
