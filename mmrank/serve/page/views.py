"""What the templates show, worked out from hits, answers and documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mmrank.answer.result import AnswerSentence
from mmrank.hits import ANSWERED
from mmrank.index import DocumentRecord
from mmrank.printable import one_line, printable
from mmrank.retrieve.pages import WEIGHTS
from mmrank.serve.page.address import Address
from mmrank.serve.page.described import Field, fields
from mmrank.types import FURNITURE, BBox, Document, Element, Hit

SIGNALS = {
    "lexical": "Words",
    "dense": "Meaning",
    "heading": "Headings",
    "pairs": "Word pairs",
    "quoted": "Quotation",
    "handle": "Named place",
    "page_number": "Page number",
    "place": "Position",
    "front": "First page",
    "kind": "Kind asked for",
    "statement": "Statement",
}
"""Signals, as people call them."""
LEAST_SHARE = 0.03
"""A signal that adds less than this share of the longest bar is left out."""
MOST_SIGNALS = 4
LIKELY = 0.6
"""A page is called likely from this confidence on, and possible from `mmrank.hits.ANSWERED` on."""
INSIDE = 0.5
"""An element stands in a box from this share of its area on."""
LONGEST_EVIDENCE = 400
"""Characters of the text of a box."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What one signal added to the score of a page: `share` of the longest bar, 0 to 1."""

    name: str
    share: float
    points: float


@dataclass(frozen=True, slots=True)
class HitView:
    """A hit, as a card."""

    number: int
    document: str
    title: str
    page: int
    label: str
    place: str
    width: float
    height: float
    boxes: tuple[BBox, ...]
    snippet: tuple[tuple[str, bool], ...]
    reason: str
    bars: tuple[Bar, ...]
    percent: int | None
    level: str
    document_id: str
    href: str

    @property
    def key(self) -> str:
        """Names the page on the page."""
        return f"{self.document_id}/{self.page}"


def hit_views(hits: Sequence[Hit], documents: dict[str, Document], address: Address) -> list[HitView]:
    """Hits as cards.

    Args:
        hits: best first.
        documents: theirs, by id; hits of others, which were removed meanwhile, are left out.
        address: of the page that shows them.
    """
    added = [_added(hit) for hit in hits]
    longest = max((points for one in added for points in one.values()), default=0.0)
    views = []
    for number, (hit, points) in enumerate(zip(hits, added, strict=True), 1):
        document = documents.get(hit.document_id)
        if document is None or hit.page >= len(document.pages):
            continue
        page = document.pages[hit.page]
        best = sorted(points.items(), key=lambda pair: -pair[1])[:MOST_SIGNALS]
        views.append(
            HitView(
                number=number,
                document=hit.document,
                title=document.title or hit.document,
                page=hit.page_number,
                label=hit.label if hit.label and hit.label != str(hit.page_number) else "",
                place=" › ".join(hit.heading_path),
                width=page.width,
                height=page.height,
                boxes=hit.boxes,
                snippet=marked(hit.snippet, hit.marks),
                reason=hit.reasoning or "",
                bars=tuple(
                    Bar(SIGNALS[name], value / longest, value) for name, value in best if value >= LEAST_SHARE * longest
                ),
                percent=None if hit.confidence is None else round(100 * hit.confidence),
                level=level(hit.confidence),
                document_id=hit.document_id,
                href=address.opening(hit.document_id, hit.page_number, hit.boxes).url(),
            )
        )
    return views


def _added(hit: Hit) -> dict[str, float]:
    return {
        name: WEIGHTS[name] * value
        for name, value in hit.scores.items()
        if name in WEIGHTS and WEIGHTS[name] * value > 0
    }


def level(confidence: float | None) -> str:
    """A confidence in a word."""
    if confidence is None:
        return ""
    return "likely" if confidence >= LIKELY else "possible" if confidence >= ANSWERED else "unlikely"


def marked(text: str, marks: Sequence[tuple[int, int]]) -> tuple[tuple[str, bool], ...]:
    """A text in pieces, and which of them are marked.

    >>> marked("Sales & costs", [(0, 5)])
    (('Sales', True), (' & costs', False))
    """
    pieces: list[tuple[str, bool]] = []
    at = 0
    for start, end in marks:
        pieces += [(text[at:start], False), (text[start:end], True)]
        at = end
    pieces.append((text[at:], False))
    return tuple((piece, is_marked) for piece, is_marked in pieces if piece)


