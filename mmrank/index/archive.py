"""A whole collection in one file: `mmrank export`, and back, onto this disk or into Milvus: `mmrank import`."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from mmrank.errors import InputError, MmrankError
from mmrank.index import catalog
from mmrank.index.beneath import CACHE, CATALOG, SEGMENTS
from mmrank.index.copying import copy_documents
from mmrank.index.creation import drafted, is_vacant
from mmrank.index.milvus import MilvusStore
from mmrank.index.properties import read_properties, write_property
from mmrank.index.records import DocumentRecord, EncoderIdentity, FilePlace
from mmrank.index.saved import open_saved, saved_files, saved_folder, saved_problem
from mmrank.index.segment_data import SegmentData
from mmrank.index.store import Store
from mmrank.index.unpacking import MANIFEST, SAVED, drafted_files, unpack_archive
from mmrank.index.writer import Writer

BLOCK = 1 << 20
DIGITS = 32
"""Hex digits of the SHA-256 of a file that are the id of its document."""


def export_archive(store: Store, file: str | Path) -> None:
    """Write one version of a collection into a tar file: the catalog, the segments, the files that belong to it (see
    `mmrank.index.saved`) as they were read, and a manifest of checksums.

    Indexes are left out; they are built again on import. A writer may be at work meanwhile. A collection in Milvus is
    copied beside the file first, and its archive is as that of a collection on this disk.

    Raises:
        InputError: when the file is there already or cannot be written.
        MmrankError: when the disk is full, or the collection is damaged; nothing is left of the file.
    """
    file = Path(file)
    try:
        if file.exists() or file.is_symlink():
            raise InputError(f"{file} is there already; export to a new file")
        with (
            tempfile.TemporaryDirectory(prefix=f".{file.name[:50]}.", suffix=".exporting", dir=file.parent) as folder,
            _on_disk(store, Path(folder)) as here,
            here.snapshot() as snapshot,
        ):
            draft, copy = Path(folder) / "archive", Path(folder) / CATALOG
            with tarfile.open(draft, "w") as archive:
                snapshot.copy_catalog(copy)
                contents: dict[str, str] = {}
                with copy.open("rb") as source:
                    contents[CATALOG] = _add(archive, CATALOG, source, copy.stat().st_size)
                copy.unlink()
                for segment in snapshot.segments():
                    name = f"{SEGMENTS}/{segment.info.file}"
                    contents[name] = _add(archive, name, _Blocks(segment), segment.info.bytes)
                contents |= _add_saved(archive, store.path, snapshot.documents())
                manifest = json.dumps(contents, indent=1).encode()
                _add(archive, MANIFEST, io.BytesIO(manifest), len(manifest))
            if file.exists():
                raise InputError(f"{file} was made by somebody else meanwhile; export to a new file")
            draft.replace(file)
    except (OSError, ValueError) as error:
        if isinstance(error, MmrankError):
            raise
        raise InputError(f"cannot export to {file}: {getattr(error, 'strerror', None) or error}") from error
    except sqlite3.Error as error:
        said = "no space left on the disk, or it cannot be written" if "full" in str(error) else error
        raise MmrankError(f"cannot export to {file}: {said}") from error


@contextmanager
def _on_disk(store: Store, folder: Path) -> Iterator[Store]:
    """A store of segments: itself, or a copy in a folder."""
    if not isinstance(store, MilvusStore):
        yield store
        return
    with Store.create(folder / "copy", encoder=store.encoder, settings=store.settings) as copy:
        copy_documents(store, copy)
        yield copy


def _add_saved(archive: tarfile.TarFile, collection: Path, records: Sequence[DocumentRecord]) -> dict[str, str]:
    """Add the files that belong to a collection; without those that are not there, or are not what was read."""
    folder = saved_folder(collection)
    added = {}
    for name, record in sorted(saved_files(collection, records).items()):
        if saved_problem(folder, name, record.id) is None:
            with open_saved(folder, name) as source:
                size = os.fstat(source.fileno()).st_size
                added[f"{SAVED}/{name}"] = _add(archive, f"{SAVED}/{name}", source, size)
    return added


def import_archive(file: str | Path, path: str | Path, *, encoder: EncoderIdentity | None = None) -> Store:
    """Make a collection of what `export_archive` wrote, and the folder of the files that belong to it beside it. The
    archive may come from a stranger.

    Args:
        file: the archive.
        path: a folder that is absent or empty.
        encoder: when given, it must be the one the collection was made with.

    Raises:
        InputError: when `path` is taken, or the file is missing or is not such an archive.
        MmrankError: when the archive is damaged, or holds what an export does not; nothing is left at `path`.
    """
    file, path = Path(file), Path(path)
    _check_given(file, path)
    with _reporting(file), drafted(path) as draft, drafted_files(path) as saved_draft:
        _unpack(file, draft, saved_draft, saved_folder(path), encoder, indexes=True)
    return Store.open(path, encoder=encoder)


def import_into_milvus(
    file: str | Path,
    path: str | Path,
    *,
    uri: str,
    name: str,
    index: str = "auto",
    encoder: EncoderIdentity | None = None,
) -> MilvusStore:
    """Like `import_archive`, with the documents in Milvus. There it is seen once it is whole.

    Args:
        file: the archive.
        path: a folder that is absent or empty, for what this machine keeps of the collection.
        uri: of Milvus; this and the following as `MilvusStore.create` takes them.
        name: of the collection in Milvus.
        index: Milvus's, of the passages' vectors.
        encoder: when given, it must be the one the collection was made with.

    Raises:
        InputError: as `import_archive`, and when Milvus holds such a collection already.
        MmrankError: as `import_archive`, and when Milvus cannot be reached or written; nothing is left there.
    """
    file, path = Path(file), Path(path)
    _check_given(file, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    made: MilvusStore | None = None
    try:
        with (
            _reporting(file),
            tempfile.TemporaryDirectory(prefix=f".{path.name[:50]}.", suffix=".importing", dir=path.parent) as folder,
        ):
            draft, replica = Path(folder) / "archive", Path(folder) / "replica"
            for each in (draft, draft / SEGMENTS, draft / CACHE):
                each.mkdir()
            with drafted_files(path) as saved_draft:
                _unpack(file, draft, saved_draft, saved_folder(path), encoder, indexes=False)
                with Store.open(draft, read_only=True) as held:
                    made = MilvusStore.create(
                        replica,
                        uri=uri,
                        name=name,
                        encoder=held.encoder,
                        settings=held.settings,
                        index=index,
                        whole=False,
                    )
                    copy_documents(held, made)
            made.finish()
            made.close()
            replica.rename(path)
    except BaseException:
        if made is not None:
            with suppress(MmrankError):  # what went wrong first is said
                made.drop()
            made.close()
        raise
    return MilvusStore.open(path)


def _unpack(
    file: Path, draft: Path, saved_draft: Path, saved_to: Path, encoder: EncoderIdentity | None, *, indexes: bool
) -> None:
    """Make a collection of an archive in a folder of its own.

    Args:
        file: the archive.
        draft: the folder.
        saved_draft: a folder for the files that belong to it.
        saved_to: where these will lie.
        encoder: as for `import_archive`.
        indexes: build those of large segments.
    """
    held, saved = unpack_archive(file, draft, saved_draft)
    connection = catalog.connect(draft, read_only=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        named = {info.file for info in catalog.committed_segments(connection)}
        for name in sorted(held ^ named):
            raise MmrankError(
                f"the file {name!r} is in the archive, but its catalog does not name it"
                if name in held
                else f"the catalog names the file {name!r}, which is not in the archive"
            )
        write_property(connection, "identity", secrets.token_hex(16))  # it is another collection from now on
        catalog.write_head(draft, read_properties(connection).version)
        with Store.open(draft, encoder=encoder) as store:
            with store.snapshot() as snapshot:
                moved = _moved(snapshot.documents(), saved, saved_to)
            if indexes:
                Writer(draft, connection, store.encoder, lambda _: None).rebuild_indexes()
            if moved:
                with store.write() as writer:
                    for identifier, places in moved.items():
                        writer.relocate(identifier, places)
    finally:
        connection.close()


def _moved(
    records: Sequence[DocumentRecord], saved: Mapping[str, str], folder: Path
) -> dict[str, tuple[FilePlace, ...]]:
    """By id, the places of the documents whose files were in the archive: those files lie in another folder now.

    Args:
        records: of the documents.
        saved: checksums of these files by name.
        folder: where they lie from now on.

    Raises:
        MmrankError: when one of the files is not what any document was read from.
    """
    moved: dict[str, tuple[FilePlace, ...]] = {}
    left = set(saved)
    by_content: dict[str, list[str]] = {}
    for name, checksum in saved.items():
        by_content.setdefault(checksum[:DIGITS], []).append(name)
    for record in records:
        mine = by_content.get(record.id, [])
        places = tuple(FilePlace(place.name, _where(place.path, mine, folder)) for place in record.places)
        if places != record.places:
            moved[record.id] = places
            left -= {name for name in mine if str(folder / name) in {place.path for place in places}}
    if left:
        raise MmrankError(f"it holds the file {min(left)!r}, which none of its documents was read from")
    return moved


def _where(path: str, names: Sequence[str], folder: Path) -> str:
    said = path.replace("\\", "/")
    return next((str(folder / name) for name in names if said.endswith(f".files/{name}")), path)


def _check_given(file: Path, path: Path) -> None:
    try:
        there = file.is_file()
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not there:
        raise InputError(f"there is no file {file}" if not file.exists() else f"{file} is not a file")
    if not is_vacant(path):
        if path.is_dir():
            raise InputError(f"{path} is not empty; a collection needs a folder of its own")
        raise InputError(f"{path} is a file; a collection needs a folder of its own")


@contextmanager
def _reporting(file: Path) -> Iterator[None]:
    """Errors of an import, with the name of the archive."""
    try:
        yield
    except InputError:
        raise
    except MmrankError as error:
        said = str(error) if str(file) in str(error) else f"{file} cannot be imported: {error}"
        raise MmrankError(said) from error
    except sqlite3.Error as error:
        raise MmrankError(f"{file} cannot be imported: {catalog.translated(error, file)}") from error
    except (OSError, tarfile.TarError, ValueError, KeyError, RecursionError) as error:
        raise MmrankError(f"{file} cannot be imported: {getattr(error, 'strerror', None) or error}") from error


class _Blocks:
    """The bytes of a segment, to be read a piece at a time."""

    def __init__(self, segment: SegmentData) -> None:
        self._blocks = segment.blocks()
        self._left = memoryview(b"")

    def read(self, size: int) -> bytes:
        parts = []
        while size > 0:
            if not self._left:
                self._left = next(self._blocks, memoryview(b""))
            if not self._left:
                break
            parts.append(self._left[:size])
            self._left = self._left[size:]
            size -= len(parts[-1])
        return b"".join(parts)


class _Hashing:
    """A file that is read, with the checksum of what was read."""

    def __init__(self, source: BinaryIO | _Blocks) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data


def _add(archive: tarfile.TarFile, name: str, source: BinaryIO | _Blocks, size: int) -> str:
    """Add a file to an archive; returns its checksum."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    hashing = _Hashing(source)
    archive.addfile(entry, cast(BinaryIO, hashing))
    return hashing.digest.hexdigest()
