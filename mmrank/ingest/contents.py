"""Tables of contents: their entries are neither headings nor the cells of a table."""

from __future__ import annotations

import re
from itertools import pairwise

from mmrank.ingest.drafts import Draft, PageDraft
from mmrank.ingest.tables import LEADERS, table_rows
from mmrank.types import FURNITURE, ElementKind

TITLE = re.compile(
    r"^\W*(?:\d{1,2}\W+)?(?:(?:table\s+of\s+|list\s+of\s+)?contents|list of (?:figures|tables)|sommaire|"
    r"inhalt(?:sverzeichnis)?|table des matières|índice|contenido|indice|inhoud(?:sopgave)?|目次|目录)"
    r"\W*(?:continued\W*)?(?:\d{1,4})?$",
    re.IGNORECASE,
)
ENTRY = re.compile(r"^\W*\w.*?(?:(?:\s?[.·…_]){3,}|\s)\s*(\d{1,4}|[ivxlc]{1,6})\W*$", re.DOTALL)
"""A text that ends in the number of a page."""
LEADING = re.compile(r"^\W*(\d{1,4})\s+[^\W\d]")
"""A text that begins with it."""
LEAD = re.compile(r"((?:[.·…_]\s?){3,}\s*\d{1,4})\s+(?=\S)")
"""The end of an entry with dots, and what parts it from the next one."""
LEAST = 3
TEXTS = frozenset({ElementKind.TEXT, ElementKind.LIST_ITEM, ElementKind.HEADING, ElementKind.TITLE})


def mark_contents(pages: list[PageDraft]) -> set[int]:
    """Turn the entries of contents pages into list items, one entry per line, in place; gives their identities.

    A contents page says so in a line of its own, and at least three entries below it end in page numbers, or begin with
    them, that hardly ever fall. It may go on over the next pages as long as most of what stands there are entries.
    """
    found: set[int] = set()
    going_on, last = False, -1
    for page in pages:
        going_on, last = going_on and page.page == last + 1, page.page
        drafts = [draft for draft in page.drafts if draft.kind not in FURNITURE and draft.text.strip()]
        start = next((at for at, d in enumerate(drafts) if d.kind in TEXTS and TITLE.match(d.text.strip())), None)
        listed = drafts[start + 1 :] if start is not None else drafts if going_on else []
        entries = [draft for draft in listed if _entries(draft)]
        count = sum(_entries(draft) for draft in entries)
        rest = sum(1 for draft in listed if draft not in entries and draft.kind in TEXTS and len(draft.text) > 60)
        numbers = [number for draft in entries for number in _numbers(draft)]
        rising = sum(a <= b for a, b in pairwise(numbers)) >= 0.8 * (len(numbers) - 1)
        going_on = count >= LEAST and rising and rest <= 0.25 * count
        if going_on:
            for draft in listed:
                if draft.kind in TEXTS or draft in entries:
                    _list(draft)
                    found.add(id(draft))
    return found


def _lines(draft: Draft) -> list[str]:
    if draft.table:
        return [" ".join(cell for cell in row if cell) for row in table_rows(draft.table)]
    return LEAD.sub(r"\1\n", draft.text).split("\n")


def _entries(draft: Draft) -> int:
    """How many entries a draft holds; 0 where most of its lines are none."""
    lines = _lines(draft)
    found = sum(1 for line in lines if len(line) < 200 and (ENTRY.match(line) or LEADING.match(line)))
    return found if found >= 0.6 * len(lines) else 0


def _numbers(draft: Draft) -> list[int]:
    ends = [ENTRY.match(line) or LEADING.match(line) for line in _lines(draft)]
    return [int(end[1]) for end in ends if end and end[1].isdigit()]


def _list(draft: Draft) -> None:
    draft.text = "\n".join(" ".join(LEADERS.sub(" ", line).split()) for line in _lines(draft))
    draft.kind, draft.level, draft.table, draft.columns = ElementKind.LIST_ITEM, None, None, []
