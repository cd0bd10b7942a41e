"""From files to a store: read, encode, commit while the work goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrank.adding.describing import Said, describe_again
from mmrank.adding.encoders import Encoding, EncodingHere, EncodingOnRay, Ready
from mmrank.adding.naming import Plan, plan_names
from mmrank.adding.renaming import place_documents, twins_noted
from mmrank.adding.report import AddReport
from mmrank.config import Settings
from mmrank.errors import MmrankError
from mmrank.progress import AddProgress, Meter
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Vectors
    from mmrank.encoding import AnyEncoder
    from mmrank.index import DocumentRecord, FilePlace, Store
    from mmrank.ingest import Outcome
    from mmrank.ingest.cluster import Cluster

    Encoded = tuple[Vectors, Vectors, list[Vectors] | None]

COMMIT_PAGES = 500
COMMIT_SECONDS = 10.0
"""A long run commits at least this often, so that an interruption costs little."""
LEAST_WAIT = 10.0
"""Seconds that a commit waits for another writer, so that what was read is not lost to one that is soon done."""


def add_files(
    store: Store,
    encoder: Callable[[], AnyEncoder],
    settings: Settings,
    files: Sequence[tuple[Path, str]],
    *,
    metadata: Mapping[str, object] | None = None,
    cache: Path | None = None,
    progress: AddProgress | None = None,
    wait: float = 0.0,
    retry: bool = False,
    ocr: str | bool | None = None,
    cluster: Cluster | None = None,
) -> AddReport:
    """Read files under given names into a store; see `Collection.add_files`. `encoder` is called when it is needed.

    With a `cluster`, files are read and encoded there; this process writes what comes back.
    """
    from mmrank.index import FilePlace
    from mmrank.ingest import FileError, IngestOptions, read_documents
    from mmrank.ingest.ocr import check_language
    from mmrank.ingest.opening import stamp

    started = time.monotonic()
    report = AddReport()
    said = Said.of(files, metadata or {}, report.notes)
    with store.snapshot() as snapshot:
        records = snapshot.documents()
    contents: dict[str, str] = {}
    for path, name in files:
        try:
            contents[str(path.absolute())] = stamp(path).digest
        except FileError as error:
            report.failed[name] = str(error)
    plan = plan_names([FilePlace(name, str(path.absolute())) for path, name in files], contents, records)
    said.remember(records, plan.places)
    places = {record.id: list(plan.places.get(record.id, record.places)) for record in records}
    options = IngestOptions(
        layout=settings.layout,
        ocr=settings.ocr if ocr is None else ocr,
        ocr_language=settings.ocr_language,
        passage_tokens=settings.passage_tokens,
    )
    if options.ocr != "never":
        check_language(options.ocr_language)
    if retry or ocr is not None:
        _read_again(plan, [record for record in records if record.unread or ocr is not None], places)
    report.unchanged, report.moved = plan.unchanged, plan.moved
    still = [record for record in records if record.id not in plan.places and _goes_by(record, report.unchanged)]
    place_documents(store, plan.places, lambda document, record: _described(said, document, record), wait)
    report.described = describe_again(store, still, said, wait)
    if plan.unread:
        with store.write(wait=wait):
            pass  # another writer is met before anything is read, not after
        todo = [(Path(place.path), place.name) for place in plan.unread.values()]
        encoding: Encoding = EncodingHere(encoder, settings)
        if cluster is not None:
            encoding = EncodingOnRay(cluster, settings, store.check_encoder)
        batch = _Batch(store, encoding, said, report, max(wait, LEAST_WAIT))
        batch.names = {place.name for record in records for place in record.places} - set(plan.moved.values())
        batch.twins = {
            content: [*places.get(content, ())[1:], *plan.waiting.get(content, ())] for content in plan.unread
        }
        meter = Meter(todo)

        def tick(reading: Mapping[str, tuple[int, int]]) -> None:
            batch.commit_in_time()
            if progress is not None:
                progress(meter.now(reading))

        if progress is not None:
            progress(meter.now({}))
        try:
            for outcome in read_documents(
                todo,
                options=options,
                workers=settings.workers,
                cache=cache,
                resume=True,
                engine="local" if cluster is None else "ray",
                tick=tick,
            ):
                batch.take(outcome)
                if progress is not None:
                    progress(meter.finished(outcome.path, outcome.pages))
                batch.commit_in_time()
            batch.take_rest()
        finally:
            batch.commit()  # also after Ctrl-C: what was read by then is kept
    for name, first in plan.twins.items():
        if first in report.failed:
            report.failed[name] = report.failed[first]
        else:
            report.duplicates[name] = first
    report.seconds = time.monotonic() - started
    return report


def _goes_by(record: DocumentRecord, names: Sequence[str]) -> bool:
    return any(place.name in names for place in record.places)


def _described(said: Said, document: Document, record: DocumentRecord) -> dict[str, str]:
    from mmrank.adding.metadata import describe, kept_in

    given, sidecar = said.of_document(document.name, document.path, record)
    return describe(document, given=given, sidecar=sidecar, kept=kept_in(record, document))


def _read_again(plan: Plan, records: Sequence[DocumentRecord], places: Mapping[str, Sequence[FilePlace]]) -> None:
    """Read the files of these documents again, if they are among those that were given."""
    for record in records:
        here = [place for place in places[record.id] if place.name in plan.unchanged]
        if here:
            plan.unread[record.id] = places[record.id][0]
            plan.unchanged = [name for name in plan.unchanged if name not in {place.name for place in here}]


class _Batch:
    """Documents that were read and encoded, written together."""

    def __init__(
        self,
        store: Store,
        encoding: Encoding,
        said: Said,
        report: AddReport,
        wait: float,
    ) -> None:
        self._store, self._encoding = store, encoding
        self._said, self._report, self._wait = said, report, wait
        self._held: list[tuple[Document, dict[str, str], Encoded, Any]] = []
        self._pages = 0
        self._since = 0.0
        self.names: set[str] = set()
        self.twins: dict[str, list[FilePlace]] = {}

    def take(self, outcome: Outcome) -> None:
        """Encode what was read, and note what was not."""
        from mmrank.adding.metadata import describe
        from mmrank.index import FilePlace

        document = outcome.document
        if document is None:
            self._report.failed[outcome.name] = outcome.error or "could not be read"
            return
        try:
            given, sidecar = self._said.of_document(document.name, document.path, None)
            metadata = describe(document, given=given, sidecar=sidecar)
            metadata |= twins_noted([FilePlace(document.name, document.path), *self.twins.get(document.id, ())])
            named = replace(document, title=metadata.get("title", ""))
        except MmrankError as error:
            self._report.failed[outcome.name] = str(error)
            return
        for ready in self._encoding.take(named, metadata):
            self._hold(ready)

    def take_rest(self) -> None:
        """Wait for what is still being encoded."""
        for ready in self._encoding.rest():
            self._hold(ready)
            self.commit_in_time()

    def _hold(self, ready: Ready) -> None:
        if ready.encoded is None:
            self._report.failed[ready.document.name] = ready.error
            return
        self._held.append((ready.document, ready.metadata, ready.encoded, ready.arrays))
        self._since = self._since or time.monotonic()
        self._pages += len(ready.document.pages)

    def commit_in_time(self) -> None:
        """Write what was taken, if it is much or was taken some time ago."""
        for ready in self._encoding.ready():
            self._hold(ready)
        if self._held and (self._pages >= COMMIT_PAGES or time.monotonic() - self._since > COMMIT_SECONDS):
            self.commit()

    def commit(self) -> None:
        """Write what was taken. A document that cannot be written is reported, and the others are written."""
        from mmrank.index.records import UnreachableError, attached_names, unread_pages
        from mmrank.retrieve.prepared import ARRAYS_VERSION

        if not self._held:
            return
        written, failed = [], {}
        with self._store.write(wait=self._wait) as writer:
            for document, metadata, vectors, arrays in self._held:
                try:
                    passages, merged, tokens = vectors
                    writer.put(document, passages, merged, tokens, metadata, (arrays, ARRAYS_VERSION))
                    written.append(document)
                except UnreachableError:
                    raise  # the others would wait for as long, and fail alike
                except MmrankError as error:
                    failed[document.name] = str(error)
        self._held, self._pages, self._since = [], 0, 0.0
        self._report.failed |= failed
        for document in written:
            (self._report.replaced if document.name in self.names else self._report.added).append(document.name)
            missing = unread_pages(document.metadata, len(document.pages))
            self._report.pages += len(document.pages) - len(missing)
            if names := attached_names(document.metadata):
                self._report.attached[document.name] = names
            if missing:
                self._report.unread[document.name] = missing
