"""`mmrank verify`: check that everything is there and undamaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmrank.errors import MmrankError
from mmrank.index import catalog
from mmrank.index.arrays import damaged_arrays
from mmrank.index.beneath import CACHE, CATALOG, HEAD, SEGMENTS, names_in
from mmrank.index.bodies import read_page, read_passage
from mmrank.index.merging import placements
from mmrank.index.postings import Postings
from mmrank.index.properties import read_properties
from mmrank.index.records import EncoderIdentity, record_checksum
from mmrank.index.remote import is_remote
from mmrank.index.rows import check_values
from mmrank.index.saved import saved_folder, saved_problem, saved_rows
from mmrank.index.segment_checks import check_offsets, check_postings
from mmrank.index.segment_data import SegmentData
from mmrank.index.segments import SegmentInfo
from mmrank.index.vector_index import cache_name, file_checksum, read_note


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong: in which file (relative to the collection), what, and the names of the documents it touches.

    `kind` says what repairing it takes: "catalog" (restore from an export), "head", "leftover", "cache", "words",
    "arrays" (rebuilt), "vectors" (encoded again), "document" (added again), "saved" (added again; the document is still
    found) or "foreign" (moved away by you).
    """

    kind: str
    file: str
    what: str
    documents: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = f" ({len(self.documents)} documents: {', '.join(self.documents[:3])}…)" if self.documents else ""
        return f"{self.file}: {self.what}{names}"


def verify(path: str | Path) -> list[Problem]:
    """Check every file of a collection, and those that belong to it (see `mmrank.index.saved`): checksums, counts, what
    refers to what. Returns nothing if all is well.

    Reads everything once. Readers and a writer may be at work meanwhile. Of a collection in Milvus this checks what is
    on this machine, and `MilvusStore.problems` the rest.

    Raises:
        InputError: when there is no collection at `path`.
    """
    path = Path(path)
    try:
        connection = catalog.connect(path, read_only=True)
    except MmrankError as error:
        if isinstance(error.__cause__, sqlite3.Error):
            return [Problem("catalog", CATALOG, str(error.__cause__))]
        raise
    try:
        connection.execute("BEGIN")
        return list(_problems(path, connection))
    except sqlite3.Error as error:
        return [Problem("catalog", CATALOG, str(catalog.translated(error, path)))]
    except MmrankError as error:
        return [Problem("catalog", CATALOG, str(error))]
    finally:
        connection.close()


