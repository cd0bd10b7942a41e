"""The files of a collection: plain names beneath its folder, opened and deleted without following links.

A collection may come from a stranger. Nothing that it says, and no link in it, leads to a file outside.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from mmrank.errors import MmrankError

CATALOG = "catalog.sqlite3"
HEAD = "HEAD"
SEGMENTS = "segments"
CACHE = "cache"
POINTER = "milvus.json"
"""Says in which Milvus the documents are, where they are not in this folder."""

_SEGMENT = re.compile(r"[0-9]{8,19}-(passage|document|token|words)-[0-9a-f]{8,32}\.safetensors")
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_RELATIVE = os.open in os.supports_dir_fd
"""Whether files can be named relative to an open folder. On Windows they cannot; there links are looked for first."""


def is_segment_name(name: object) -> bool:
    """Whether this is the name of a segment file as mmrank makes them: no folder, no link, no other file.

    >>> is_segment_name("00000012-words-7f3a90bc.safetensors"), is_segment_name("../00000012-words-7f3a90bc")
    (True, False)
    """
    return isinstance(name, str) and _SEGMENT.fullmatch(name) is not None


def check_layout(path: Path, *, writing: bool) -> None:
    """Refuse a collection whose files are links, pipes or anything else but files and folders of its own.

    Args:
        path: the collection; it may be a link itself.
        writing: refuse also a catalog that has a second name (a hard link), which may be that of another collection.

    Raises:
        MmrankError: names the first of them.
    """
    for name in (CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm", HEAD):
        found = _status(path / name)
        if found is None:
            continue
        if not stat.S_ISREG(found.st_mode):
            raise MmrankError(
                f"{path / name} is {_kind(found.st_mode)}, not a file of the collection; nothing was read"
            )
        if writing and found.st_nlink > 1:
            raise MmrankError(
                f"{path / name} has another name too (a hard link), so that writing would change another collection;"
                " copy the folder and write to the copy"
            )
    if _status(path / f"{CATALOG}-journal") is not None:
        raise MmrankError(
            f"{path / CATALOG}-journal was not made by mmrank, and SQLite would act on it; delete it if the collection"
            " comes from somebody you trust"
        )
    for name in (SEGMENTS, CACHE):
        found = _status(path / name)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise MmrankError(
                f"{path / name} is {_kind(found.st_mode)}, not a folder of the collection; nothing was read"
            )


def open_file(path: Path, folder: str, name: str) -> BufferedReader:
    """Open a file of a collection for reading, if it is a plain file in that folder ("" for the collection itself).

    Raises:
        FileNotFoundError: when there is none.
        MmrankError: when the file or the folder is a link, or no plain file.
    """
    where = path / folder / name
    try:
        with _folder(path, folder) as place:
            handle = _open(place, name, os.O_RDONLY)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MmrankError(f"{where} cannot be read: {_reason(where, error)}") from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise MmrankError(f"{where} is {_kind(mode)}, not a file of the collection")
    return os.fdopen(handle, "rb")


def delete(path: Path, folder: str, name: str) -> None:
    """Delete a file in a folder of a collection, where it is there. A link is deleted, never what it points to.

    Raises:
        OSError: when it cannot be deleted.
        MmrankError: when the name is not plain, or the folder is a link.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise MmrankError(f"{name!r} is not the name of a file in {path / folder}; nothing was deleted")
    try:
        with _folder(path, folder) as place:
            if isinstance(place, int):
                os.unlink(name, dir_fd=place)
            else:
                (place / name).unlink()
    except FileNotFoundError:
        return


def names_in(path: Path, folder: str) -> list[str] | None:
    """Names of what is in a folder of a collection, sorted; None where there is no such folder.

    Raises:
        MmrankError: when the folder is a link or cannot be read.
    """
    try:
        with _folder(path, folder) as place:
            return sorted(os.listdir(place))  # noqa: PTH208 - of an open folder
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MmrankError(f"{path / folder} cannot be read: {_reason(path / folder, error)}") from error


@contextmanager
def _folder(path: Path, folder: str) -> Iterator[int | Path]:
    """The folder, opened without following a link at its own name; its path where folders cannot be opened."""
    place = path / folder
    if not _RELATIVE:
        if folder and place.is_symlink():
            raise OSError(f"{place} is a link")
        yield place
        return
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | (_NO_FOLLOW if folder else 0))
    try:
        yield handle
    finally:
        os.close(handle)


def _open(place: int | Path, name: str, flags: int) -> int:
    if isinstance(place, int):
        return os.open(name, flags | _NO_FOLLOW, dir_fd=place)
    if (place / name).is_symlink():
        raise OSError(f"{place / name} is a link")
    return os.open(place / name, flags | _BINARY)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise MmrankError(f"{path} cannot be read: {error.strerror or error}") from error


def _reason(path: Path, error: OSError) -> str:
    return "it is a link" if path.is_symlink() or path.parent.is_symlink() else error.strerror or str(error)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a link",
        stat.S_IFDIR: "a folder",
        stat.S_IFREG: "a file",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")
