"""Stored documents under other names and paths, or without some, and prepared again; nothing is read or encoded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mmrank.names import TWINS
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord, FilePlace, Store

RENEWED_TOGETHER = 20
"""Documents that are prepared again in one change."""

Describe = Callable[[Document, "DocumentRecord"], dict[str, str]]
"""All metadata of a document under its new name; the record is that of before."""


def twins_noted(places: Sequence[FilePlace]) -> dict[str, str]:
    """The metadata that say which further files hold a document's content; the first place is its own."""
    return {TWINS: json.dumps([list(place) for place in places[1:]], ensure_ascii=False)} if places[1:] else {}


def place_documents(
    store: Store, places: Mapping[str, Sequence[FilePlace]], describe: Describe | None = None, wait: float = 0.0
) -> None:
    """Say where documents lie from now on.

    Args:
        store: holds them.
        places: by id, first the document's own file, then its twins. A document without any is removed.
        describe: its metadata anew, where its name or path changes; they stay as they are by default.
        wait: seconds to wait for another writer to finish.
    """
    from mmrank.ingest.store import moved

    if not places:
        return
    with store.snapshot() as snapshot:
        records = {record.id: record for record in snapshot.documents() if record.id in places}
        again: list[tuple[Document, dict[str, str]]] = []
        noted: list[tuple[str, str, dict[str, str]]] = []
        for identifier, record in records.items():
            now = places[identifier]
            if not now:
                continue
            if now[0] == record.places[0]:
                kept = {key: value for key, value in record.metadata.items() if key != TWINS}
                noted.append((identifier, record.title, kept | twins_noted(now)))
                continue
            document = moved(snapshot.document(identifier), name=now[0].name, path=now[0].path)
            metadata = dict(record.metadata) if describe is None else describe(document, record)
            metadata.pop(TWINS, None)
            again.append((document, metadata | twins_noted(now)))
    if again:
        _put_again(store, again, [i for i in records if not places[i]], wait)
    gone = [] if again else [identifier for identifier in records if not places[identifier]]
    if noted or gone:
        with store.write(wait=wait) as writer:
            for identifier in gone:
                writer.remove(identifier)
            for identifier, title, metadata in noted:
                writer.describe(identifier, title, metadata)


def delete_files(store: Store, places: Iterable[FilePlace]) -> None:
    """Delete those of these files that belong to the collection and that no document is read from any more.

    Raises:
        MmrankError: when one cannot be deleted.
    """
    from mmrank.index import delete_saved, saved_files, saved_folder, saved_name

    folder = saved_folder(store.path)
    named = {name for place in places if (name := saved_name(folder, place.path))}
    if named:
        with store.snapshot() as snapshot:
            needed = saved_files(store.path, snapshot.documents())
        delete_saved(folder, sorted(named - needed.keys()))


def _put_again(
    store: Store, documents: Sequence[tuple[Document, dict[str, str]]], gone: Sequence[str], wait: float
) -> None:
    """Replace documents, by id, with the vectors they have, and remove others. Each comes with its metadata."""
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
        for identifier in (*gone, *(document.id for document, _ in documents)):
            writer.remove(identifier)
        for (document, metadata), (passages, merged, tokens, arrays) in zip(documents, vectors, strict=True):
            document = replace(document, title=metadata.get("title", ""))
            kept = None if arrays is None else (arrays, ARRAYS_VERSION)
            writer.put(document, passages, merged, tokens, metadata=metadata, arrays=kept)


def unprepared(store: Store) -> list[str]:
    """Ids of the documents that are not prepared for ranking by this version: the first questions wait for them."""
    from mmrank.retrieve.prepared import ARRAYS_VERSION

    with store.snapshot() as snapshot:
        return snapshot.without_arrays(ARRAYS_VERSION)


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
