"""What an address of the page says: the question, the filters, and the page of a document that is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from urllib.parse import urlencode

from mmrank.errors import InputError
from mmrank.index import Filter
from mmrank.types import BBox

MOST_BOXES = 30
LONGEST = 2000
"""Characters of one value."""
ZOOMS = (100, 150, 200, 300)
"""Per cent of the width of the pane."""


@dataclass(frozen=True, slots=True)
class Address:
    """Everything that the page shows can be opened again from its address, and sent to others.

    Attributes:
        collection: name of the collection; empty where there is one only.
        question: what is searched for, or asked.
        asks: whether an answer is wanted, not pages.
        writer: the chat model that writes the answer; empty for sentences from the documents.
        documents: ids of the documents to which the search is limited.
        metadata: values that documents must have, by key.
        since: first date of documents, ISO.
        until: last date of documents, ISO.
        named: part of the names or titles of the documents that are listed.
        start: the first document that is listed, from 0.
        document: id of the document that is open; empty for none.
        page: the page that is open, from 1.
        boxes: what is marked there.
        zoom: per cent, one of `ZOOMS`.
    """

    collection: str = ""
    question: str = ""
    asks: bool = False
    writer: str = ""
    documents: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    since: str = ""
    until: str = ""
    named: str = ""
    start: int = 0
    document: str = ""
    page: int = 1
    boxes: tuple[BBox, ...] = field(default=())
    zoom: int = ZOOMS[0]

    @classmethod
    def parse(cls, pairs: Sequence[tuple[str, str]]) -> Address:
        """Read the parameters of a request; what is not understood is left out.

        Raises:
            InputError: for a value that is too long.
        """
        for key, value in pairs:
            if len(key) + len(value) > LONGEST + 200 * (key == "boxes"):
                raise InputError(
                    f"the address is too long: {key[:40]} has {len(value):,} characters, at most {LONGEST:,}"
                )
        last = {key: value.strip() for key, value in pairs}
        metadata = {key[2:]: value for key, value in last.items() if key.startswith("m.") and len(key) > 2 and value}
        zoom = _number(last.get("zoom", ""), ZOOMS[0])
        return cls(
            collection=last.get("c", ""),
            question=last.get("q", ""),
            asks=last.get("mode") == "ask",
            writer=last.get("by", ""),
            documents=tuple(dict.fromkeys(value for key, value in pairs if key == "doc" and value)),
            metadata=tuple(sorted(metadata.items())),
            since=last.get("since", ""),
            until=last.get("until", ""),
            named=last.get("named", ""),
            start=_number(last.get("start", ""), 0),
            document=last.get("open", ""),
            page=max(1, _number(last.get("page", ""), 1)),
            boxes=read_boxes(last.get("boxes", "")),
            zoom=zoom if zoom in ZOOMS else ZOOMS[0],
        )

    @property
    def where(self) -> Filter | None:
        """The filter; None for all documents.

        Raises:
            InputError: for a date that is none.
        """
        if not (self.documents or self.metadata or self.since or self.until):
            return None
        return Filter(
            documents=self.documents or None,
            metadata=dict(self.metadata),
            since=self.since or None,
            until=self.until or None,
        )

    @property
    def filters(self) -> int:
        """How many filters are set."""
        return len(self.documents) + len(self.metadata) + bool(self.since) + bool(self.until)

    def url(self, path: str = "/") -> str:
        """The address as text, without what is not set."""
        given: list[tuple[str, object]] = [
            ("c", self.collection),
            ("q", self.question),
            ("mode", "ask" if self.asks else ""),
            ("by", self.writer if self.asks else ""),
            *(("doc", identifier) for identifier in self.documents),
            *((f"m.{key}", value) for key, value in self.metadata),
            ("since", self.since),
            ("until", self.until),
            ("named", self.named),
            ("start", self.start or ""),
        ]
        if self.document:
            given += [("open", self.document), ("page", self.page), ("boxes", written_boxes(self.boxes))]
            given += [("zoom", self.zoom if self.zoom != ZOOMS[0] else "")]
        query = urlencode([(key, value) for key, value in given if value != ""])
        return f"{path}?{query}" if query else path

    def opening(self, document: str, page: int, boxes: Sequence[BBox] = ()) -> Address:
        """The same with a page open; `page` from 1."""
        return replace(self, document=document, page=page, boxes=tuple(boxes))

    def closed(self) -> Address:
        """The same with no page open."""
        return replace(self, document="", page=1, boxes=(), zoom=ZOOMS[0])

    def without_question(self) -> Address:
        """The documents, with the filters."""
        return replace(self.closed(), question="", asks=False)

    def changed(self, **values: object) -> Address:
        """The same with other values."""
        return replace(self, **values)  # type: ignore[arg-type]


def read_boxes(text: str) -> tuple[BBox, ...]:
    """Boxes in whole points, as an address holds them; what is no box is left out.

    >>> read_boxes("10-20-110-40_10-60-110-80")[1]
    BBox(x0=10.0, y0=60.0, x1=110.0, y1=80.0)
    >>> read_boxes("10-20_a-b-c-d_nan-1-2-3_5-5-1-9")
    ()
    """
    found = []
    for piece in text.split("_")[:MOST_BOXES]:
        try:
            x0, y0, x1, y1 = map(float, piece.split("-"))
        except ValueError:
            continue
        if all(map(isfinite, (x0, y0, x1, y1))) and x0 < x1 and y0 < y1:
            found.append(BBox(x0, y0, x1, y1))
    return tuple(found)


def written_boxes(boxes: Sequence[BBox]) -> str:
    """Boxes for an address, in whole points, rounded outwards.

    >>> written_boxes([BBox(10.4, 20.6, 110.2, 40)])
    '10-20-111-40'
    """
    rows = [(box.x0 // 1, box.y0 // 1, -(-box.x1 // 1), -(-box.y1 // 1)) for box in boxes]
    return "_".join("-".join(f"{max(0, side):.0f}" for side in row) for row in rows)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else otherwise
