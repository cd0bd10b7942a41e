"""`mmrank verify`: check that everything is there and undamaged."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmrank.errors import MmrankError
from mmrank.index import catalog
from mmrank.index.arrays import damaged_arrays
from mmrank.index.records import record_checksum
from mmrank.index.segments import SegmentData, SegmentInfo
from mmrank.index.vector_index import SCANNED, cache_name, file_checksum


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong: in which file (relative to the collection), what, and the names of the documents it touches.

    `kind` says what repairing it takes: "catalog" (restore from an export), "head", "leftover", "cache", "words",
    "arrays" (rebuilt), "vectors" (encoded again) or "document" (added again).
    """

    kind: str
    file: str
    what: str
    documents: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = f" ({len(self.documents)} documents: {', '.join(self.documents[:3])}…)" if self.documents else ""
        return f"{self.file}: {self.what}{names}"


def verify(path: str | Path) -> list[Problem]:
    """Check every file of a collection: checksums, counts, what refers to what. Returns nothing if all is well.

    Reads everything once. Readers and a writer may be at work meanwhile.

    Raises:
        InputError: when there is no collection at `path`.
    """
    path = Path(path)
    try:
        connection = catalog.connect(path, read_only=True)
    except MmrankError as error:
        if isinstance(error.__cause__, sqlite3.Error):
            return [Problem("catalog", catalog.CATALOG, str(error.__cause__))]
        raise
    try:
        connection.execute("BEGIN")
        return list(_problems(path, connection))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return [Problem("catalog", catalog.CATALOG, str(error))]
    finally:
        connection.close()


