"""Making a collection: whole, or not at all.

It is made under another name and gets its own with one renaming: beside its place where nothing is there, inside it
where an empty folder is. What a creation that was cut off leaves behind is recognised and cleared away by the next.
"""

from __future__ import annotations

import contextlib
import errno
import re
import secrets
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmrank.errors import InputError
from mmrank.index.beneath import CACHE, CATALOG, HEAD, POINTER, SEGMENTS
from mmrank.index.catalog import sync_folder, translated, write_head
from mmrank.index.properties import Properties, write_property
from mmrank.index.schema import APPLICATION_ID, FORMAT, TABLES

_DRAFT = re.compile(r"\..*\.[0-9a-f]{16}\.creating", re.DOTALL)
_UNFINISHED = re.compile(rf"{re.escape(CATALOG)}\.new(-journal|-wal|-shm)?|{SEGMENTS}|{CACHE}")
"""What earlier versions left behind, which made a collection in its place."""
_DRAFTED = re.compile(
    rf"{re.escape(CATALOG)}(-journal|-wal|-shm)?|{HEAD}(\.[0-9a-f]{{8}}\.new)?|{SEGMENTS}|{CACHE}|{re.escape(POINTER)}"
)
ABANDONED = 3600.0
"""Seconds after which a draft that nobody writes to any more belongs to nobody."""


def is_vacant(path: Path) -> bool:
    """Whether a collection can be made at `path`: nothing is there, an empty folder, or a creation that was cut off.

    Raises:
        InputError: when it cannot be read.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode) and _leftovers(path) is not None
    except FileNotFoundError:
        return not path.is_symlink()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def check_vacant(path: Path) -> None:
    """Refuse a place where something is.

    Raises:
        InputError: says what.
    """
    if is_vacant(path):
        return
    if (path / CATALOG).exists():
        raise InputError(f"{path} is a collection already; open it instead")
    if path.is_dir():
        raise InputError(f"{path} is not empty; a collection needs a folder of its own")
    raise InputError(f"{path} is not a folder; a collection needs a folder of its own")


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes the collection `path` when the block ends, and is deleted when it fails.

    Raises:
        InputError: when something is at `path`, or nothing can be made there.
    """
    check_vacant(path)
    try:
        inside = path.exists()
        if not inside:
            path.parent.mkdir(parents=True, exist_ok=True)
            _clear_abandoned(path)
        else:
            _clear(path)
        draft = (path if inside else path.parent) / f"{_prefix(path)}{secrets.token_hex(8)}.creating"
        draft.mkdir()
    except OSError as error:
        raise _failed(path, error) from error
    try:
        (draft / SEGMENTS).mkdir()
        (draft / CACHE).mkdir()
        yield draft
        _publish(draft, path, inside)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise InputError(f"{path} was made by somebody else meanwhile; open it instead") from error
        raise _failed(path, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def create(path: Path, properties: Properties, pointer: bytes | None = None) -> None:
    """Make an empty collection in the folder `path`, which must be absent, empty, or a creation that was cut off.

    Args:
        path: the folder.
        properties: what it says of itself.
        pointer: contents of the file that says where its documents are, where they are elsewhere.

    Raises:
        InputError: when something is there already, or the folder cannot be written.
        MmrankError: when the disk is full; nothing is left at `path`.
    """
    with drafted(path) as draft:
        try:
            connection = sqlite3.connect(draft / CATALOG, isolation_level=None)
            try:
                connection.execute("PRAGMA page_size = 8192")
                connection.executescript(
                    f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; {TABLES} COMMIT;"
                )
                for key, value in properties.written().items():
                    write_property(connection, key, value)
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise translated(error, path) from error
        write_head(draft, properties.version)
        if pointer is not None:
            (draft / POINTER).write_bytes(pointer)


def _publish(draft: Path, path: Path, inside: bool) -> None:
    sync_folder(draft)
    if not inside:
        draft.rename(path)
        sync_folder(path.parent)
        return
    names = sorted(_names(draft), key=lambda name: name == CATALOG)  # the catalog last: with it the rest is there
    for name in names:
        if name == CATALOG:
            sync_folder(path)
            if (path / CATALOG).exists():
                raise FileExistsError(errno.EEXIST, "somebody else made it", str(path))
        (draft / name).rename(path / name)
    sync_folder(path)


def _leftovers(path: Path) -> list[str] | None:
    """What a creation that was cut off left in a folder, by name; None where anything else is there."""
    found = _names(path)
    drafts = [name for name in found if _is_draft(path / name)]
    for name in found:
        if name in drafts:
            continue
        place = path / name
        mode = place.lstat().st_mode
        if not (_UNFINISHED.fullmatch(name) or (drafts and _DRAFTED.fullmatch(name) and name != CATALOG)):
            return None
        if stat.S_IFMT(mode) != (stat.S_IFDIR if name in (SEGMENTS, CACHE) else stat.S_IFREG):
            return None
        if stat.S_ISDIR(mode) and not drafts and _names(place):
            return None  # a collection that lost its catalog, not one that never had one
    return found


def _is_draft(place: Path) -> bool:
    """Whether this is a folder that `drafted` made: by its name, and by what is in it."""
    if not _DRAFT.fullmatch(place.name) or not stat.S_ISDIR(place.lstat().st_mode):
        return False
    return all(map(_DRAFTED.fullmatch, _names(place)))


def _clear(path: Path) -> None:
    """Delete what `_leftovers` finds."""
    for name in _leftovers(path) or []:
        place = path / name
        if stat.S_ISDIR(place.lstat().st_mode):
            shutil.rmtree(place)
        else:
            place.unlink()


def _clear_abandoned(path: Path) -> None:
    """Delete drafts beside `path`, made for it, that were cut off some time ago."""
    with contextlib.suppress(OSError):
        for name in _names(path.parent):
            place = path.parent / name
            if name.startswith(_prefix(path)) and _is_draft(place):
                newest = max(file.lstat().st_mtime for file in (place, *place.rglob("*")))
                if time.time() - newest > ABANDONED:
                    shutil.rmtree(place)


def _names(path: Path) -> list[str]:
    return [place.name for place in path.iterdir()]


def _prefix(path: Path) -> str:
    return f".{path.name[:50]}."


def _failed(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot create a collection in {path}: {error.strerror or error}")
