"""Unpacking an archive that may come from a stranger: nothing is believed, and nothing is written before it is checked.

Only plain files with the names that an export has are taken. What they claim to take is compared with the archive's own
length and with the free space before anything is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from mmrank.errors import InputError, MmrankError
from mmrank.index.beneath import CATALOG, SEGMENTS, is_segment_name
from mmrank.index.rows import shown
from mmrank.index.saved import is_saved_name, saved_folder

MANIFEST = "manifest.json"
SAVED = "files"
"""The folder in an archive of the files that belong to a collection."""
MOST_MEMBERS = 100_000
LONGEST_MANIFEST = 32 << 20
BLOCK = 1 << 20
SPARE = 64 << 20
"""Bytes that stay free on the disk."""


def unpack_archive(file: Path, folder: Path, saved: Path) -> tuple[set[str], dict[str, str]]:
    """Unpack the catalog and the segments of an export into a folder, and the files that belong to it into another one.

    Returns:
        The names of the segment files; and the checksums of the other files by name.

    Raises:
        InputError: when the file is no export.
        MmrankError: when it is damaged, or holds what an export does not hold.
        OSError: when it cannot be read, or the folder cannot be written.
    """
    with file.open("rb") as source:
        try:
            archive = tarfile.open(fileobj=cast(BinaryIO, _Careful(source, file)), mode="r:")  # noqa: SIM115 - closed below
        except tarfile.TarError as error:
            raise InputError(f"{file} is not an export of a collection: it is not a tar file") from error
        with archive:
            members = _members(archive, file, os.fstat(source.fileno()).st_size)
            manifest = _manifest(archive, members, file)
            total = sum(member.size for member in members.values())
            free = shutil.disk_usage(folder).free
            if total + SPARE > free:
                raise MmrankError(
                    f"{file} takes {total:,} bytes unpacked, and {free:,} are free on the disk; nothing was unpacked"
                )
            for name, checksum in manifest.items():
                place = saved / name.removeprefix(f"{SAVED}/") if name.startswith(f"{SAVED}/") else folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                _unpack(archive, members[name], place, checksum, file)
    others = {name.removeprefix(f"{SAVED}/"): manifest[name] for name in manifest if name.startswith(f"{SAVED}/")}
    return {name.rpartition("/")[2] for name in manifest if name.startswith(f"{SEGMENTS}/")}, others


@contextmanager
def drafted_files(collection: Path) -> Iterator[Path]:
    """A folder to fill with the files that belong to a new collection; it gets its name when the block ends, where
    anything is in it, and is deleted when the block fails.

    Raises:
        InputError: when something is at its place already.
    """
    place = saved_folder(collection)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name[:50]}.", suffix=".importing", dir=place.parent) as made:
        draft = Path(made) / SAVED
        draft.mkdir()
        yield draft
        if not any(draft.iterdir()):
            return
        try:
            if place.is_dir() and not place.is_symlink():
                place.rmdir()  # an empty one
            if place.exists() or place.is_symlink():
                raise FileExistsError
            draft.rename(place)
        except OSError as error:
            raise InputError(
                f"{place} is there already; the files of the collection need this place: move it away"
            ) from error


def _members(archive: tarfile.TarFile, file: Path, length: int) -> dict[str, tarfile.TarInfo]:
    """The members of an archive by name, each a plain file of an export that lies wholly in it."""
    members: dict[str, tarfile.TarInfo] = {}
    try:
        for member in archive:
            name = member.name
            place, _, leaf = name.rpartition("/")
            saved = name.startswith(f"{SAVED}/") and is_saved_name(name)
            if not (saved or name in (MANIFEST, CATALOG) or (place == SEGMENTS and is_segment_name(leaf))):
                raise MmrankError(f"{file} holds {shown(name)}, which no export holds; nothing was unpacked")
            if not member.isfile() or member.issparse():
                raise MmrankError(f"{file} is damaged: {name} is no plain file in it; nothing was unpacked")
            if name in members:
                raise MmrankError(f"{file} is damaged: it holds {name} twice; nothing was unpacked")
            if member.size < 0 or member.offset_data + member.size > length:
                raise MmrankError(
                    f"{file} is damaged: {name} claims {member.size:,} bytes, which are not in it; nothing was unpacked"
                )
            members[name] = member
            if len(members) > MOST_MEMBERS:
                raise MmrankError(f"{file} holds more than {MOST_MEMBERS:,} files, which no export holds")
    except tarfile.TarError as error:
        raise MmrankError(f"{file} is damaged ({error}); nothing was unpacked") from error
    return members


def _manifest(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], file: Path) -> dict[str, str]:
    """The checksum of each file, by name."""
    if MANIFEST not in members:
        raise InputError(f"{file} is not an export of a collection: it holds no {MANIFEST}, or is cut off")
    member = members.pop(MANIFEST)
    if member.size > LONGEST_MANIFEST:
        raise MmrankError(f"{file} is damaged: its {MANIFEST} takes {member.size:,} bytes; nothing was unpacked")
    try:
        manifest = json.loads(_stream(archive, member).read(LONGEST_MANIFEST))
    except (ValueError, RecursionError) as error:
        raise MmrankError(f"{file} is damaged: its {MANIFEST} is no JSON ({error}); nothing was unpacked") from error
    if not isinstance(manifest, dict) or not all(isinstance(checksum, str) for checksum in manifest.values()):
        raise MmrankError(f"{file} is damaged: its {MANIFEST} does not list checksums; nothing was unpacked")
    for name in sorted({CATALOG} | manifest.keys() | members.keys()):
        if name not in members or name not in manifest:
            raise MmrankError(f"{file} is damaged: {shown(name)} is missing or does not belong in it")
    return manifest


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, checksum: str, file: Path) -> None:
    source = _stream(archive, member)
    digest = hashlib.sha256()
    with target.open("xb") as written:
        while block := source.read(BLOCK):
            digest.update(block)
            written.write(block)
        written.flush()
        os.fsync(written.fileno())
    if digest.hexdigest() != checksum:
        raise MmrankError(f"{file} is damaged: {member.name} is not what was exported")


def _stream(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    stream = archive.extractfile(member)
    assert stream is not None  # a plain file
    return cast(BinaryIO, stream)


class _Careful:
    """A file that is never read in larger pieces than an archive of ours needs: headers can claim any length."""

    def __init__(self, source: BufferedReader, file: Path) -> None:
        self._source = source
        self._file = file
        self.tell = source.tell
        self.seek = source.seek

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > LONGEST_MANIFEST:
            raise MmrankError(f"{self._file} is damaged: a header in it claims to be {size:,} bytes long")
        return self._source.read(size)
