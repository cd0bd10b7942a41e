"""A whole collection in one file, and back: `mmrank export` and `mmrank import`."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
from pathlib import Path

from mmrank.errors import InputError, MmrankError
from mmrank.index import catalog
from mmrank.index.records import EncoderIdentity
from mmrank.index.store import Store
from mmrank.index.writer import Writer

MANIFEST = "manifest.json"


def export_archive(store: Store, file: str | Path) -> None:
    """Write one version of a collection into a tar file: the catalog, the segments, and a manifest of checksums.

    Indexes are left out; they are built again on import. A writer may be at work meanwhile.

    Raises:
        InputError: when the file is there already or cannot be written.
    """
    file = Path(file)
    if file.exists():
        raise InputError(f"{file} is there already; export to a new file")
    draft = file.with_name(f"{file.name}.part")
    copy = file.with_name(f"{file.name}.catalog")
    try:
        with store.snapshot() as snapshot, tarfile.open(draft, "w") as archive:
            snapshot.copy_catalog(copy)
            contents: dict[str, str] = {}
            contents[catalog.CATALOG] = _add(archive, catalog.CATALOG, copy.read_bytes())
            for segment in snapshot.segments():
                name = f"{catalog.SEGMENTS}/{segment.info.file}"
                contents[name] = _add(archive, name, segment.raw())
            _add(archive, MANIFEST, json.dumps(contents, indent=1).encode())
        draft.replace(file)
    except OSError as error:
        raise InputError(f"cannot export to {file}: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)


def import_archive(file: str | Path, path: str | Path, *, encoder: EncoderIdentity | None = None) -> Store:
    """Make a collection of what `export_archive` wrote.

    Args:
        file: the archive.
        path: a folder that is absent or empty.
        encoder: when given, it must be the one the collection was made with.

    Raises:
        InputError: when `path` is taken, or the file is missing or is not such an archive.
        MmrankError: when the archive is damaged; nothing is left at `path`.
    """
    file, path = Path(file), Path(path)
    if not file.is_file():
        raise InputError(f"there is no file {file}")
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; a collection needs a folder of its own")
    if path.exists() and any(path.iterdir()):
        raise InputError(f"{path} is not empty; a collection needs a folder of its own")
    draft = path.with_name(f"{path.name}.importing")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        (draft / catalog.SEGMENTS).mkdir(parents=True)
        (draft / catalog.CACHE).mkdir()
        _unpack(file, draft)
        connection = catalog.connect(draft, read_only=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            catalog.write_head(draft, catalog.read_properties(connection)["version"])
            store = Store.open(draft, encoder=encoder)
            Writer(draft, connection, store.encoder, lambda _: None).rebuild_indexes()
        finally:
            connection.close()
        if path.exists():
            path.rmdir()
        draft.replace(path)
    except (OSError, sqlite3.Error, tarfile.TarError, ValueError, KeyError) as error:
        if isinstance(error, MmrankError):
            raise
        raise MmrankError(f"cannot import {file}: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Store.open(path, encoder=encoder)


def _add(archive: tarfile.TarFile, name: str, data: bytes | memoryview) -> str:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
    return hashlib.sha256(data).hexdigest()


def _unpack(file: Path, folder: Path) -> None:
    if not tarfile.is_tarfile(file):
        raise InputError(f"{file} is not an export of a collection: it is not a tar file")
    with tarfile.open(file, "r:") as archive:
        # Only names of our own form are taken, so nothing can be written outside the folder.
        members = {member.name: member for member in archive.getmembers() if member.isfile()}
        if MANIFEST not in members:
            raise InputError(f"{file} is not an export of a collection: it holds no {MANIFEST}")
        stream = archive.extractfile(members[MANIFEST])
        assert stream is not None
        for name, checksum in json.load(stream).items():
            place, _, leaf = name.rpartition("/")
            known = name == catalog.CATALOG or (place == catalog.SEGMENTS and leaf.endswith(".safetensors"))
            if not known or name not in members:
                raise MmrankError(f"{file} is damaged: {name} is missing or does not belong in it")
            source = archive.extractfile(members[name])
            assert source is not None
            digest = hashlib.sha256()
            with (folder / name).open("xb") as target:
                while block := source.read(1 << 20):
                    digest.update(block)
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
            if digest.hexdigest() != checksum:
                raise MmrankError(f"{file} is damaged: {name} is not what was exported")
