"""Documents whose files lie elsewhere now: their stored form says so, and nothing else of them changes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from mmrank.errors import InputError
from mmrank.index.bodies import pack, read_document
from mmrank.index.records import FilePlace, record_checksum
from mmrank.names import TWINS
from mmrank.types import Passage


def relocate(connection: sqlite3.Connection, document_id: str, places: Sequence[FilePlace]) -> None:
    """Say where the files of a document lie; see `Writer.relocate`.

    Raises:
        InputError: when there is no document with this id.
    """
    row = connection.execute(
        "SELECT number, name, title, pages, passages, added, date FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    if row is None:
        raise InputError(f"there is no document with the id {document_id}")
    number, name, title, pages, count, added, date = row
    path = places[0].path
    document = read_document(connection, number)
    body = pack(replace(document, path=path), name)
    passages = [(pack(_moved(passage, path), name), number, passage.position) for passage in document.passages]
    metadata = dict(connection.execute("SELECT key, value FROM metadata WHERE document = ?", (number,)).fetchall())
    if TWINS in metadata:
        metadata[TWINS] = json.dumps([list(place) for place in places[1:]], ensure_ascii=False)
    checksum = record_checksum(document_id, name, path, title, pages, count, body, metadata, added, date)
    connection.execute(
        "UPDATE documents SET path = ?, body = ?, checksum = ? WHERE number = ?", (path, body, checksum, number)
    )
    connection.executemany("UPDATE passages SET body = ? WHERE document = ? AND position = ?", passages)
    connection.execute(
        "UPDATE metadata SET value = ? WHERE document = ? AND key = ?", (metadata.get(TWINS, ""), number, TWINS)
    )


def _moved(passage: Passage, path: str) -> Passage:
    parts = (replace(part, image=replace(part.image, path=path)) if part.image else part for part in passage.parts)
    return replace(passage, parts=tuple(parts))
