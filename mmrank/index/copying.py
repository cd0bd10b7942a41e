"""The documents of one store in another: from Milvus onto this disk, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmrank.errors import MmrankError
from mmrank.index.records import DocumentRecord
from mmrank.index.snapshot import Snapshot

if TYPE_CHECKING:
    from mmrank.index.store import Store

TOGETHER = 50
"""Documents that are written in one change."""


def copy_documents(source: Store, target: Store) -> None:
    """Put everything that a store holds of its documents into another one, which is empty and which nobody else writes.

    What is copied is one version. A version of a collection in Milvus can be read for some minutes only: where another
    writer removed documents meanwhile, the copy goes on with the newest version, and what changed is copied again.

    Args:
        source: it stays as it is.
        target: with the same encoder.

    Raises:
        MmrankError: when the source is damaged or cannot be reached, or the target cannot be written; then the target
            holds a part of the documents.
    """
    copied: dict[str, DocumentRecord] = {}
    while True:
        with source.snapshot() as snapshot:
            records = {record.id: record for record in snapshot.documents()}
            outdated = [identifier for identifier, record in copied.items() if records.get(identifier) != record]
            if outdated:
                with target.write() as writer:
                    for identifier in outdated:
                        writer.remove(identifier)
                        del copied[identifier]
            numbers = {place.id: place.number for place in snapshot.places(list(records))}
            # In the order of their numbers, which decides between equal scores.
            missing = [records[each] for each in sorted(records.keys() - copied.keys(), key=numbers.__getitem__)]
            for begin in range(0, len(missing), TOGETHER):
                together = missing[begin : begin + TOGETHER]
                try:
                    held = [_held(snapshot, record, source.encoder.multi_vector) for record in together]
                except MmrankError:
                    if not _moved_on(source, snapshot.version):
                        raise
                    break
                with target.write() as writer:
                    for one in held:
                        writer.put(**one)
                copied |= {record.id: record for record in together}
            else:
                return


def _held(snapshot: Snapshot, record: DocumentRecord, tokens: bool) -> dict[str, Any]:
    """What `Writer.put` takes."""
    version = snapshot.arrays_version(record.id)
    arrays = None if version is None else snapshot.arrays(record.id, version)
    return {
        "document": snapshot.document(record.id),
        "passage_vectors": snapshot.passage_vectors(record.id),
        "document_vectors": snapshot.document_vectors(record.id),
        "token_vectors": snapshot.token_vectors(record.id) if tokens else None,
        "metadata": record.metadata,
        "arrays": None if arrays is None else (arrays, version),
        "added": record.added.timestamp(),
    }


def _moved_on(store: Store, version: int) -> bool:
    with store.snapshot() as newest:
        return newest.version != version
