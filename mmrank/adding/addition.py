"""One addition from beginning to end: find the files, read them and what is attached to them, name what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.adding.attachments import add_attachments
from mmrank.adding.naming import free_names, gone_places, without_names
from mmrank.adding.renaming import place_documents
from mmrank.adding.report import AddReport
from mmrank.adding.sources import Source, find

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord, Store

Metadata = Mapping[str, object]
AddFiles = Callable[[Sequence[tuple[Path, str]], Metadata | None], AddReport]
"""Adds files under their names, with metadata."""


def add_sources(
    store: Store,
    sources: Iterable[Source],
    add: AddFiles,
    *,
    metadata: Metadata | None = None,
    follow_links: bool = False,
    prune: bool = False,
    attachments: bool = False,
    save_to: str | Path | None = None,
    wait: float = 0.0,
) -> AddReport:
    """Add what lies at some sources; see `Collection.add`.

    Args:
        store: where the documents go.
        sources: what is added.
        add: adds files under their names, with metadata.
        metadata: what is said of the files.
        follow_links: also read what links in folders lead to.
        prune: remove documents whose files are gone.
        attachments: also read what is attached to PDFs.
        save_to: folder of contents that are in no file; beside the collection by default.
        wait: seconds to wait for another writer to finish.
    """
    from mmrank.index import saved_folder

    place = Path(save_to or saved_folder(store.path))
    found = find(sources, follow_links=follow_links, save_to=place)
    files = free_names(found.files, _records(store))
    report = add(files, metadata)
    if attachments:
        theirs = {key: value for key, value in (metadata or {}).items() if not isinstance(value, Mapping)}
        add_attachments(store, files, report, place, lambda attached: add(attached, theirs), wait)
    report.passed_over = dict(sorted(found.passed_over.items()))
    report.links = [str(link) for link in found.links]
    report.notes += found.notes
    records = {record.id: record for record in _records(store)}
    gone = gone_places(list(records.values()), found.within)
    report.gone = sorted(place.name for places in gone.values() for place in places)
    if prune and gone:
        left = {i: without_names(records[i], [place.name for place in places]) for i, places in gone.items()}
        place_documents(store, left, wait=wait)
        report.pruned = report.gone
    return report


def _records(store: Store) -> list[DocumentRecord]:
    with store.snapshot() as snapshot:
        return snapshot.documents()
