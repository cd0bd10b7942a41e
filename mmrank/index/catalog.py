"""The catalog: the SQLite file that says what a collection holds."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import sqlite3
import zlib
from pathlib import Path

from mmrank.errors import InputError, MmrankError
from mmrank.index.beneath import CATALOG, HEAD, check_layout, is_segment_name, open_file
from mmrank.index.records import StoreLockedError
from mmrank.index.rows import check_rows, count, damaged, number, shown, size, text
from mmrank.index.schema import APPLICATION_ID, FORMAT, MIGRATIONS, check_schema
from mmrank.index.segments import KINDS, SegmentInfo

STEPS = 1000
MOST_STEPS = 50
"""Reading the schema of a catalog may take so many times `STEPS` steps of SQLite's machine: ours takes one."""

LONGEST_WAIT = 1_000_000.0
"""Seconds that a writer waits for another at most: twelve days."""

LARGEST = 512 << 20
"""Bytes of the largest value in a catalog; no page, passage or array comes near."""


class CatalogConnection(sqlite3.Connection):
    """A connection that knows for which `PRAGMA schema_version` its schema was checked, and which file it reads."""

    checked_schema = -1
    place: tuple[object, ...] = ()


def connect(path: Path, *, read_only: bool, wait: float = 5.0, any_format: bool = False) -> CatalogConnection:
    """A connection to the catalog of the collection at `path`; transactions are begun by hand.

    Nothing in the catalog is run: its schema must be the one that mmrank makes (`mmrank.index.schema`).

    Args:
        path: the collection.
        read_only: never write. In a collection of another user, or where nothing can be written, not even SQLite's
            own files are made beside the catalog.
        wait: seconds to wait for SQLite's own short locks.
        any_format: take a catalog of an earlier format too, to migrate it.

    Raises:
        MmrankError: when there is no collection, or it cannot be read, or was not made by mmrank.
    """
    check_layout(path, writing=not read_only)
    file = path / CATALOG
    if not file.is_file():
        raise InputError(f"{path} is not a collection: it holds no {CATALOG}")
    address = (path.resolve() / CATALOG).as_uri() + ("?" + _reading(path) if read_only else "?mode=rw")
    try:
        connection = sqlite3.connect(
            address,
            uri=True,
            timeout=wait,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=CatalogConnection,
        )
    except sqlite3.Error as error:
        raise translated(error, path) from error
    try:
        _prepare(connection, path, any_format)
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: CatalogConnection, path: Path, any_format: bool) -> None:
    """Set the limits of a new connection, and check that the catalog is one of ours."""
    connection.execute("PRAGMA trusted_schema = OFF")
    configure = getattr(connection, "setconfig", None)  # from Python 3.12 on
    if configure is not None:
        configure(getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE"), True)  # noqa: B009
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)  # VACUUM attaches its copy
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA mmap_size = 0")  # a catalog that is cut while it is mapped would kill the process
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise InputError(f"{path} is not a collection: {CATALOG} is a database of something else")
    if version > FORMAT or (version < FORMAT and not any_format):
        raise InputError(
            f"{path} was written in format {version}, and this mmrank reads format {FORMAT}: "
            + ("install a newer mmrank" if version > FORMAT else "run `mmrank repair` on it to bring it up to date")
        )
    check_tables(connection, path, version)


def check_tables(connection: CatalogConnection, path: Path, version: int = FORMAT) -> None:
    """Refuse a catalog whose schema mmrank did not make, unless it was checked since it changed.

    Raises:
        MmrankError: names the collection and what does not belong in it.
    """
    taken = itertools.count()
    connection.set_progress_handler(lambda: next(taken) >= MOST_STEPS, STEPS)
    try:
        stamp = connection.execute("PRAGMA schema_version").fetchone()[0]
        if stamp != connection.checked_schema:
            check_schema(connection, version)
            connection.checked_schema = stamp
    except MmrankError as error:
        raise MmrankError(f"{path}: {error}") from error
    finally:
        connection.set_progress_handler(None, 0)


def _reading(path: Path) -> str:
    """How SQLite is to open a catalog that is only read."""
    log = path / f"{CATALOG}-wal"
    foreign = not os.access(path, os.W_OK) or (hasattr(os, "geteuid") and path.stat().st_uid != os.geteuid())
    if not foreign:
        return "mode=ro"
    if log.exists() and log.stat().st_size:
        return "mode=ro&readonly_shm=1"
    return "immutable=1"  # SQLite then needs no file of its own beside the catalog


def committed_segments(connection: sqlite3.Connection) -> list[SegmentInfo]:
    """The segments of the current version, oldest first.

    Raises:
        MmrankError: when one is not as mmrank writes it: a name that leads elsewhere, an impossible count.
    """
    found = connection.execute(
        "SELECT number, kind, file, rows, items, bytes, checksum FROM segments WHERE rows > 0 ORDER BY number"
    ).fetchall()
    check_rows(
        "segments", found, number=number, kind=text, file=text, rows=count, items=size, bytes=size, checksum=text
    )
    segments = [SegmentInfo(*row) for row in found]
    for info in segments:
        if not is_segment_name(info.file):
            raise MmrankError(
                f"the catalog names the segment file {shown(info.file)}, which is no plain name of a segment; nothing"
                " was opened or deleted; do not use a collection that says so"
            )
        if info.kind not in KINDS:
            raise damaged("segments", "kind", info.kind)
    if len({info.file for info in segments}) < len(segments):
        raise MmrankError("the catalog names a segment file twice; restore it from an export")
    return segments


