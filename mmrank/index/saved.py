"""Files that belong to a collection: contents that were in no file, and what was attached to PDFs.

They lie in a folder beside it, "library.mmrank.files" for "library.mmrank", where programs can open them. No link in
that folder is followed.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PureWindowsPath

from mmrank.errors import MmrankError
from mmrank.index.records import DocumentRecord, FilePlace, twins_of
from mmrank.names import TWINS
from mmrank.printable import printable

LONGEST_NAME = 200
"""Bytes of UTF-8 of each part of a name. File systems take 255, of which some are left for what stands beside it."""
LONGEST_PATH = 1000
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_RELATIVE = os.open in os.supports_dir_fd and os.unlink in os.supports_dir_fd


def saved_folder(collection: Path) -> Path:
    """The folder of the files that belong to a collection, made or not.

    >>> saved_folder(Path("/data/library.mmrank")).name
    'library.mmrank.files'
    """
    here = collection.absolute()
    return here.with_name(f"{here.name}.files")


def is_saved_name(name: str) -> bool:
    """Whether this names a file below a folder, whatever the system: "report.pdf" or "2024/report.pdf".

    >>> [is_saved_name(name) for name in ("2024/report.pdf", "../report.pdf", "C:/report.pdf", "a//b.pdf")]
    [True, False, False, False]
    """
    parts = name.split("/")
    return not (
        any(part.strip() in ("", ".", "..") or len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts)
        or "\\" in name
        or len(name) > LONGEST_PATH
        or PureWindowsPath(name).drive
        or not name.isprintable()
        or printable(name) != name
    )


def saved_name(folder: Path, file: str) -> str | None:
    """The name below the folder of saved files, where a file lies in it."""
    try:
        name = Path(file).relative_to(folder).as_posix()
    except ValueError:
        return None
    return name if is_saved_name(name) else None


def saved_rows(collection: Path, connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """The saved files that the documents of a catalog were read from: name, id of the document, its name."""
    folder = saved_folder(collection)
    rows = connection.execute(
        "SELECT id, name, path, value FROM documents LEFT JOIN metadata ON document = number AND key = ?", (TWINS,)
    )
    found = []
    for identifier, name, path, twins in rows:
        for place in (FilePlace(name, path), *twins_of({TWINS: twins or "[]"})):
            if (saved := saved_name(folder, place.path)) is not None:
                found.append((saved, identifier, place.name))
    return sorted(found)


def saved_files(collection: Path, records: Iterable[DocumentRecord]) -> dict[str, DocumentRecord]:
    """The saved files that documents were read from, by name; they need not be there any more."""
    folder = saved_folder(collection)
    named = ((saved_name(folder, place.path), record) for record in records for place in record.places)
    return {name: record for name, record in named if name is not None}


def open_saved(folder: Path, name: str) -> BufferedReader:
    """Open a saved file for reading.

    Raises:
        FileNotFoundError: when there is none.
        MmrankError: when it, or a folder that it lies in, is a link, or it is no plain file.
    """
    with _above(folder, name) as (place, leaf):
        try:
            if isinstance(place, int):
                handle = os.open(leaf, os.O_RDONLY | _NO_FOLLOW, dir_fd=place)
            elif (place / leaf).is_symlink():
                raise MmrankError(f"{place / leaf} is a link")
            else:
                handle = os.open(place / leaf, os.O_RDONLY | _BINARY)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise MmrankError(f"{folder / name} cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise MmrankError(f"{folder / name} is not a plain file")
    return os.fdopen(handle, "rb")


def saved_problem(folder: Path, name: str, identifier: str) -> str | None:
    """What is wrong with the saved file that the document `identifier` was read from."""
    try:
        with open_saved(folder, name) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "it is missing; add it again to have its pages shown"
    except (OSError, MmrankError) as error:
        return str(error)
    return None if digest.startswith(identifier) else "it is not what was read; add it again"


def delete_saved(folder: Path, names: Iterable[str]) -> None:
    """Delete saved files, and the folders that are empty then, where they are there. No link is followed.

    Raises:
        MmrankError: when one cannot be deleted.
    """
    for name in names:
        try:
            with _above(folder, name) as (place, leaf):
                if isinstance(place, int):
                    os.unlink(leaf, dir_fd=place)
                else:
                    (place / leaf).unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise MmrankError(f"{folder / name} cannot be deleted: {error.strerror or error}") from error
        above = folder / name
        with suppress(OSError):  # such as one that holds other files
            while above != folder:
                above = above.parent
                if not above.is_symlink():
                    above.rmdir()


@contextmanager
def _above(folder: Path, name: str) -> Iterator[tuple[int | Path, str]]:
    """The folder that a file lies in, opened without following links below `folder`, and the file's own name."""
    if not is_saved_name(name):
        raise MmrankError(f"{name!r} is not the name of a saved file")
    *parts, leaf = name.split("/")
    if not _RELATIVE:
        place = folder
        for part in ("", *parts):
            place /= part
            if place.is_symlink():
                raise MmrankError(f"{place} is a link")
        yield place, leaf
        return
    handles: list[int] = []
    try:
        for part in (str(folder), *parts):
            flags = os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW
            handles.append(os.open(part, flags, dir_fd=handles[-1] if handles else None))
    except FileNotFoundError:
        _close(handles)
        raise
    except OSError as error:
        _close(handles)
        raise MmrankError(f"{folder / name} cannot be reached: a folder in its path is a link, or none") from error
    try:
        yield handles[-1], leaf
    finally:
        _close(handles)


def _close(handles: list[int]) -> None:
    for handle in handles:
        os.close(handle)
