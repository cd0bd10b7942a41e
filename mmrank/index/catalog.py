"""The catalog: the SQLite file that says what a collection holds."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import zlib
from pathlib import Path
from typing import Any

from mmrank.errors import InputError, MmrankError
from mmrank.index.records import StoreLockedError
from mmrank.index.schema import APPLICATION_ID, FORMAT, MIGRATIONS, TABLES
from mmrank.index.segments import SegmentInfo

CATALOG = "catalog.sqlite3"
HEAD = "HEAD"
SEGMENTS = "segments"
CACHE = "cache"


def connect(path: Path, *, read_only: bool, wait: float = 5.0, any_format: bool = False) -> sqlite3.Connection:
    """A connection to the catalog of the collection at `path`; transactions are begun by hand.

    Args:
        path: the collection.
        read_only: never write.
        wait: seconds to wait for SQLite's own short locks.
        any_format: take a catalog of an earlier format too, to migrate it.

    Raises:
        MmrankError: when there is no collection, or it cannot be read.
    """
    file = path / CATALOG
    if not file.is_file():
        raise InputError(f"{path} is not a collection: it holds no {CATALOG}")
    address = file.resolve().as_uri()
    log = Path(f"{file}-wal")
    if not read_only:
        address += "?mode=rw"
    elif os.access(path, os.W_OK) or (log.exists() and log.stat().st_size):
        address += "?mode=ro"
    else:
        address += "?immutable=1"  # nobody can write here, and SQLite needs no file of its own beside the catalog
    try:
        connection = sqlite3.connect(
            address, uri=True, timeout=wait, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA mmap_size = 268435456")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise translated(error, path) from error
    if application != APPLICATION_ID:
        connection.close()
        raise InputError(f"{path} is not a collection: {CATALOG} is a database of something else")
    if version > FORMAT or (version < FORMAT and not any_format):
        connection.close()
        raise InputError(
            f"{path} was written in format {version}, and this mmrank reads format {FORMAT}: "
            + ("install a newer mmrank" if version > FORMAT else "run `mmrank repair` on it to bring it up to date")
        )
    return connection


def create(path: Path, properties: dict[str, Any]) -> None:
    """Make an empty collection in the folder `path`, which must be absent or empty.

    Raises:
        InputError: when something is there already, or the folder cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        if (path / CATALOG).exists():
            raise InputError(f"{path} is a collection already; open it instead")
        if any(path.iterdir()):
            raise InputError(f"{path} is not empty; a collection needs a folder of its own")
        (path / SEGMENTS).mkdir()
        (path / CACHE).mkdir()
        # Built under another name: a collection either has its whole catalog or is none.
        draft = path / f"{CATALOG}.new"
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.execute("PRAGMA page_size = 8192")
            connection.executescript(
                f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; {TABLES} COMMIT;"
            )
            for key, value in properties.items():
                write_property(connection, key, value)
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        draft.rename(path / CATALOG)
        write_head(path, 0)
    except OSError as error:
        raise InputError(f"cannot create a collection in {path}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise translated(error, path) from error


def write_property(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Keep a JSON value, with a checksum."""
    text = json.dumps(value, sort_keys=True)
    connection.execute("INSERT OR REPLACE INTO properties VALUES (?, ?, ?)", (key, text, _crc(key, text)))


def read_properties(connection: sqlite3.Connection) -> dict[str, Any]:
    """All properties of the collection.

    Raises:
        ValueError: when one does not match its checksum.
    """
    found = {}
    for key, text, crc in connection.execute("SELECT key, value, crc FROM properties"):
        if crc != _crc(key, text):
            raise ValueError(f"the property {key!r} does not match its checksum")
        found[key] = json.loads(text)
    return found


def _crc(key: str, text: str) -> int:
    return zlib.crc32(f"{key}={text}".encode())


def committed_segments(connection: sqlite3.Connection) -> list[SegmentInfo]:
    """The segments of the current version, oldest first."""
    rows = connection.execute(
        "SELECT number, kind, file, rows, items, bytes, checksum FROM segments WHERE rows > 0 ORDER BY number"
    )
    return [SegmentInfo(*row) for row in rows]


def removed_rows(connection: sqlite3.Connection) -> dict[int, int]:
    """How many rows of each segment belong to documents that are gone."""
    return dict(connection.execute("SELECT segment, sum(rows) FROM removed GROUP BY segment").fetchall())


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


def begin_write(connection: sqlite3.Connection, path: Path, wait: float) -> None:
    """Become the one writer.

    Raises:
        StoreLockedError: when another writer is at work, and was still after `wait` seconds.
        MmrankError: when the catalog cannot be written.
    """
    connection.execute(f"PRAGMA busy_timeout = {max(0, round(wait * 1000))}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            waited = f" (waited {wait:g} s)" if wait else ""
            raise StoreLockedError(
                f"another writer is at work on {path}{waited}; try again when it has finished, or wait for longer"
            ) from error
        raise translated(error, path) from error


def write_head(path: Path, version: int) -> None:
    """Note in a file next to the catalog which version was committed last: so that a lost or damaged log is noticed.

    A writer writes the note after its commit, when the next writer may have begun: each has its own draft, and the
    note of a later version is kept.
    """
    if (read_head(path) or 0) > version:
        return
    draft = path / f"{HEAD}.{secrets.token_hex(4)}.new"
    try:
        with draft.open("w") as file:
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
        text = (path / HEAD).read_text("ascii")
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
    text = str(error)
    if "readonly" in text or "unable to open" in text:
        return MmrankError(f"{path} cannot be written here ({text}); check its permissions or open it read-only")
    if "full" in text:
        return MmrankError(f"{path}: no space left on the disk; nothing was changed")
    if "malformed" in text or "not a database" in text:
        return MmrankError(f"{path}/{CATALOG} is damaged ({text}); run `mmrank verify` and restore it from an export")
    return MmrankError(f"{path}/{CATALOG}: {text}")