def removed_runs(connection: sqlite3.Connection) -> dict[int, list[tuple[int, int]]]:
    """The rows of each segment that belong to documents that are gone, as runs (start, rows).

    Raises:
        MmrankError: when they are not as mmrank writes them.
    """
    found = connection.execute("SELECT segment, start, rows FROM removed ORDER BY segment, start").fetchall()
    check_rows("removed", found, segment=number, start=count, rows=count)
    runs: dict[int, list[tuple[int, int]]] = {}
    for segment, start, rows in found:
        runs.setdefault(segment, []).append((start, rows))
    return runs


def removed_rows(connection: sqlite3.Connection) -> dict[int, int]:
    """How many rows of each segment belong to documents that are gone."""
    return {segment: sum(rows for _, rows in runs) for segment, runs in removed_runs(connection).items()}


def migrate(path: Path, wait: float = 0.0) -> int:
    """Bring a collection of an earlier format up to date, in one transaction. Returns the format it had.

    Raises:
        InputError: when it is of a newer format, or of one from which no migration starts.
        StoreLockedError: when another writer is at work.
    """
    connection = connect(path, read_only=False, any_format=True)
    try:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found == FORMAT:
            return found
        begin_write(connection, path, wait)
        for version in range(found, FORMAT):
            if version not in MIGRATIONS:
                raise InputError(f"{path} was written in format {version}, which this mmrank cannot bring up to date")
            for statement in filter(None, map(str.strip, MIGRATIONS[version].split(";"))):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
        return found
    except sqlite3.Error as error:
        raise translated(error, path) from error
    finally:
        connection.close()


def begin_write(connection: CatalogConnection, path: Path, wait: float) -> None:
    """Become the one writer.

    Raises:
        StoreLockedError: when another writer is at work, and was still after `wait` seconds.
        MmrankError: when the catalog cannot be written.
    """
    if not wait >= 0:
        raise InputError(f"a wait is some seconds, from 0 on, not {wait}")
    connection.execute(f"PRAGMA busy_timeout = {round(min(wait, LONGEST_WAIT) * 1000)}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            waited = f" (waited {wait:g} s)" if wait else ""
            raise StoreLockedError(
                f"another writer is at work on {path}{waited}; try again when it has finished, or wait for longer"
            ) from error
        raise translated(error, path) from error
    try:
        check_tables(connection, path)
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def place_of(path: Path, read_only: bool) -> tuple[object, ...]:
    """What changes when another catalog takes the place of this one, or when a connection does not see changes to it.

    Raises:
        InputError: when there is no catalog any more.
    """
    try:
        found = (path / CATALOG).stat()
    except OSError as error:
        raise InputError(f"{path} is not a collection any more: it holds no {CATALOG}") from error
    if read_only and (reading := _reading(path)) != "mode=ro":
        return found.st_dev, found.st_ino, reading, found.st_mtime_ns, found.st_size
    return found.st_dev, found.st_ino


def write_head(path: Path, version: int) -> None:
    """Note in a file next to the catalog which version was committed last: so that a lost or damaged log is noticed.

    A writer writes the note after its commit, when the next writer may have begun: each has its own draft, and the
    note of a later version is kept.
    """
    if (read_head(path) or 0) > version:
        return
    draft = path / f"{HEAD}.{secrets.token_hex(4)}.new"
    try:
        with draft.open("x") as file:
            file.write(_head(version))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path / HEAD)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path)


def read_head(path: Path) -> int | None:
    """The version noted last; None where the note is missing or unreadable."""
    try:
        with open_file(path, "", HEAD) as file:
            text = file.read(64).decode("ascii")
        version = int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return version if text == _head(version) else None


def _head(version: int) -> str:
    return f"{version} {zlib.crc32(str(version).encode()):08x}\n"


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def translated(error: sqlite3.Error, path: Path) -> MmrankError:
    """An error of SQLite as one that says what to do about it."""
    said = " ".join(str(error).split())[:200]
    if "readonly" in said or "unable to open" in said:
        return MmrankError(f"{path} cannot be written here ({said}); check its permissions or open it read-only")
    if "full" in said:
        return MmrankError(f"{path}: no space left on the disk; nothing was changed")
    if "interrupted" in said:
        return MmrankError(f"{path}: its catalog holds more tables than mmrank makes; nothing was read")
    if "UTF-8" in said:
        column = re.search(r"column '(\w+)'", said)
        said = f"a text that is no UTF-8{f' in column {column[1]}' if column else ''}"
        return MmrankError(f"{path}/{CATALOG} is damaged ({said}); run `mmrank verify` and restore it from an export")
    if any(word in said for word in ("malformed", "not a database", "constraint", "too big", "corrupt", "mismatch")):
        return MmrankError(f"{path}/{CATALOG} is damaged ({said}); run `mmrank verify` and restore it from an export")
    return MmrankError(f"{path}/{CATALOG}: {said}")
