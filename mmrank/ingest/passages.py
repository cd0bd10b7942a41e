"""Passages: runs of elements of one page, sized for the encoder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mmrank.types import (
    FURNITURE,
    PICTURED,
    Element,
    ElementKind,
    ImageRef,
    Page,
    Part,
    PartKind,
    Passage,
    Section,
)

WORD = re.compile(r"\w+|[^\w\s]")


def count_tokens(text: str) -> int:
    """Number of words and punctuation marks in a text: the unit of the setting `passage_tokens`."""
    return len(WORD.findall(text))


@dataclass(slots=True)
class _Piece:
    """Elements that stay together: a figure with its caption, a slice of a table or of a long paragraph."""

    elements: list[Element]
    texts: list[str]
    tokens: int
    opens: bool = False
    """Whether it is a heading: a passage may start but not end with it."""


@dataclass(slots=True)
class _Run:
    pieces: list[_Piece] = field(default_factory=list)
    tokens: int = 0


def build_passages(
    document_id: str,
    path: str,
    pages: Iterable[Page],
    sections: tuple[Section, ...],
    handles: dict[str, tuple[str, ...]],
    limit: int,
) -> tuple[Passage, ...]:
    """Cut the pages of a document into passages of at most `limit` words and punctuation marks.

    A longer table is cut between rows and longer text between sentences; a sentence that is longer by itself is cut
    between words. A single table row is never cut. Headers and footers are left out. A caption stays with its figure
    or table.
    """
    paths = _heading_paths(sections)
    names: dict[str, list[str]] = {}
    for name, ids in handles.items():
        for element_id in ids:
            names.setdefault(element_id, []).append(name)
    made: list[Passage] = []
    for page in pages:
        for run in _runs(list(_pieces(page, limit)), limit):
            made.append(_passage(document_id, path, page, run, len(made), paths, names))
    return tuple(made)


def _heading_paths(sections: tuple[Section, ...]) -> dict[str, tuple[str, ...]]:
    trails: list[tuple[str, ...]] = []
    paths: dict[str, tuple[str, ...]] = {}
    for section in sections:
        above = trails[section.parent] if section.parent is not None else ()
        trails.append((*above, section.title))
        for element_id in section.element_ids:
            paths[element_id] = trails[-1]
    return paths


def _pieces(page: Page, limit: int) -> Iterator[_Piece]:
    captions = {e.caption_of: e for e in page.elements if e.caption_of}
    for element in page.elements:
        if element.kind in FURNITURE or element.caption_of:
            continue
        caption = captions.get(element.id)
        extra = count_tokens(caption.text) if caption else 0
        slices = list(_slices(element, max(16, limit - extra)))
        for at, text in enumerate(slices):
            if caption and at == 0:
                first = caption.box.y0 <= element.box.y0
                elements = [caption, element] if first else [element, caption]
                texts = [caption.text, text] if first else [text, caption.text]
                yield _Piece(elements, texts, extra + count_tokens(text))
            else:
                opens = element.kind in {ElementKind.HEADING, ElementKind.TITLE}
                yield _Piece([element], [text], count_tokens(text), opens)


def _slices(element: Element, limit: int) -> list[str]:
    """The element's text in slices of at most `limit`: tables by rows, the rest by sentences."""
    if count_tokens(element.text) <= limit:
        return [element.text]
    if element.kind is ElementKind.TABLE:
        rows = element.text.split("\n")
        heads = 1 + max(1, element.table.header_rows if element.table else 1)  # and the line below the first of them
        head, body = rows[:heads], rows[heads:]
        slices: list[list[str]] = []
        used = 0
        for row in body:
            size = _row_tokens(row)
            if not slices or used + size > limit:
                slices.append([*head])
                used = sum(_row_tokens(r) for r in head)
            slices[-1].append(row)
            used += size
        return ["\n".join(rows) for rows in slices] or [element.text]
    units = element.text.split("\n") if element.kind in PICTURED else _sentences(element.text, limit)
    joint = "\n" if element.kind in PICTURED else " "
    result: list[str] = []
    used = 0
    for unit in units:
        size = count_tokens(unit)
        if result and used + size <= limit:
            result[-1] += joint + unit
            used += size
        else:
            result.append(unit)
            used = size
    return result


