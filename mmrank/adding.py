"""From files to a store: read, encode, commit while the work goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.config import Settings
from mmrank.encoding import encode_document
from mmrank.errors import MmrankError
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.encoding import AnyEncoder
    from mmrank.index import DocumentRecord, Store, Writer
    from mmrank.ingest import Outcome

COMMIT_PAGES = 500
COMMIT_SECONDS = 60.0
"""A long run commits at least this often, so that an interruption costs little."""
RENEWED_TOGETHER = 20
"""Documents that are prepared again in one change."""

AddProgress = Callable[["Outcome", int, int], None]
"""Called after each file with its outcome, how many files are done, and how many there are."""


@dataclass(slots=True)
class AddReport:
    """What became of each file, by name.

    `failed` maps a name to the reason, `duplicates` to the name of the file with the same content, `moved` to the name
    it had before.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    pages: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every file could be read."""
        return not self.failed


def add_files(
    store: Store,
    encoder: Callable[[], AnyEncoder],
    settings: Settings,
    files: Sequence[tuple[Path, str]],
    *,
    cache: Path | None = None,
    progress: AddProgress | None = None,
    wait: float = 0.0,
) -> AddReport:
    """Read files under given names into a store; see `Collection.add_files`. `encoder` is called when it is needed."""
    from mmrank.ingest import FileError, IngestOptions, read_documents
    from mmrank.ingest.opening import stamp

    started = time.monotonic()
    report = AddReport()
    with store.snapshot() as snapshot:
        records = snapshot.documents()
    digests: dict[Path, str] = {}
    for path, name in files:
        try:
            digests[path.absolute()] = stamp(path).digest
        except FileError as error:
            report.failed[name] = str(error)
    known = {record.id: record for record in records}
    todo: dict[str, tuple[Path, str]] = {}
    twins: dict[str, str] = {}
    moves: dict[str, tuple[str, str]] = {}
    for path, name in files:
        content = digests.get(path.absolute())
        record = known.get(content or "")
        if content is None:
            continue
        if content in todo:
            twins[name] = todo[content][1]
        elif content in moves:
            twins[name] = moves[content][0]
        elif record is None:
            todo[content] = (path, name)
        elif record.name == name and (record.path == str(path.absolute()) or Path(record.path).exists()):
            report.unchanged.append(name)
        elif record.name != name and _still_there(record, digests):
            report.duplicates[name] = record.name
        else:
            moves[content] = (name, str(path.absolute()))
    stay = [record for record in records if record.id not in moves]
    if moves:
        _move(store, moves, wait)
        report.moved = {name: known[content].name for content, (name, _) in moves.items()}
    if todo:
        options = IngestOptions(layout=settings.layout, ocr=settings.ocr, passage_tokens=settings.passage_tokens)
        outcomes = read_documents(list(todo.values()), options=options, workers=settings.workers, cache=cache)
        names = {record.name for record in stay}
        _write(store, encoder, settings, outcomes, len(todo), names, report, progress, wait)
    for name, first in twins.items():
        if first in report.failed:
            report.failed[name] = report.failed[first]
        else:
            report.duplicates[name] = first
    # What a file held before it became a twin is in no file any more.
    outdated = [record.id for record in stay if record.name in report.duplicates]
    if outdated:
        with store.write(wait=wait) as writer:
            for content in outdated:
                writer.remove(content)
    report.seconds = time.monotonic() - started
    return report


def _still_there(record: DocumentRecord, digests: Mapping[Path, str]) -> bool:
    """Whether the file of a record still has its content; files that were not given are read from disk."""
    from mmrank.ingest import FileError
    from mmrank.ingest.opening import stamp

    path = Path(record.path)
    try:
        return digests.get(path.absolute(), "") == record.id or (
            path.absolute() not in digests and stamp(path).digest == record.id
        )
    except FileError:
        return False


def _move(store: Store, moves: Mapping[str, tuple[str, str]], wait: float) -> None:
    """Give documents, by content, new names and paths without reading or encoding them again."""
    from mmrank.ingest.store import moved

    with store.snapshot() as snapshot:
        documents = [moved(snapshot.document(content), name=name, path=path) for content, (name, path) in moves.items()]
    _put_again(store, [(document, _metadata(document)) for document in documents], wait)


def renew_identities(store: Store, wait: float = 0.0) -> list[str]:
    """Find the identity of each document again, from what is stored. Returns the names of those that changed."""
    from mmrank.ingest.identity import IDENTITY_KEYS, identity

    outdated = []
    with store.snapshot() as snapshot:
        for record in snapshot.documents():
            document = snapshot.document(record.id)
            others = {key: value for key, value in record.metadata.items() if key not in IDENTITY_KEYS}
            metadata = {**others, **identity(document)}
            if metadata != record.metadata:
                outdated.append((document, metadata))
    if outdated:
        _put_again(store, outdated, wait)
    return [document.name for document, _ in outdated]


def _put_again(store: Store, documents: Sequence[tuple[Document, dict[str, str]]], wait: float) -> None:
    """Replace documents that are in the store, by id, with the vectors they have. Each comes with its metadata."""
    from mmrank.retrieve.prepared import ARRAYS_VERSION

    with store.snapshot() as snapshot:
        vectors = [
            (
                snapshot.passage_vectors(document.id),
                snapshot.document_vectors(document.id),
                snapshot.token_vectors(document.id) if store.encoder.multi_vector else None,
                snapshot.arrays(document.id, ARRAYS_VERSION),
            )
            for document, _ in documents
        ]
    with store.write(wait=wait) as writer:
        for document, _ in documents:
            writer.remove(document.id)
        for (document, metadata), (passages, merged, tokens, arrays) in zip(documents, vectors, strict=True):
            kept = None if arrays is None else (arrays, ARRAYS_VERSION)
            writer.put(document, passages, merged, tokens, metadata=metadata, arrays=kept)


def _metadata(document: Document) -> dict[str, str]:
    """What the file says of itself, and what was found about its identity."""
    from mmrank.ingest.identity import identity

    return {**document.metadata, **identity(document)}


def _write(
    store: Store,
    encoder: Callable[[], AnyEncoder],
    settings: Settings,
    outcomes: Iterator[Outcome],
    total: int,
    names: set[str],
    report: AddReport,
    progress: AddProgress | None,
    wait: float,
) -> None:
    done = 0
    exhausted = False
    cut: list[KeyboardInterrupt] = []
    stream = _until_cut(outcomes, cut)  # one for all commits: closing the generator would close `outcomes`
    while not exhausted:
        pages, begun = 0, time.monotonic()
        with store.write(wait=wait) as writer:
            exhausted = True
            for outcome in stream:
                done += 1
                document = outcome.document
                if document is None:
                    report.failed[outcome.name] = outcome.error or "could not be read"
                elif (problem := _put(writer, encoder(), document, settings)) is not None:
                    report.failed[outcome.name] = problem
                else:
                    (report.replaced if outcome.name in names else report.added).append(outcome.name)
                    report.pages += len(document.pages)
                    pages += len(document.pages)
                if progress is not None:
                    progress(outcome, done, total)
                if pages >= COMMIT_PAGES or time.monotonic() - begun > COMMIT_SECONDS:
                    exhausted = False
                    break
    if cut:
        raise cut[0]


def _until_cut(outcomes: Iterator[Outcome], cut: list[KeyboardInterrupt]) -> Iterator[Outcome]:
    """The outcomes until Ctrl-C, which is noted in `cut`: what was read by then is committed."""
    try:
        yield from outcomes
    except KeyboardInterrupt as error:
        cut.append(error)


def free_names(files: Sequence[tuple[Path, str]], records: Sequence[DocumentRecord]) -> list[tuple[Path, str]]:
    """Give each file a name that no other file has, by as many of its folders as that takes.

    A file that is in the collection keeps its name.
    """
    owner = {record.name: record.path for record in records if Path(record.path).exists()}
    known = {path: name for name, path in owner.items()}
    named = []
    for path, name in files:
        place = str(path.absolute())
        chosen = known.get(place, name)
        folders = list(path.absolute().parts[: -len(Path(name).parts)])
        while owner.get(chosen, place) != place:
            chosen = f"{folders.pop()}/{chosen}"
        owner[chosen] = place
        named.append((path, chosen))
    return named


def renew_arrays(store: Store, wait: float = 0.0) -> list[str]:
    """Prepare the documents for ranking that are not, or were by an earlier version. Returns their names."""
    from mmrank.retrieve.prepared import ARRAYS_VERSION, prepare

    renewed: list[str] = []
    with store.snapshot() as snapshot:
        outdated = snapshot.without_arrays(ARRAYS_VERSION)
        for begin in range(0, len(outdated), RENEWED_TOGETHER):
            with store.write(wait=wait) as writer:
                for identifier in outdated[begin : begin + RENEWED_TOGETHER]:
                    document = snapshot.document(identifier)
                    writer.put_arrays(identifier, prepare(document), ARRAYS_VERSION)
                    renewed.append(document.name)
    return renewed


def _put(writer: Writer, encoder: AnyEncoder, document: Document, settings: Settings) -> str | None:
    """Encode a document and write it. Returns what went wrong, which concerns this document alone, or None."""
    from mmrank.retrieve.prepared import ARRAYS_VERSION, prepare

    try:
        prepared = (prepare(document), ARRAYS_VERSION)
        writer.put(
            document, *encode_document(encoder, document, settings), metadata=_metadata(document), arrays=prepared
        )
    except MmrankError as error:
        return str(error)
    return None
