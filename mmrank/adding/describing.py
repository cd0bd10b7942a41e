"""What people say of files, and laying it over what is stored of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmrank.errors import InputError

if TYPE_CHECKING:
    from mmrank.index import DocumentRecord, FilePlace, Store


@dataclass(slots=True)
class Said:
    """What people say of the files to add: by name, what was given now or before, and what the sidecars say."""

    given: dict[str, dict[str, str]]
    sidecars: dict[str, dict[str, str]]

    @classmethod
    def of(cls, files: Sequence[tuple[Path, str]], metadata: Mapping[str, object], notes: list[str]) -> Said:
        """Check what was given and read the sidecars; what is wrong with these is added to `notes`.

        Raises:
            InputError: when what was given cannot be stored, or names a file that is not added.
        """
        from mmrank.adding.metadata import checked, contradictions, lonely_sidecars, read_sidecar

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
                notes.append(f"{name}: its sidecar is left out: {error}")
            notes += contradictions(name, given[name], sidecars[name])
        notes += [f"{sidecar} lies beside no document" for sidecar in lonely_sidecars([path for path, _ in files])]
        return cls(given, sidecars)

    def remember(self, records: Sequence[DocumentRecord], places: Mapping[str, Sequence[FilePlace]]) -> None:
        """Add what was said before of the documents that are there.

        Args:
            records: all documents.
            places: by id, where those lie from now on whose files were moved.
        """
        from mmrank.adding.metadata import given_in

        for record in records:
            now = places.get(record.id, record.places)
            names = [place.name for place in now if place.name in self.given]
            if names and now:
                given = given_in(record)
                for name in names:
                    given |= self.given[name]
                self.given[now[0].name] = given

    def of_document(self, name: str, path: str, record: DocumentRecord | None) -> tuple[dict[str, str], dict[str, str]]:
        """What was given and what a sidecar says of a document, which need not be among the files to add."""
        from mmrank.adding.metadata import FROM_SIDECAR, given_in, read_sidecar

        if name in self.sidecars:
            return self.given[name], self.sidecars[name]
        given = self.given.get(name, {} if record is None else given_in(record))
        try:
            return given, read_sidecar(path)
        except InputError:
            return given, {} if record is None else given_in(record, FROM_SIDECAR)


def describe_again(store: Store, records: Sequence[DocumentRecord], said: Said, wait: float) -> list[str]:
    """Give documents of unchanged files what is said of them now, and identities of earlier versions anew.

    Returns:
        The names of those that changed.
    """
    from mmrank.adding.metadata import FROM_SIDECAR, given_in, is_current

    changed = {}
    for record in records:
        given, sidecar = said.of_document(record.name, record.path, record)
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
    from mmrank.adding.metadata import describe, kept_in

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


def correct(store: Store, record: DocumentRecord, changes: Mapping[str, object | None], wait: float = 0.0) -> None:
    """Change what is said of one document; see `Collection.set_metadata`.

    Raises:
        InputError: when a value cannot be stored, or nothing was said that could be taken back.
    """
    from mmrank.adding.metadata import checked, given_in, read_sidecar

    given = given_in(record)
    for key in [key for key, value in changes.items() if value is None]:
        if key not in given:
            said = ", ".join(given) or "nothing"
            raise InputError(f"{record.name}: {key!r} was not given and cannot be taken back; given is {said}")
        del given[key]
    given |= checked({key: value for key, value in changes.items() if value is not None}, record.name)
    describe_stored(store, {record.id: (given, read_sidecar(record.path))}, wait)


def renew_identities(store: Store, wait: float = 0.0) -> list[str]:
    """Find identities of an earlier version again, from what is stored. Returns the names of those that changed."""
    from mmrank.adding.metadata import FROM_SIDECAR, given_in, is_current

    with store.snapshot() as snapshot:
        outdated = [record for record in snapshot.documents() if not is_current(record)]
    return describe_stored(
        store, {record.id: (given_in(record), given_in(record, FROM_SIDECAR)) for record in outdated}, wait
    )
