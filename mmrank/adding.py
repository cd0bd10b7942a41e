"""From files to a store: read, encode, commit while the work goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.config import Settings
from mmrank.encoding import encode_document
from mmrank.errors import InputError, MmrankError
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.encoding import AnyEncoder
    from mmrank.index import DocumentRecord, Store, Writer
    from mmrank.ingest import Outcome

COMMIT_PAGES = 500
COMMIT_SECONDS = 10.0
"""A long run commits at least this often, so that an interruption costs little."""
RENEWED_TOGETHER = 20
"""Documents that are prepared again in one change."""

AddProgress = Callable[["Outcome", int, int], None]
"""Called after each file with its outcome, how many files are done, and how many there are."""


@dataclass(slots=True)
class AddReport:
    """What became of each file, by name.

    `failed` maps a name to the reason, `duplicates` to the name of the file with the same content, `moved` to the name
    it had before. `described` are documents that were there already and got other metadata. `notes` are sentences about
    metadata: a sidecar that lies beside no document or cannot be read, or that contradicts what was given.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    described: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
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
    metadata: Mapping[str, object] | None = None,
    cache: Path | None = None,
    progress: AddProgress | None = None,
    wait: float = 0.0,
) -> AddReport:
    """Read files under given names into a store; see `Collection.add_files`. `encoder` is called when it is needed."""
    from mmrank.ingest import FileError, IngestOptions, read_documents
    from mmrank.ingest.opening import stamp

    started = time.monotonic()
    report = AddReport()
    said = _Said.of(files, metadata or {}, report)
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
    said.remember(records, {content: name for content, (name, _) in moves.items()})
    same = {record.name: record for record in records}
    report.described = _describe_again(store, [same[name] for name in report.unchanged], said, wait)
    if moves:
        _move(store, moves, said, wait)
        report.moved = {name: known[content].name for content, (name, _) in moves.items()}
    if todo:
        options = IngestOptions(layout=settings.layout, ocr=settings.ocr, passage_tokens=settings.passage_tokens)
        outcomes = read_documents(list(todo.values()), options=options, workers=settings.workers, cache=cache)
        names = {record.name for record in stay}
        _write(store, encoder, settings, outcomes, len(todo), names, said, report, progress, wait)
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


@dataclass(slots=True)
class _Said:
    """What people say of the files to add: by name, what was given now or before, and what the sidecars say."""

    given: dict[str, dict[str, str]]
    sidecars: dict[str, dict[str, str]]

    @classmethod
    def of(cls, files: Sequence[tuple[Path, str]], metadata: Mapping[str, object], report: AddReport) -> _Said:
        """Check what was given and read the sidecars; what is wrong with these is noted in the report.

        Raises:
            InputError: when what was given cannot be stored, or names a file that is not added.
        """
        from mmrank.descriptions import checked, contradictions, lonely_sidecars, read_sidecar

        per_file = {key: value for key, value in metadata.items() if isinstance(value, Mapping)}
        names = [name for _, name in files]
        unknown = sorted(per_file.keys() - set(names))
        if unknown:
            raise InputError(f"metadata are given for {unknown[0]!r}, which is not among the files to add")
        of_all = checked({key: value for key, value in metadata.items() if key not in per_file}, "metadata")
        given = {name: of_all | checked(per_file.get(name, {}), f"metadata of {name}") for name in names}
        sidecars: dict[str, dict[str, str]] = {}
        for path, name in files:
            try:
                sidecars[name] = read_sidecar(path)
            except InputError as error:
                sidecars[name] = {}
                report.notes.append(f"{name}: its sidecar is left out: {error}")
            report.notes += contradictions(name, given[name], sidecars[name])
        report.notes += [
            f"{sidecar} lies beside no document" for sidecar in lonely_sidecars([path for path, _ in files])
        ]
        return cls(given, sidecars)

    def remember(self, records: Sequence[DocumentRecord], moved: Mapping[str, str]) -> None:
        """Add what was said before of the documents that are replaced, moved or stay."""
        from mmrank.descriptions import given_in

        for record in records:
            name = moved.get(record.id, record.name)
            if name in self.given:
                self.given[name] = given_in(record) | self.given[name]

    def metadata(self, document: Document) -> dict[str, str]:
        """All metadata of a document that was read."""
        from mmrank.descriptions import describe

        return describe(document, given=self.given[document.name], sidecar=self.sidecars[document.name])