def _row_tokens(row: str) -> int:
    return count_tokens(row.replace("|", " ").replace("---", " "))


def _sentences(text: str, limit: int) -> Iterator[str]:
    for sentence in re.split(r"(?<=[.!?;])\s+", text):
        words = sentence.split()
        if count_tokens(sentence) <= limit:
            yield sentence
            continue
        piece: list[str] = []
        used = 0
        for word in words:
            size = count_tokens(word)
            if piece and used + size > limit:
                yield " ".join(piece)
                piece, used = [], 0
            piece.append(word)
            used += size
        if piece:
            yield " ".join(piece)


def _runs(pieces: list[_Piece], limit: int) -> list[_Run]:
    runs: list[_Run] = []
    for piece in pieces:
        if runs and runs[-1].tokens + piece.tokens <= limit and not _starts_anew(runs[-1], piece, limit):
            runs[-1].pieces.append(piece)
            runs[-1].tokens += piece.tokens
            continue
        opening: list[_Piece] = []
        if runs:
            while len(runs[-1].pieces) > 1 and runs[-1].pieces[-1].opens:
                opening.insert(0, runs[-1].pieces.pop())
        if runs and opening:
            runs[-1].tokens -= sum(p.tokens for p in opening)
        fresh = [*opening, piece]
        runs.append(_Run(fresh, sum(p.tokens for p in fresh)))
    return runs


def _starts_anew(run: _Run, piece: _Piece, limit: int) -> bool:
    """A heading opens a passage once the one before it is worth something by itself."""
    return piece.opens and run.tokens > 0.4 * limit and not run.pieces[-1].opens


def _passage(
    document_id: str,
    path: str,
    page: Page,
    run: _Run,
    position: int,
    paths: dict[str, tuple[str, ...]],
    names: dict[str, list[str]],
) -> Passage:
    parts: list[Part] = []
    elements: list[Element] = []
    for piece in run.pieces:
        for element, text in zip(piece.elements, piece.texts, strict=True):
            elements.append(element)
            parts.append(_part(element, text, path))
    unique = list(dict.fromkeys(element.id for element in elements))
    boxes = {element.id: element.box for element in elements}
    main = next((e for e in elements if e.kind is not ElementKind.TITLE), elements[0])
    return Passage(
        f"{document_id}/{position}",
        document_id,
        position,
        page.page,
        tuple(_joined(parts)),
        tuple(unique),
        tuple(boxes[element_id] for element_id in unique),
        paths.get(main.id, ()),
        tuple(dict.fromkeys(name for element_id in unique for name in names.get(element_id, ()))),
    )


def _part(element: Element, text: str, path: str) -> Part:
    if element.kind is ElementKind.TABLE:
        return Part(PartKind.TABLE, text, (element.id,), ImageRef(path, element.page, element.box))
    if element.kind in PICTURED:
        return Part(PartKind.IMAGE, text, (element.id,), ImageRef(path, element.page, element.box))
    return Part(PartKind.TEXT, text, (element.id,))


def _joined(parts: list[Part]) -> Iterator[Part]:
    """Join neighbouring text parts."""
    waiting: Part | None = None
    for part in parts:
        if waiting and part.kind is PartKind.TEXT:
            waiting = Part(PartKind.TEXT, f"{waiting.text}\n{part.text}", (*waiting.element_ids, *part.element_ids))
            continue
        if waiting:
            yield waiting
        waiting = part if part.kind is PartKind.TEXT else None
        if waiting is None:
            yield part
    if waiting:
        yield waiting
