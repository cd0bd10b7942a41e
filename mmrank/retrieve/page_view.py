"""A page as text for a reader: whose it is, its headings, the passages that fit best, and what stands around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mmrank.ingest.identity_keys import PERIOD
from mmrank.llm.estimate import estimated_tokens
from mmrank.types import FURNITURE, Document, ElementKind, Part, PartKind, Passage

if TYPE_CHECKING:
    from mmrank.retrieve.stored_document import StoredDocument

ROOM = 420
"""Tokens of a view, by `estimated_tokens`, which counts more than a model with a large vocabulary needs."""
BESIDE = 70
"""Characters of the headings that are shown of the page before and the page after, each."""
HEADINGS = (ElementKind.TITLE, ElementKind.HEADING)
_RULES = re.compile(r"^[|\s:-]+$")


def page_view(
    document: Document | StoredDocument,
    page: int,
    passages: Sequence[Passage],
    fits: Sequence[float],
    room: int = ROOM,
) -> tuple[Part, ...]:
    """Parts that show one page: a line on document and page, its best passages in reading order, headings around it.

    Passages are taken by how well they fit. They are shown whole, but for the first one that does not fit into what is
    left: where that is a quarter of the room or more, lines are left out at its end, so a table keeps its head. Above a
    passage stand its headings, where they differ from those above the one before.

    Args:
        document: whose page it is.
        page: which, from 0.
        passages: those of this page, in their order.
        fits: how well each of them fits the question.
        room: upper bound of all parts together, in estimated tokens.
    """
    title = _title_line(document, page)
    around = _around(document, page)
    left = room - sum(estimated_tokens(line) + 1 for line in (title, *around))
    chosen: dict[int, str] = {}
    cut = False
    for at in sorted(range(len(passages)), key=lambda at: -fits[at]):
        text, above = _shown(passages[at]), estimated_tokens(_path(passages[at])) + 2
        if not cut and estimated_tokens(text) + above > left >= room // 4:
            text, cut = _first_lines(text, left - above), True
        cost = estimated_tokens(text) + above
        if text and cost <= left:
            chosen[at] = text
            left -= cost
    parts = [Part(PartKind.TEXT, title, ())]
    path: tuple[str, ...] = ()
    for at in sorted(chosen):
        lines = [chosen[at]]
        if passages[at].heading_path != path and (heading := _path(passages[at])):
            lines.insert(0, heading)
        path = passages[at].heading_path
        parts.append(Part(PartKind.TEXT, "\n".join(lines), passages[at].element_ids))
    parts += [Part(PartKind.TEXT, line, ()) for line in around]
    return tuple(parts)


def _title_line(document: Document | StoredDocument, page: int) -> str:
    """The document's title, or the name of its file, its period, and the page's number."""
    title = " ".join(document.title.split()) or document.name.rpartition(".")[0] or document.name
    period = document.metadata.get(PERIOD, "")
    known = title[:100] if not period or period in title else f"{title[:100]}, {period}"
    return f"{known}, page {page + 1} of {len(document.pages)}"


def _path(passage: Passage) -> str:
    return " > ".join(" ".join(title.split())[:80] for title in passage.heading_path[-3:] if title.strip())


def _shown(passage: Passage) -> str:
    """The passage's text without lines that only rule a table."""
    lines = [line for line in passage.text.strip().splitlines() if line.strip() and not _RULES.match(line)]
    return "\n".join(lines)


def _around(document: Document | StoredDocument, page: int) -> list[str]:
    """Headings of the pages before and after, where they have some."""
    found = []
    for words, number in (("Page before", page - 1), ("Page after", page + 1)):
        if 0 <= number < len(document.pages) and (titles := _titles(document, number)):
            found.append(f"{words}: {_within(titles, BESIDE)}")
    return found


def _titles(document: Document | StoredDocument, page: int) -> list[str]:
    running = {_plain(e.text) for e in document.pages[page].elements if e.kind in FURNITURE}
    titles = [" ".join(e.text.split()) for e in document.pages[page].elements if e.kind in HEADINGS]
    return [title for title in dict.fromkeys(titles) if title and _plain(title) not in running]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _within(titles: Iterable[str], most: int) -> str:
    """As many whole titles as fit, or the beginning of the first one."""
    said = ""
    for title in titles:
        longer = f"{said}; {title}" if said else title[:most]
        if len(longer) > most:
            break
        said = longer
    return said


def _first_lines(text: str, room: int) -> str:
    """As many whole lines as fit, or as many words of the first one."""
    kept: list[str] = []
    for line in text.splitlines():
        cost = estimated_tokens(line) + 1
        if cost > room:
            if not kept:
                words = line.split()
                while words and estimated_tokens(" ".join(words)) > room:
                    words = words[: len(words) * 3 // 4]
                kept.append(" ".join(words))
            break
        kept.append(line)
        room -= cost
    return "\n".join(kept)
