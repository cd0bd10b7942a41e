"""Handles: the names people use for places in a document, such as "Figure 3", "page 12" or "section 4.1"."""

from __future__ import annotations

import re

from mmrank.ingest.captions import settled
from mmrank.ingest.paragraphs import CAPTION
from mmrank.names import canonical
from mmrank.types import Document, Element, ElementKind, Page, Section


def build_handles(pages: list[Page], sections: tuple[Section, ...]) -> dict[str, tuple[str, ...]]:
    """Canonical name → ids of the elements it names."""
    found: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for page in pages:
        for name in _page_names(page):
            found.setdefault(name, []).extend(element.id for element in page.elements)
        for element in page.elements:
            for name in _captioned(element):
                found.setdefault(name, []).append(element.id)
                if element.caption_of and element.caption_of not in found[name]:
                    found[name].append(element.caption_of)
            kind = {"chart": "figure"}.get(element.kind.value, element.kind.value)
            if kind in {"figure", "table"}:
                counts[kind] = counts.get(kind, 0) + 1
                if counts[kind] <= 10:
                    found.setdefault(f"{kind} #{counts[kind]}", []).append(element.id)
    by_id = {element.id: element for page in pages for element in page.elements}
    for name, ids in found.items():
        found[name] = [element.id for element in settled([by_id[one] for one in dict.fromkeys(ids)])]
    for section in sections:
        if section.number:
            word = re.match(r"\s*(chapter|part|item|appendix)\b", section.title, re.IGNORECASE)
            name = canonical(f"{word[1] if word else 'section'} {section.number}")
            found.setdefault(name, list(section.element_ids))
    return {name: tuple(dict.fromkeys(ids)) for name, ids in found.items() if ids}


def _page_names(page: Page) -> list[str]:
    return [f"page {page.page_number}", f"slide {page.page_number}"]


def _captioned(element: Element) -> list[str]:
    if element.kind is not ElementKind.CAPTION:
        return []
    named = CAPTION.match(element.text)
    return [canonical(f"{named[1]} {named[2]}")] if named else []


def resolve(document: Document, name: str) -> tuple[Element, ...]:
    """The elements a name points at, in reading order; empty if the document has no such place.

    `resolve(document, "Table 2")` gives the table and its caption; their `page` says where they stand.
    "page 12" is the 12th page of the file, whatever number is printed on it.
    """
    return tuple(document.element(element_id) for element_id in document.resolve(name))
