"""Files attached to PDFs become documents of their own: taken out, saved, and added like any other file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.adding.naming import free_names, without_names
from mmrank.adding.renaming import delete_files, place_documents
from mmrank.adding.report import AddReport
from mmrank.adding.saving import save
from mmrank.errors import MmrankError

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord, Store

Add = Callable[[Sequence[tuple[Path, str]]], AddReport]


def add_attachments(
    store: Store, files: Sequence[tuple[Path, str]], report: AddReport, save_to: Path, add: Add, wait: float = 0.0
) -> None:
    """Add what is attached to PDFs that were added, as "report.pdf/attachment.pdf".

    Those of an unchanged PDF are left alone where some of them are there. Where a PDF was replaced, attachments that it
    has no longer are removed from the collection. What is attached to an attachment is named only.

    Args:
        store: holds the PDFs.
        files: that were added, with the names they got.
        report: of that; what became of the attachments is added to it.
        save_to: folder in which they are saved.
        add: adds files under their names.
        wait: seconds to wait for another writer to finish.
    """
    from mmrank.ingest.attachments import attachments_task, check_attachments
    from mmrank.ingest.options import IngestOptions
    from mmrank.ingest.sandbox import Sandbox

    records = _records(store)
    owners = {record.name: record for record in records}
    found: list[tuple[Path, str]] = []
    with Sandbox() as sandbox:
        for path, name in files:
            record = owners.get(name)
            below = [other for other in owners if other.startswith(f"{name}/")]
            if record is None or not record.attached or (name in report.unchanged and below):
                continue
            task = attachments_task(path, record.id, IngestOptions())
            try:
                taken = check_attachments(task, *sandbox.perform(task))
                found += [
                    (save(f"{name}.attached/{leaf}", data, save_to), f"{name}/{leaf}") for leaf, data in taken.files
                ]
            except MmrankError as error:
                report.notes.append(f"{name}: its attachments cannot be read: {error}")
                continue
            report.attached.pop(name, None)
            if taken.left:
                report.attached[name] = taken.left
    if found:
        _include(report, add(free_names(found, records)))
    kept = {str(path.absolute()) for path, _ in found}
    stale = {
        record.id: without_names(record, [record.name])
        for record in records
        if any(record.name.startswith(f"{name}/") for name in report.replaced)
        and Path(record.path).is_relative_to(save_to.absolute())
        and record.path not in kept
    }
    place_documents(store, stale, wait=wait)
    delete_files(store, [place for record in records if record.id in stale for place in record.places])


def _records(store: Store) -> list[DocumentRecord]:
    with store.snapshot() as snapshot:
        return snapshot.documents()


def _include(report: AddReport, other: AddReport) -> None:
    """Add another report to one."""
    for field in fields(AddReport):
        mine, more = getattr(report, field.name), getattr(other, field.name)
        setattr(report, field.name, mine | more if isinstance(mine, dict) else mine + more)
