"""A page as a person would look at it: whose page it is, its headings, and the passages that fit the question best."""

from __future__ import annotations

from collections.abc import Sequence

from mmrank.ingest.identity import PERIOD
from mmrank.llm.estimate import estimated_tokens
from mmrank.types import Document, ElementKind, Part, PartKind, Passage

ROOM = 520
"""Tokens of a page's passages, by `estimated_tokens`; a large vocabulary needs 300 to 400 for them."""
OTHERS = 120
"""Characters of the headings that stand elsewhere on the page."""


def page_view(document: Document, page: int, fits: Sequence[float], room: int = ROOM) -> tuple[Part, ...]:
    """Parts that show one page: a line on document and page, then its best passages whole, in reading order.

    A passage is shown whole or not at all, but the best one always; lines are cut from its end where it alone is longer
    than the room. Above a passage stand its headings, where they differ from those above the one before.

    Args:
        document: whose page it is.
        page: which, from 0.
        fits: how well each passage of this page fits the question, in the order of the document.
        room: upper bound of the passages together, in estimated tokens.
    """
    there = [passage for passage in document.passages if passage.page == page]
    chosen: dict[int, str] = {}
    left = room
    for at in sorted(range(len(there)), key=lambda at: -fits[at]):
        text = there[at].text.strip()
        cost = estimated_tokens(text)
        if text and not chosen and cost > left:
            text, cost = _first_lines(text, left), left
        if text and cost <= left:
            chosen[at] = text
            left -= cost
    parts = [Part(PartKind.TEXT, _title_line(document, page), ())]
    path: tuple[str, ...] = ()
    shown: set[str] = set()
    for at in sorted(chosen):
        passage = there[at]
        heading = " > ".join(title.strip() for title in passage.heading_path if title.strip())
        text = f"{heading}\n{chosen[at]}" if heading and passage.heading_path != path else chosen[at]
        path = passage.heading_path
        shown.update(path)
        parts.append(Part(PartKind.TEXT, text, passage.element_ids))
    others = _other_headings(document, page, shown, [there[at] for at in chosen])
    if others:
        parts.append(Part(PartKind.TEXT, f"Also on this page: {others}", ()))
    return tuple(parts)


def _title_line(document: Document, page: int) -> str:
    """The document's title, or the name of its file, its period, and the page's number."""
    title = " ".join(document.title.split()) or document.name.rpartition(".")[0] or document.name
    period = document.metadata.get(PERIOD, "")
    known = title[:100] if not period or period in title else f"{title[:100]}, {period}"
    return f"{known}, page {page + 1} of {len(document.pages)}"


def _other_headings(document: Document, page: int, shown: set[str], passages: Sequence[Passage]) -> str:
    held = {identifier for passage in passages for identifier in passage.element_ids}
    found = [
        " ".join(element.text.split())
        for element in document.pages[page].elements
        if element.kind in (ElementKind.TITLE, ElementKind.HEADING)
        and element.id not in held
        and element.text.strip() not in shown
    ]
    return "; ".join(dict.fromkeys(found))[:OTHERS]


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
