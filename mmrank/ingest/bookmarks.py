"""The bookmarks of a file, and the headings on its pages that they name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

from mmrank.ingest.drafts import Bookmark, Draft, PageDraft
from mmrank.types import ElementKind

MOST = 5000
"""Bookmarks beyond this many are left out."""
LONGEST = 200
NAMED = frozenset({ElementKind.TEXT, ElementKind.LIST_ITEM, ElementKind.HEADING, ElementKind.TITLE})
SENSIBLE = 0.5
"""Share of the bookmarks whose title must stand on the page they lead to."""
_PLAIN = re.compile(r"[\W_]*(?:page|slide|seite|folie|bookmark)?[\W_]*\d*[\W_]*", re.IGNORECASE)
_LETTERED = re.compile(r"(?:[A-Z]|[IVXL]{2,6})(?:\.\d+)*[.):]?\s+(?=\w)")
"""The number of an appendix or a section, where it is a letter: bookmarks leave it out."""


def bookmarks(file: Any) -> dict[int, list[Bookmark]]:
    """0-based page → the bookmarks that lead to it, in their order.

    Args:
        file: a PyMuPDF document.
    """
    found: dict[int, list[Bookmark]] = {}
    for level, entry in islice(_entries(file.outline), MOST):
        text = " ".join("".join(c if c.isprintable() else " " for c in entry.title or "").split())[:LONGEST]
        page, top = entry.page, entry.y
        if text and page < 0 and entry.uri and not entry.is_external:
            page, _, top = file.resolve_link(entry.uri)
        if text and 0 <= page < file.page_count:
            found.setdefault(page, []).append(Bookmark(text, level, top if isfinite(top) else 0.0))
    return found


def _entries(first: Any) -> Iterator[tuple[int, Any]]:
    """Level, from 1, and entry of a PyMuPDF outline, in their order.

    `get_toc` says the same, but looks up all names of the file for each entry that leads to one.
    """
    waiting = [(1, first)] if first and first.this.m_internal else []
    while waiting:
        level, entry = waiting.pop()
        yield level, entry
        waiting += [(at, other) for at, other in ((level, entry.next), (level + 1, entry.down)) if other]


@dataclass(slots=True)
class Outline:
    """Bookmarks tied to what they name."""

    named: dict[int, Bookmark]
    """Identity of a draft → the bookmark whose title it is."""
    unnamed: list[tuple[PageDraft, Bookmark]]
    """Bookmarks whose title does not stand on their page."""


def outline(pages: list[PageDraft]) -> Outline | None:
    """The bookmarks of a document; None where there are fewer than three, or they do not fit its pages.

    They fit where the titles of at least half of them stand on the pages they lead to. Such as "Page 3" name nothing.
    """
    named: dict[int, Bookmark] = {}
    unnamed = []
    for page in pages:
        for mark in page.bookmarks:
            draft = None if _PLAIN.fullmatch(mark.title) else _find(page, mark, named)
            if draft is None:
                unnamed.append((page, mark))
            else:
                named[id(draft)] = mark
    count = len(named) + len(unnamed)
    if count < 3 or len(named) < SENSIBLE * count:
        return None
    return Outline(named, [(page, mark) for page, mark in unnamed if not _PLAIN.fullmatch(mark.title)])


def _find(page: PageDraft, mark: Bookmark, taken: dict[int, Bookmark]) -> Draft | None:
    """The draft on a page that says what a bookmark says, the one nearest to where it points."""
    wanted = _letters(mark.title)
    fitting = [
        draft
        for draft in page.drafts
        if draft.kind in NAMED
        and id(draft) not in taken
        and len(draft.text) < 3 * LONGEST
        and _same(draft.text, wanted)
    ]
    return min(fitting, key=lambda draft: abs(draft.box[1] - mark.top), default=None)


def _same(text: str, wanted: str) -> bool:
    """Whether a text is a title, with or without its number, or the first half of it at least."""
    told = _letters(text)
    if len(told) >= 12 and 2 * len(told) >= len(wanted) and wanted.startswith(told):
        return True
    number = _LETTERED.match(text)
    if number and _letters(text[number.end() :]) == wanted:
        return True
    return told == wanted or (bool(wanted) and told.lstrip("0123456789") == wanted.lstrip("0123456789"))


def _letters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())
