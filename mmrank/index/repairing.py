"""`mmrank repair`: bring a damaged collection back to a state that passes `mmrank verify`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.index import catalog
from mmrank.index.beneath import CACHE, CATALOG, SEGMENTS, delete, names_in
from mmrank.index.bodies import read_document, read_passage
from mmrank.index.properties import read_properties
from mmrank.index.store import check_there
from mmrank.index.vector_index import drop_cache
from mmrank.index.verification import Problem, verify
from mmrank.index.writer import Writer
from mmrank.types import Document

Vectors = NDArray[np.float32]
Encode = Callable[[Document], tuple[Vectors, Vectors, Sequence[Vectors] | None]]
"""A document to its passage vectors, document vectors and, with a multi-vector encoder, token vectors."""


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What was found; which documents were encoded again, were lost and must be added again, and got a new identity.

    Those in `unsaved` are there and found, but their file, which belongs to the collection, is not: see
    `mmrank.index.saved`. Add them again, or remove them.
    """

    problems: tuple[Problem, ...]
    encoded: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    unsaved: tuple[str, ...] = ()


def repair(path: str | Path, *, encode: Encode | None = None, wait: float = 0.0) -> RepairReport:
    """Bring a collection of an earlier format up to date, and repair what `verify` finds, in one change.

    Words and caches are rebuilt from what is stored; damaged arrays are dropped, to be prepared again. Vectors that are
    damaged are made again by `encode`; without it, and where a document itself cannot be read any more, the document is
    taken out and named in the report.

    Args:
        path: the collection.
        encode: makes the vectors of a document again.
        wait: seconds to wait for another writer to finish.

    Raises:
        InputError: when there is no collection at `path`.
        MmrankError: when the catalog itself is damaged: restore an export then, or add the files to a new collection.
    """
    path = Path(path)
    check_there(path)
    if (path / CATALOG).is_file():
        _bring_up_to_date(path, wait)
    problems = tuple(verify(path))
    broken = [problem for problem in problems if problem.kind == "catalog"]
    if broken:
        raise MmrankError(f"{path}: {broken[0]}; the catalog cannot be repaired: restore an export of the collection")
    unsaved = tuple(name for problem in problems if problem.kind == "saved" for name in problem.documents)
    if all(problem.kind == "saved" for problem in problems):
        return RepairReport(problems, unsaved=unsaved)
    connection = catalog.connect(path, read_only=False)
    try:
        catalog.begin_write(connection, path, wait)
        for folder in (SEGMENTS, CACHE):
            if names_in(path, folder) is None:
                (path / folder).mkdir()
        report = _repair(path, connection, problems, encode)
    except sqlite3.Error as error:
        raise catalog.translated(error, path) from error
    except OSError as error:
        raise MmrankError(f"{path} cannot be repaired: {error.strerror or error}") from error
    finally:
        connection.close()
    return replace(report, unsaved=unsaved)


def _bring_up_to_date(path: Path, wait: float) -> None:
    try:
        catalog.migrate(path, wait)
    except MmrankError as error:
        if not isinstance(error.__cause__, sqlite3.DatabaseError):
            raise  # a damaged catalog is reported by `verify` instead


def _repair(
    path: Path, connection: sqlite3.Connection, problems: tuple[Problem, ...], encode: Encode | None
) -> RepairReport:
    lost = {name for problem in problems if problem.kind == "document" for name in problem.documents}
    vectors = {name for problem in problems if problem.kind == "vectors" for name in problem.documents} - lost
    words = {name for problem in problems if problem.kind == "words" for name in problem.documents} - lost - vectors
    arrays = {name for problem in problems if problem.kind == "arrays" for name in problem.documents}
    writer = Writer(path, connection, read_properties(connection).encoder, lambda _: None, mapped=False)
    encoded: list[str] = []
    try:
        for name in sorted(lost):
            _take_out(connection, writer, name)
        for name in sorted(vectors):
            if encode is None or not _encode_again(connection, writer, name, encode):
                _take_out(connection, writer, name)
                lost.add(name)
            else:
                encoded.append(name)
        for name in sorted(words):
            _count_again(connection, writer, name)
        for name in sorted(arrays - lost):
            connection.execute("DELETE FROM arrays WHERE document = ?", (_number(connection, name),))
        for problem in problems:
            if problem.kind in ("words", "vectors") and problem.file != CATALOG:
                _drop_segment(connection, writer, problem.file.rpartition("/")[2])
        writer.touch()
        writer.commit()
    except BaseException:
        writer.abandon()
        raise
    for problem in problems:
        folder, _, name = problem.file.rpartition("/")
        if problem.kind == "head":  # only now: a note of a later version is kept until the loss of it is committed
            delete(path, folder, name)
            catalog.write_head(path, writer.version)
        elif problem.kind == "cache":
            drop_cache(path / problem.file)
        elif problem.kind == "leftover":
            delete(path, folder, name)
    writer.rebuild_indexes()
    return RepairReport(problems, tuple(encoded), tuple(sorted(lost)))


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute("SELECT number FROM documents WHERE name = ?", (name,)).fetchone()[0])


def _take_out(connection: sqlite3.Connection, writer: Writer, name: str) -> None:
    identifier = connection.execute("SELECT id FROM documents WHERE name = ?", (name,)).fetchone()[0]
    writer.remove(identifier)


def _encode_again(connection: sqlite3.Connection, writer: Writer, name: str, encode: Encode) -> bool:
    number = _number(connection, name)
    try:
        document = read_document(connection, number)
    except MmrankError:
        return False
    metadata = dict(connection.execute("SELECT key, value FROM metadata WHERE document = ?", (number,)).fetchall())
    writer.put(document, *encode(document), metadata=metadata)
    return True


def _count_again(connection: sqlite3.Connection, writer: Writer, name: str) -> None:
    number = _number(connection, name)
    rows = connection.execute("SELECT body FROM passages WHERE document = ? ORDER BY position", (number,))
    texts = [read_passage(row[0], name).text for row in rows]
    writer.put_words(number, texts)


def _drop_segment(connection: sqlite3.Connection, writer: Writer, file: str) -> None:
    row = connection.execute("SELECT number FROM segments WHERE file = ?", (file,)).fetchone()
    if row:
        writer.drop_segment(row[0], file)