def _problems(path: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    faults = [row[0] for row in connection.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
    if faults:
        yield Problem("catalog", CATALOG, "; ".join(faults))
        return
    try:
        properties = read_properties(connection)
        version = properties.version
    except MmrankError as error:
        yield Problem("catalog", CATALOG, f"its properties cannot be read: {error}")
        return
    head = catalog.read_head(path)
    if head is None:
        yield Problem("head", HEAD, "it is missing or unreadable")
    elif head > version:
        yield Problem(
            "head",
            HEAD,
            f"version {head} was committed, but the catalog stands at {version}: its log was damaged or not copied",
        )
    check_values(connection)
    here = not is_remote(path)
    yield from _documents(connection, here)
    kinds = ("passage", "document", "words", "token") if here else ("document", "words")
    yield from _segments(path, connection, properties.encoder, kinds)
    yield from _leftovers(path, connection)
    yield from _saved(path, connection)


def _documents(connection: sqlite3.Connection, here: bool) -> Iterator[Problem]:
    """Problems of the records, and of pages and passages where these are here."""
    orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    if orphans:
        yield Problem("catalog", CATALOG, f"{len(orphans)} rows belong to documents that are not there")
    metadata: dict[int, dict[str, str]] = {}
    for owner, key, value in connection.execute("SELECT document, key, value FROM metadata"):
        metadata.setdefault(owner, {})[key] = value
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
        for table, column, wanted in (("pages", "page", pages), ("passages", "position", passages)) if here else ():
            found = connection.execute(f"SELECT {column}, body FROM {table} WHERE document = ?", (number,)).fetchall()
            if len(found) != wanted or sorted(at for at, _ in found) != list(range(wanted)):
                fault = f"{len(found)} of its {wanted} {table} are there"
            read = read_page if table == "pages" else read_passage
            try:
                for _, packed in found:
                    read(packed, name)
            except MmrankError as error:
                fault = f"one of its {table} cannot be read: {error}"
        if fault:
            yield Problem("document", CATALOG, f"{name}: {fault}", (name,))
    names = dict(connection.execute("SELECT number, name FROM documents").fetchall())
    damaged = tuple(names[number] for number in damaged_arrays(connection) if number in names)
    if damaged:
        yield Problem("arrays", CATALOG, "arrays do not match their checksum", damaged)


def _segments(
    path: Path, connection: sqlite3.Connection, encoder: EncoderIdentity, kinds: Sequence[str]
) -> Iterator[Problem]:
    names = dict(connection.execute("SELECT number, name FROM documents").fetchall())
    segments = catalog.committed_segments(connection)
    for kind in kinds:
        if kind == "token" and not encoder.multi_vector:
            continue
        placed = {row[0] for row in connection.execute("SELECT document FROM placements WHERE kind = ?", (kind,))}
        lost = tuple(names[number] for number in names if number not in placed)
        if lost:
            yield Problem("words" if kind == "words" else "vectors", CATALOG, f"{kind} rows have no place", lost)
    numbers = {info.number for info in segments}
    stray = connection.execute("SELECT DISTINCT segment, kind FROM placements WHERE rows > 0").fetchall()
    for number, kind in stray:
        if number not in numbers:
            touched = _touched(connection, number, kind)
            yield Problem("words" if kind == "words" else "vectors", CATALOG, f"segment {number} is unknown", touched)
    for info in segments:
        what = _fault(path, connection, info, encoder)
        file = f"{SEGMENTS}/{info.file}"
        if what:
            kind = "words" if info.kind == "words" else "vectors"
            yield Problem(kind, file, what, _touched(connection, info.number, info.kind))
        elif info.kind in ("passage", "document"):
            yield from _cache(path, info)


def _touched(connection: sqlite3.Connection, segment: int, kind: str) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT name FROM documents JOIN placements ON document = number"
        " WHERE segment = ? AND kind = ? AND placements.rows > 0 ORDER BY name",
        (segment, kind),
    )
    return tuple(row[0] for row in rows)


def _fault(path: Path, connection: sqlite3.Connection, info: SegmentInfo, encoder: EncoderIdentity) -> str | None:
    try:
        # Read, not mapped: whoever checks a collection may have reason to.
        data = SegmentData(path, info, mapped=False, dimension=None if info.kind == "words" else encoder.dimension)
        if data.checksum() != info.checksum:
            return "it does not match its checksum"
        if info.kind == "words":
            check_postings(Postings.of(data.arrays))
        elif info.kind == "token":
            check_offsets(data.offsets, info.items)
        places = placements(connection, info)
    except MmrankError as error:
        return str(error).partition(": ")[2] or str(error)
    covered = np.zeros(info.rows, np.int64)
    for document, start, rows in places:
        covered[start : start + rows] += 1
        if (data.documents[start : start + rows] != document).any():
            return f"rows {start} to {start + rows} are not those of their document"
    for start, rows in catalog.removed_runs(connection).get(info.number, []):
        covered[start : start + rows] += 1
    if (covered != 1).any():
        return f"{int((covered != 1).sum())} rows belong to no document, or to several"
    return None


def _cache(path: Path, info: SegmentInfo) -> Iterator[Problem]:
    file = path / CACHE / cache_name(info.file)
    name = f"{CACHE}/{file.name}"
    if not file.exists() and not file.with_suffix(".json").exists():
        return
    note = read_note(file)
    if note is None:
        yield Problem("cache", name, "its note cannot be read")
        return
    try:
        if file_checksum(file) != note[2]:
            yield Problem("cache", name, "it does not match its checksum")
    except (OSError, MmrankError) as error:
        yield Problem("cache", name, f"it cannot be read: {error}")


def _saved(path: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    folder = saved_folder(path)
    for name, identifier, owner in saved_rows(path, connection):
        if what := saved_problem(folder, name, identifier):
            yield Problem("saved", f"{folder.name}/{name}", what, (owner,))


def _leftovers(path: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    files = {info.file for info in catalog.committed_segments(connection)}
    for name in names_in(path, SEGMENTS) or []:
        if name not in files:
            yield _leftover(path, f"{SEGMENTS}/{name}", "no version refers to it (an interrupted write)")
    for file in sorted(path.glob(f"{HEAD}.*.new")):
        yield _leftover(path, file.name, "an unfinished note (an interrupted write)")
    caches = {cache_name(file) for file in files}
    for name in names_in(path, CACHE) or []:
        if str(Path(name).with_suffix(".faiss")) not in caches:
            yield _leftover(path, f"{CACHE}/{name}", "no segment belongs to it")


def _leftover(path: Path, name: str, what: str) -> Problem:
    if (path / name).is_dir() and not (path / name).is_symlink():
        return Problem("foreign", name, "a folder that mmrank did not make; move it away")
    return Problem("leftover", name, what)
