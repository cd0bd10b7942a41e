"""Files into a store: read, encoded, and committed as the work goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmrank.config import Settings
from mmrank.errors import MmrankError
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Encoder, MultiVectorEncoder, Vectors
    from mmrank.index import DocumentRecord, Store, Writer
    from mmrank.ingest import Outcome

    AnyEncoder = Encoder | MultiVectorEncoder

COMMIT_PAGES = 500
"""A long run commits at least this often, so that a cut costs little."""

Progress = Callable[["Outcome", int, int], None]
"""Called after each file with what became of it, how many are done and how many there are."""


@dataclass(slots=True)
class AddReport:
    """What became of each file, by name. `failed` maps a name to the reason, `duplicates` to the name of its twin."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
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
    progress: Progress | None = None,
    wait: float = 0.0,
) -> AddReport:
    """Read files under given names into a store; see `Collection.add_files`. The encoder is asked for when needed."""
    from mmrank.ingest import FileError, IngestOptions, read_documents
    from mmrank.ingest.opening import stamp

    started = time.monotonic()
    report = AddReport()
    with store.snapshot() as snapshot:
        known = snapshot.documents()
    by_id = {record.id: record for record in known}
    names = {record.name: record for record in known}
    todo: dict[str, tuple[Path, str]] = {}
    twins: dict[str, str] = {}
    for path, name in files:
        try:
            content = stamp(path).digest
        except FileError as error:
            report.failed[name] = str(error)
            continue
        twin = by_id.get(content)
        if twin is not None and twin.name == name:
            report.unchanged.append(name)
        elif twin is not None:
            report.duplicates[name] = twin.name
        elif content in todo:
            twins[name] = todo[content][1]
        else:
            todo[content] = (path, name)
    if todo:
        options = IngestOptions(layout=settings.layout, ocr=settings.ocr, passage_tokens=settings.passage_tokens)
        outcomes = read_documents(list(todo.values()), options=options, workers=settings.workers, cache=cache)
        seen = {identifier: record.name for identifier, record in by_id.items()}
        _write(store, encoder, settings, outcomes, len(todo), names, seen, report, progress, wait)
    for name, first in twins.items():
        if first in report.failed:
            report.failed[name] = report.failed[first]
        else:
            report.duplicates[name] = first
    report.seconds = time.monotonic() - started
    return report


def _write(
    store: Store,
    encoder: Callable[[], AnyEncoder],
    settings: Settings,
    outcomes: Iterator[Outcome],
    total: int,
    names: Mapping[str, DocumentRecord],
    seen: dict[str, str],
    report: AddReport,
    progress: Progress | None,
    wait: float,
) -> None:
    done = 0
    exhausted = False
    while not exhausted:
        pages = 0
        with store.write(wait=wait) as writer:
            exhausted = True
            for outcome in outcomes:
                done += 1
                document = outcome.document
                if document is None:
                    report.failed[outcome.name] = outcome.error or "could not be read"
                elif document.id in seen:
                    report.duplicates[outcome.name] = seen[document.id]
                elif (problem := _put(writer, encoder(), document, settings)) is not None:
                    report.failed[outcome.name] = problem
                else:
                    seen[document.id] = outcome.name
                    (report.replaced if outcome.name in names else report.added).append(outcome.name)
                    report.pages += len(document.pages)
                    pages += len(document.pages)
                if progress is not None:
                    progress(outcome, done, total)
                if pages >= COMMIT_PAGES:
                    exhausted = False
                    break


def free_name(path: Path, name: str, names: Mapping[str, DocumentRecord]) -> str:
    """The name, or with its folder before it where another file has it already."""
    taken = names.get(name)
    if taken is None or Path(taken.path) == path.absolute() or not Path(taken.path).exists():
        return name
    return f"{path.absolute().parent.name}/{name}"


def _put(writer: Writer, encoder: AnyEncoder, document: Document, settings: Settings) -> str | None:
    """Encode a document and put it into the store. Returns what is wrong with it: that costs this document alone."""
    try:
        writer.put(document, *encoded(encoder, document, settings), metadata=document.metadata)
    except MmrankError as error:
        return str(error)
    return None


def encoded(
    encoder: AnyEncoder, document: Document, settings: Settings
) -> tuple[Vectors, Vectors, list[Vectors] | None]:
    """Passage vectors, the document's merged vectors and, of a multi-vector encoder, token vectors.

    A document without passages (a blank page) has no vectors either: it is listed, and never found.
    """
    from mmrank.encoders.merge import merge
    from mmrank.index import pool_tokens

    encoded = encoder.encode_passages(document.passages)
    tokens = encoded if isinstance(encoded, list) else None
    vectors = pooled(encoded, encoder.info.dimension) if isinstance(encoded, list) else encoded
    if not len(vectors):
        return vectors, vectors, tokens
    lengths = [max(len(passage.text), 1) for passage in document.passages]
    merged = merge(vectors, settings.merge, lengths=lengths, vectors=settings.merge_vectors)
    if tokens is not None:
        tokens = [pool_tokens(passage, settings.token_pooling) for passage in tokens]
    return vectors, merged, tokens


def pooled(tokens: Sequence[Vectors], dimension: int) -> Vectors:
    """Mean of each passage's token vectors, of unit length: what the first stage searches. (passages, dimension)."""
    means = np.array([passage.mean(axis=0) for passage in tokens], dtype=np.float32).reshape(-1, dimension)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