def _describe_again(store: Store, records: Sequence[DocumentRecord], said: _Said, wait: float) -> list[str]:
    """Give documents of unchanged files what is said of them now, and identities of earlier versions anew.

    Returns:
        The names of those that changed.
    """
    from mmrank.descriptions import FROM_SIDECAR, given_in, is_current

    changed = {}
    for record in records:
        given, sidecar = said.given[record.name], said.sidecars[record.name]
        held = {key: value for key, value in sidecar.items() if key not in given}
        if not is_current(record) or (given_in(record), given_in(record, FROM_SIDECAR)) != (given, held):
            changed[record.id] = (given, sidecar)
    return describe_stored(store, changed, wait)


def describe_stored(
    store: Store, said: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]], wait: float = 0.0
) -> list[str]:
    """Find the metadata of stored documents again, and lay over them what people say. Returns the names of those that
    changed.

    Args:
        store: holds the documents.
        said: by id, what was given, and what the sidecar says.
        wait: seconds to wait for another writer to finish.
    """
    from mmrank.descriptions import describe, kept_in

    changed: list[tuple[str, str, dict[str, str]]] = []
    if not said:
        return []
    with store.snapshot() as snapshot:
        for record in snapshot.documents():
            if record.id not in said:
                continue
            document = snapshot.document(record.id)
            given, sidecar = said[record.id]
            metadata = describe(document, given=given, sidecar=sidecar, kept=kept_in(record, document))
            if metadata != record.metadata or metadata.get("title", "") != record.title:
                changed.append((record.id, record.name, metadata))
    if changed:
        with store.write(wait=wait) as writer:
            for identifier, _, metadata in changed:
                writer.describe(identifier, metadata.get("title", ""), metadata)
    return [name for _, name, _ in changed]


def renew_identities(store: Store, wait: float = 0.0) -> list[str]:
    """Find identities of an earlier version again, from what is stored. Returns the names of those that changed."""
    from mmrank.descriptions import FROM_SIDECAR, given_in, is_current

    with store.snapshot() as snapshot:
        outdated = [record for record in snapshot.documents() if not is_current(record)]
    return describe_stored(
        store, {record.id: (given_in(record), given_in(record, FROM_SIDECAR)) for record in outdated}, wait
    )


def _move(store: Store, moves: Mapping[str, tuple[str, str]], said: _Said, wait: float) -> None:
    """Give documents, by content, new names and paths without reading or encoding them again."""
    from mmrank.ingest.store import moved

    with store.snapshot() as snapshot:
        documents = [moved(snapshot.document(content), name=name, path=path) for content, (name, path) in moves.items()]
    _put_again(store, [(document, said.metadata(document)) for document in documents], wait)


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
            document = replace(document, title=metadata.get("title", ""))
            kept = None if arrays is None else (arrays, ARRAYS_VERSION)
            writer.put(document, passages, merged, tokens, metadata=metadata, arrays=kept)


def _write(
    store: Store,
    encoder: Callable[[], AnyEncoder],
    settings: Settings,
    outcomes: Iterator[Outcome],
    total: int,
    names: set[str],
    said: _Said,
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
                elif (problem := _put(writer, encoder(), document, settings, said)) is not None:
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


def _put(writer: Writer, encoder: AnyEncoder, document: Document, settings: Settings, said: _Said) -> str | None:
    """Encode a document and write it. Returns what went wrong, which concerns this document alone, or None."""
    from mmrank.retrieve.prepared import ARRAYS_VERSION, prepare

    try:
        metadata = said.metadata(document)
        named = replace(document, title=metadata.get("title", ""))
        prepared = (prepare(named), ARRAYS_VERSION)
        writer.put(named, *encode_document(encoder, named, settings), metadata=metadata, arrays=prepared)
    except MmrankError as error:
        return str(error)
    return None
