"""Hits, answers, pages and documents as the short texts that a model reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mmrank.printable import one_line, printable
from mmrank.types import BBox, Element, ElementKind, Page

if TYPE_CHECKING:
    from mmrank.answer import Answer
    from mmrank.index import DocumentRecord
    from mmrank.types import Document, Hit

BOXES = "Boxes are [x0 y0 x1 y1] in points from the top left of the page."
SNIPPET_CHARACTERS = 600
PAGE_CHARACTERS = 8_000
"""Of a page's text in one answer, about 2,000 tokens; the rest is had by asking again."""
_MARKS = {ElementKind.TITLE: "# ", ElementKind.HEADING: "## ", ElementKind.CAPTION: "Caption: "}


def boxes_text(boxes: Iterable[BBox]) -> str:
    """Boxes in whole points.

    >>> boxes_text([BBox(91.8, 224.4, 503.2, 404)])
    '[92 224 503 404]'
    """
    return " ".join(f"[{box.x0:.0f} {box.y0:.0f} {box.x1:.0f} {box.y1:.0f}]" for box in boxes)


def place_text(hit: Hit) -> str:
    """Where a hit is: document and page, with the printed number where it is another."""
    printed = f" (printed {one_line(hit.label, 20)})" if hit.label not in {None, str(hit.page_number)} else ""
    return f"{one_line(hit.document)}, page {hit.page_number}{printed}"


def hit_text(rank: int, hit: Hit) -> str:
    """One result of a search, in a few lines."""
    sure = "" if hit.confidence is None else f" · confidence {hit.confidence:.0%}"
    lines = [f"{rank}. {place_text(hit)}{sure}"]
    if hit.heading_path:
        lines.append("   " + one_line(" › ".join(hit.heading_path)))
    lines.append("   boxes " + boxes_text(hit.boxes))
    lines.append("   " + one_line(hit.snippet, SNIPPET_CHARACTERS))
    return "\n".join(lines)


def answer_text(answer: Answer) -> str:
    """An answer with a numbered source below each sentence."""
    lines = [] if answer.short is None else [f"Short answer: {one_line(answer.short)}"]
    if answer.abstained:
        lines.append(printable(answer.text))
    for sentence in answer.sentences:
        lines.append(printable(sentence.text))
        if sentence.computation and sentence.computation not in sentence.text:
            lines.append(f"   computed: {one_line(sentence.computation)}")
        lines += [f"   source: {place_text(hit)} · boxes {boxes_text(hit.boxes)}" for hit in sentence.hits]
    if not answer.complete:
        lines.append("The model stopped before the end of its answer.")
    return "\n".join([*lines, f"Confidence {answer.confidence:.0%}, answered by {one_line(answer.model)}."])


def page_text(page: Page, *, boxes: bool = False, within: BBox | None = None) -> str:
    """The elements of a page in reading order.

    Args:
        page: the page.
        boxes: with the kind and the box of each element.
        within: only elements that reach into this box.
    """
    shown = (
        element
        for element in page.elements
        if within is None or (element.box.intersection(within) is not None and element.text.strip())
    )
    return "\n\n".join(_element_text(element, boxes) for element in shown if element.text.strip())


def _element_text(element: Element, boxes: bool) -> str:
    text = printable(element.text).strip()
    if boxes:
        return f"({element.kind.value} {boxes_text([element.box])}) {text}"
    return _MARKS.get(element.kind, "") + text


def cut(text: str, start: int, length: int) -> tuple[str, int | None]:
    """A part of a text that ends with a line where it can, and where the rest begins; None where there is none.

    >>> cut("one two\\nthree", 0, 10), cut("one two\\nthree", 8, 10)
    (('one two\\n', 8), ('three', None))
    """
    part = text[start : start + length]
    if start + length >= len(text):
        return part, None
    end = part.rfind("\n") + 1
    part = part[:end] if end > length // 2 else part
    return part, start + len(part)


def record_text(record: DocumentRecord) -> str:
    """One line on a document."""
    kind = record.metadata.get("kind")
    parts = [
        one_line(record.name),
        *([one_line(record.title, 120)] if record.title and record.title != record.name else []),
        *([one_line(kind, 60)] if kind else []),
        record.date,
        f"{record.pages} page{'' if record.pages == 1 else 's'}",
    ]
    return " · ".join(parts)


def outline_text(record: DocumentRecord, document: Document) -> str:
    """A document in short: what is known of it, and its sections with their pages."""
    lines = [record_text(record)]
    lines += [
        f"{one_line(key, 60)}: {one_line(value)}"
        for key, value in sorted(record.metadata.items())
        if ":" not in key and key not in {"title", "kind", "date", "front_headings", "creationDate", "modDate"}
    ]
    if document.sections:
        lines.append("Sections:")
    for section in document.sections[:OUTLINE_SECTIONS]:
        lines.append(f"{'  ' * section.level}{one_line(section.title, 120)} (page {section.page + 1})")
    left = len(document.sections) - OUTLINE_SECTIONS
    return "\n".join([*lines, *([f"… and {left} more"] if left > 0 else [])])


OUTLINE_SECTIONS = 100


def ranked_page_text(page: Page, score: float, evidence: Sequence[Element]) -> str:
    """One page of a ranking, with the element that speaks most for it."""
    text = f"page {page.page_number} · score {score:.2f}"
    if not evidence:
        return text
    best = evidence[0]
    return f"{text} · {best.kind.value} {boxes_text([best.box])}: {one_line(best.text, 160)}"
