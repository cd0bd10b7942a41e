"""Repairing a collection in Milvus: what a machine keeps of it, and what Milvus lost."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mmrank.errors import MmrankError
from mmrank.index.milvus import MilvusStore
from mmrank.index.remote import read_pointer
from mmrank.index.repairing import Encode, RepairReport
from mmrank.index.verification import Problem, verify


def repair_in_milvus(path: str | Path, *, encode: Encode | None = None, wait: float = 0.0) -> RepairReport:
    """Make what this machine keeps of a collection again, where it is damaged; encode documents again of which Milvus
    lost vectors, and remove those that cannot be read any more.

    Args:
        path: the collection's folder. Where that is damaged, nobody else may have it open.
        encode: makes the vectors of a document again; without it, such documents are removed.
        wait: seconds to wait for another writer to finish.

    Raises:
        InputError: when the collection is not in Milvus any more.
        MmrankError: when Milvus cannot be reached, or the folder cannot be written; then it stays as it is.
        StoreLockedError: when another writer is at work.
    """
    path = Path(path)
    found = verify(path)
    saved = tuple(problem for problem in found if problem.kind == "saved")
    if len(found) > len(saved):
        _make_again(path)
    with MilvusStore.open(path) as store:
        report = _mend(store, encode, wait)
    unsaved = tuple(name for problem in saved for name in problem.documents)
    return replace(report, problems=(*found, *report.problems), unsaved=unsaved)


def _make_again(path: Path) -> None:
    """Make the folder of this machine from what Milvus holds."""
    pointer = read_pointer(path)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name[:50]}.", dir=path.absolute().parent) as folder:
            made, old = Path(folder) / "made", Path(folder) / "old"
            with MilvusStore.attach(made, uri=pointer.uri, name=pointer.name) as store:
                if store.identity != pointer.identity:
                    raise MmrankError(
                        f"{pointer.uri} holds another collection {pointer.name!r} than the one that {path} belongs to;"
                        " nothing was changed"
                    )
                store.sync()
            path.rename(old)
            made.rename(path)
    except OSError as error:
        raise MmrankError(f"{path} cannot be made again: {error.strerror or error}") from error


def _mend(store: MilvusStore, encode: Encode | None, wait: float) -> RepairReport:
    problems: list[Problem] = store.problems()
    touched = {name for problem in problems for name in problem.documents}
    encoded, lost = [], []
    if touched:
        with store.snapshot() as snapshot, store.write(wait) as writer:
            for record in snapshot.documents():
                if record.name not in touched:
                    continue
                document = None
                if encode is not None:
                    with suppress(MmrankError):  # it cannot be read any more
                        document = snapshot.document(record.id)
                writer.remove(record.id)
                if document is None or encode is None:
                    lost.append(record.name)
                    continue
                added = record.added.timestamp()
                writer.put(document, *encode(document), metadata=record.metadata, added=added)
                encoded.append(record.name)
    return RepairReport(tuple(problems), encoded=tuple(encoded), lost=tuple(lost))