@dataclass(frozen=True, slots=True)
class Spot:
    """A numbered box on the page that is open, and what stands in it."""

    number: int
    box: BBox
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """The page that is open."""

    document: Document
    record: DocumentRecord
    page: int
    spots: tuple[Spot, ...]
    address: Address
    note: str
    chosen: bool
    """Whether somebody opened it; otherwise it is the first result."""

    @property
    def shape(self) -> tuple[float, float]:
        """Width and height in points."""
        page = self.document.pages[self.page - 1]
        return max(page.width, 1.0), max(page.height, 1.0)

    @property
    def count(self) -> int:
        """Pages of the document."""
        return len(self.document.pages)

    @property
    def label(self) -> str:
        """The printed page number, where it differs."""
        label = self.document.pages[self.page - 1].label or ""
        return "" if label == str(self.page) else label

    @property
    def title(self) -> str:
        """What the document is called."""
        return self.record.title or self.record.name

    @property
    def key(self) -> str:
        """Names the page on the page."""
        return f"{self.document.id}/{self.page}"

    def turned(self, to: int) -> str:
        """Address of another page of the document."""
        return self.address.opening(self.document.id, to).url()

    @property
    def neighbours(self) -> list[int]:
        """Pages before and after it, itself included."""
        first = max(1, min(self.page - 2, self.count - 4))
        return list(range(first, min(self.count, first + 4) + 1))

    @property
    def citation(self) -> str:
        """How people cite the page."""
        people = self.record.metadata.get("people", "").replace(" · ", ", ")
        year = self.record.metadata.get("date", "")[:4]
        said = ". ".join(filter(None, [people, self.title.rstrip("."), year]))
        printed = f" (printed {self.label})" if self.label else ""
        return one_line(f"{said}. Page {self.page}{printed}. {self.document.name}", 600)

    @property
    def fields(self) -> list[Field]:
        """What is known of the document."""
        return fields(self.record)

    @property
    def lines(self) -> Iterator[Element]:
        """The elements of the page that have a text, in reading order."""
        return (element for element in self.document.pages[self.page - 1].elements if element.text.strip())


def spots(document: Document, page: int, boxes: Sequence[BBox]) -> tuple[Spot, ...]:
    """The boxes of a page (from 1) with what stands in them; those outside the page are left out."""
    shown = document.pages[page - 1]
    whole = BBox(0, 0, max(shown.width, 1.0), max(shown.height, 1.0))
    inside = [box for box in (box.intersection(whole) for box in boxes) if box is not None]
    return tuple(Spot(number, box, *_content(shown.elements, box)) for number, box in enumerate(inside, 1))


def _content(elements: Sequence[Element], box: BBox) -> tuple[str, str]:
    """The kind of what stands in a box, and its text."""
    within = [one for one in elements if one.box.overlap(box) >= INSIDE * max(one.box.area, 1e-6)]
    around = [one for one in elements if one.box.overlap(box) >= INSIDE * box.area]
    found = within or around
    told = [one for one in found if one.kind not in FURNITURE] or found
    if not told:
        return "", ""
    text = one_line(" ".join(plain(one) for one in told), LONGEST_EVIDENCE)
    largest = max(told, key=lambda one: one.box.area)
    kind = largest.kind.value.replace("_", " ")
    return ("paragraph" if kind == "text" else kind), text


def plain(element: Element) -> str:
    """What a reader would read of an element; of a table its cells."""
    if element.table is not None:
        return printable(" · ".join(cell.text for cell in element.table.cells if cell.text.strip()))
    return printable(element.text)


@dataclass(frozen=True, slots=True)
class SentenceView:
    """A sentence of an answer, and the pages that it cites."""

    text: str
    computation: str
    citations: tuple[tuple[int, str, str, str], ...]
    """Number, document and page for people, address, key of each."""


def sentence_view(sentence: AnswerSentence, first: int, address: Address) -> SentenceView:
    """A sentence with its citations, counted from `first`."""
    return SentenceView(
        sentence.text,
        sentence.computation or "",
        tuple(
            (
                number,
                f"{hit.document}, page {hit.page_number}",
                address.opening(hit.document_id, hit.page_number, hit.boxes).url(),
                f"{hit.document_id}/{hit.page_number}",
            )
            for number, hit in enumerate(sentence.hits, first)
        ),
    )