def _problems(path: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    faults = [row[0] for row in connection.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
    if faults:
        yield Problem("catalog", catalog.CATALOG, "; ".join(faults))
        return
    try:
        properties = catalog.read_properties(connection)
        version = int(properties["version"])
    except (KeyError, TypeError, ValueError) as error:
        yield Problem("catalog", catalog.CATALOG, f"its properties cannot be read: {error}")
        return
    head = catalog.read_head(path)
    if head is None:
        yield Problem("head", catalog.HEAD, "it is missing or unreadable")
    elif head > version:
        yield Problem(
            "head",
            catalog.HEAD,
            f"version {head} was committed, but the catalog stands at {version}: its log was damaged or not copied",
        )
    yield from _documents(connection)
    yield from _segments(path, connection)
    yield from _leftovers(path, connection)


def _documents(connection: sqlite3.Connection) -> Iterator[Problem]:
    orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    if orphans:
        yield Problem("catalog", catalog.CATALOG, f"{len(orphans)} rows belong to documents that are not there")
    metadata: dict[int, dict[str, str]] = {}
    for number, key, value in connection.execute("SELECT document, key, value FROM metadata"):
        metadata.setdefault(number, {})[key] = value
    rows = connection.execute(
        "SELECT number, id, name, path, title, pages, passages, added, date, body, checksum FROM documents"
    )
    for number, identifier, name, file, title, pages, passages, added, date, body, checksum in rows:
        fault = None
        expected = record_checksum(
            identifier, name, file, title, pages, passages, body, metadata.get(number, {}), added, date
        )
        if expected != checksum:
            fault = "its record does not match its checksum"
        for table, column, count in (("pages", "page", pages), ("passages", "position", passages)):
            found = connection.execute(f"SELECT {column}, body FROM {table} WHERE document = ?", (number,)).fetchall()
            if sorted(at for at, _ in found) != list(range(count)):
                fault = f"{len(found)} of its {count} {table} are there"
            try:
                for _, packed in found:
                    zlib.decompress(packed)
            except zlib.error as error:
                fault = f"one of its {table} cannot be read: {error}"
        if fault:
            yield Problem("document", catalog.CATALOG, f"{name}: {fault}", (name,))
    names = dict(connection.execute("SELECT number, name FROM documents").fetchall())
    damaged = tuple(names[number] for number in damaged_arrays(connection))
    if damaged:
        yield Problem("arrays", catalog.CATALOG, "arrays do not match their checksum", damaged)


def _segments(path: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    names = dict(connection.execute("SELECT number, name FROM documents").fetchall())
    multi = json.loads(connection.execute("SELECT value FROM properties WHERE key = 'encoder'").fetchone()[0])[
        "multi_vector"
    ]
    segments = catalog.committed_segments(connection)
    for kind in ("passage", "document", "words", *(["token"] if multi else [])):
        placed = {row[0] for row in connection.execute("SELECT document FROM placements WHERE kind = ?", (kind,))}
        lost = tuple(names[number] for number in names if number not in placed)
        if lost:
            yield Problem(
                "words" if kind == "words" else "vectors", catalog.CATALOG, f"{kind} rows have no place", lost
            )
    numbers = {info.number for info in segments}
    stray = connection.execute("SELECT DISTINCT segment, kind FROM placements WHERE rows > 0").fetchall()
    for number, kind in stray:
        if number not in numbers:
            touched = _touched(connection, number, kind)
            yield Problem(
                "words" if kind == "words" else "vectors", catalog.CATALOG, f"segment {number} is unknown", touched
            )
    for info in segments:
        what = _fault(path, connection, info)
        file = f"{catalog.SEGMENTS}/{info.file}"
        if what:
            kind = "words" if info.kind == "words" else "vectors"
            yield Problem(kind, file, what, _touched(connection, info.number, info.kind))
        elif info.kind in ("passage", "document") and info.rows > SCANNED:
            yield from _cache(path, info)


def _touched(connection: sqlite3.Connection, segment: int, kind: str) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT name FROM documents JOIN placements ON document = number"
        " WHERE segment = ? AND kind = ? AND placements.rows > 0 ORDER BY name",
        (segment, kind),
    )
    return tuple(row[0] for row in rows)


def _fault(path: Path, connection: sqlite3.Connection, info: SegmentInfo) -> str | None:
    try:
        data = SegmentData(path / catalog.SEGMENTS, info)
    except MmrankError as error:
        return str(error).partition(": ")[2] or str(error)
    if data.checksum() != info.checksum:
        return "it does not match its checksum"
    covered = np.zeros(info.rows, np.int64)
    places = connection.execute(
        "SELECT start, rows, document FROM placements WHERE segment = ? AND kind = ?", (info.number, info.kind)
    ).fetchall()
    for start, rows, document in places:
        covered[start : start + rows] += 1
        if (data.documents[start : start + rows] != document).any() or start + rows > info.rows:
            return f"rows {start} to {start + rows} are not those of their document"
    for start, rows in connection.execute("SELECT start, rows FROM removed WHERE segment = ?", (info.number,)):
        covered[start : start + rows] += 1
    if (covered != 1).any():
        return f"{int((covered != 1).sum())} rows belong to no document, or to several"
    return None


def _cache(path: Path, info: SegmentInfo) -> Iterator[Problem]:
    file = path / catalog.CACHE / cache_name(info.file)
    name = f"{catalog.CACHE}/{file.name}"
    if not file.exists() and not file.with_suffix(".json").exists():
        return
    try:
        note = json.loads(file.with_suffix(".json").read_text())
        if file_checksum(file) != note["sha256"]:
            yield Problem("cache", name, "it does not match its checksum")
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Problem("cache", name, f"it or its note cannot be read: {error}")


def _leftovers(path: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    files = {info.file for info in catalog.committed_segments(connection)}
    for file in sorted((path / catalog.SEGMENTS).glob("*")):
        if file.name not in files:
            yield Problem(
                "leftover", f"{catalog.SEGMENTS}/{file.name}", "no version refers to it (an interrupted write)"
            )
    for file in sorted(path.glob(f"{catalog.HEAD}.*.new")):
        yield Problem("leftover", file.name, "an unfinished note (an interrupted write)")
    caches = {cache_name(file) for file in files}
    for file in sorted((path / catalog.CACHE).glob("*")):
        if file.with_suffix(".faiss").name not in caches:
            yield Problem("leftover", f"{catalog.CACHE}/{file.name}", "no segment belongs to it")
