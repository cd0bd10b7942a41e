"""Everything that one address shows, worked out when a template comes to it."""

from __future__ import annotations

from functools import cached_property

from mmrank.answer.asking import AnswerStream
from mmrank.answer.result import Answer
from mmrank.collection import Collection
from mmrank.errors import MmrankError
from mmrank.hits import Hits
from mmrank.index import DocumentRecord
from mmrank.serve.drawing import Drawn
from mmrank.serve.page.address import Address
from mmrank.serve.page.answering import AnswerView
from mmrank.serve.page.shelf import Facet, Holdings, Recent, Shelf
from mmrank.serve.page.views import HitView, Sheet, hit_views, spots
from mmrank.types import Document, Hit

SHOWN = 10
"""Pages that a search shows."""
READ = 5
"""Pages that are read for an answer."""
LISTED = 60
"""Documents that are listed at once."""


class Kept:
    """What is kept between requests, for all collections of a service.

    Args:
        drawn: the service's pictures of pages.
    """

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        self.shelf = Shelf()
        self.hits: Recent[Hits] = Recent(256)
        self.answers: Recent[Answer] = Recent(64)


class View:
    """What one address shows of a collection.

    Args:
        collection: that is asked.
        address: what is shown.
        kept: between requests.
    """

    def __init__(self, collection: Collection, address: Address, kept: Kept) -> None:
        self._collection, self.address, self._kept = collection, address, kept
        self.answer = AnswerView(self._ask, self._keep_answer, address) if address.asks and address.question else None

    @cached_property
    def holdings(self) -> Holdings:
        """The documents of the collection."""
        return self._kept.shelf.holdings(self._collection)

    @cached_property
    def facets(self) -> tuple[Facet, ...]:
        """By what documents can be filtered."""
        return self.holdings.facets

    @cached_property
    def _key(self) -> tuple[object, ...]:
        where = self.address.where
        return (
            self._collection,
            self.holdings.version,
            self.address.question,
            self.address.writer,
            where and where.key,
        )

    @cached_property
    def records(self) -> list[DocumentRecord]:
        """The documents that satisfy the filters, by name; those that are chosen one by one do not limit the list."""
        address = self.address.changed(documents=())
        try:
            where = address.where
            records = list(self.holdings.records) if where is None else self._collection.documents(where)
        except MmrankError:
            return list(self.holdings.records)
        part = address.named.casefold()
        return [one for one in records if part in one.name.casefold() or part in one.title.casefold()]

    @cached_property
    def listed(self) -> list[DocumentRecord]:
        """Those of them that are listed at once."""
        return self.records[self.address.start : self.address.start + LISTED]

    @property
    def before(self) -> Address | None:
        """Where the documents before these are listed."""
        start = self.address.start
        return self.address.changed(start=max(0, start - LISTED)) if start else None

    @property
    def after(self) -> Address | None:
        """Where the documents after these are listed."""
        start = self.address.start + LISTED
        return self.address.changed(start=start) if start < len(self.records) else None

    # Results

    @cached_property
    def _found(self) -> tuple[Hits, str]:
        """The pages that were found, and what went wrong."""
        if self.answer is not None:
            return Hits(self.answer.hits), ""
        if not self.address.question:
            try:
                _ = self.address.where
            except MmrankError as error:
                return Hits(), str(error)
            return Hits(), ""
        try:
            kept = self._kept.hits.get(self._key)
            if kept is None:
                found = self._collection.search(self.address.question, k=SHOWN, where=self.address.where)
                kept = self._kept.hits.put(self._key, found)
            return kept, ""
        except MmrankError as error:
            return Hits(), str(error)

    @property
    def error(self) -> str:
        """Why there are no results, where something is wrong with what was asked."""
        return self._found[1]

    @property
    def doubtful(self) -> bool:
        """Whether nothing found seems to answer the question."""
        return not self._found[0].answered

    @cached_property
    def hits(self) -> list[HitView]:
        """The pages that were found, as cards."""
        hits = self._found[0]
        documents: dict[str, Document] = {}
        with self._collection.store.snapshot() as snapshot:
            held = {record.id for record in self.holdings.records}
            for identifier in {hit.document_id for hit in hits} & held:
                documents[identifier] = snapshot.document(identifier)
        return hit_views(hits, documents, self.address)

    def _ask(self) -> AnswerStream | Answer:
        kept = self._kept.answers.get(self._key)
        if kept is not None:
            return kept
        return self._collection.ask_stream(
            self.address.question, k=READ, where=self.address.where, model=self.address.writer or None
        )

    def _keep_answer(self, answer: Answer) -> None:
        self._kept.answers.put(self._key, answer)

    # The page that is open

    @cached_property
    def sheet(self) -> Sheet | None:
        """The page that is open: the one of the address, else the first result."""
        address = self.address
        if address.document:
            return self._sheet(address, True)
        first = self._first()
        if first is None:
            return None
        return self._sheet(address.opening(first.document_id, first.page_number, first.boxes), False)

    @property
    def missing(self) -> str:
        """Why the page of the address cannot be opened; empty where it can."""
        if not self.address.document or self.sheet is not None:
            return ""
        held = {record.id: record for record in self.holdings.records}.get(self.address.document)
        if held is None:
            return "This document is not in the collection any more."
        return f"This document has {held.pages} pages; there is no page {self.address.page}."

    def _first(self) -> Hit | None:
        return self.answer.cited if self.answer is not None else next(iter(self._found[0]), None)

    def _sheet(self, address: Address, chosen: bool) -> Sheet | None:
        record = {record.id: record for record in self.holdings.records}.get(address.document)
        if record is None or not 1 <= address.page <= record.pages:
            return None
        document = self._kept.shelf.document(self._collection, record.id)
        note = ""
        try:
            self._kept.drawn.check(record.path, record.id)
        except MmrankError as error:
            note = str(error)
        return Sheet(
            document, record, address.page, spots(document, address.page, address.boxes), address, note, chosen
        )
