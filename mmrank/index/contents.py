"""What a version of a collection holds: documents, pages, passages, and what was prepared of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from numpy.typing import NDArray

from mmrank.errors import InputError
from mmrank.index.arrays import arrays_version, read_arrays, without_arrays
from mmrank.index.bodies import read_document, read_page, read_passage
from mmrank.index.catalog import CatalogConnection
from mmrank.index.connections import Connections
from mmrank.index.filters import Filter, unknown_key
from mmrank.index.lookups import Lookups
from mmrank.index.properties import read_property
from mmrank.index.records import DocumentPlace, DocumentRecord, Level
from mmrank.index.rows import blob, check_rows, count, moment, number, size, text
from mmrank.types import Document, Page, Passage


class Contents:
    """The part of a `Snapshot` that reads the catalog alone."""

    __slots__ = ("_connection", "_connections", "_lookups", "_numbers")

    def __init__(self, connection: CatalogConnection, connections: Connections, lookups: Lookups) -> None:
        self._connection: CatalogConnection | None = connection
        self._connections = connections
        self._lookups = lookups
        self._numbers: dict[str, int] = {}

    def close(self) -> None:
        """Release the version; also happens when the snapshot is garbage-collected."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._connections.give_back(connection)

    def count(self, level: Level = "document") -> int:
        """Documents, or passages, in the collection."""
        table = {"document": "documents", "passage": "passages"}[level]
        return int(self._rows(f"SELECT count(*) FROM {table}")[0][0])

    def property(self, key: str) -> Any:
        """What `Writer.set_property` kept; None where nothing was."""
        with self._connections.reading():
            return read_property(self._open(), f"user:{key}")

    def index_factory(self) -> str:
        """The FAISS index of large segments, see `Store.create`."""
        with self._connections.reading():
            return str(read_property(self._open(), "index"))

    def documents(self, where: Filter | None = None) -> list[DocumentRecord]:
        """The documents that satisfy a filter, by name."""
        if where is not None:
            self._check_keys(where)
        condition, values = where.sql() if where else ("1", [])
        found = self._rows(
            "SELECT number, id, name, path, title, pages, passages, added, date FROM documents"
            f" WHERE {condition} ORDER BY name",
            values,
        )
        check_rows(
            "documents",
            found,
            number=number,
            id=text,
            name=text,
            path=text,
            title=text,
            pages=count,
            passages=count,
            added=moment,
            date=text,
        )
        metadata: dict[int, dict[str, str]] = {}
        if where is None:
            pairs = self._rows("SELECT document, key, value FROM metadata")
        else:
            chosen = json.dumps([row[0] for row in found])
            pairs = self._rows(
                "SELECT document, key, value FROM metadata WHERE document IN (SELECT value FROM json_each(?))",
                (chosen,),
            )
        check_rows("metadata", pairs, document=size, key=text, value=text)
        for owner, key, value in pairs:
            metadata.setdefault(owner, {})[key] = value
        return [
            DocumentRecord(
                id=row[1],
                name=row[2],
                path=row[3],
                title=row[4],
                pages=row[5],
                passages=row[6],
                added=datetime.fromtimestamp(row[7], UTC),
                date=row[8],
                metadata=metadata.get(row[0], {}),
            )
            for row in found
        ]

    def document(self, document_id: str) -> Document:
        """A document with its pages, elements and passages.

        Raises:
            InputError: when there is none with this id.
            MmrankError: when its stored form is damaged.
        """
        at = self._number(document_id)
        document = self._lookups.documents.get(at)
        if document is None:
            with self._connections.reading():
                document = read_document(self._open(), at)
            self._lookups.documents.put(at, document)
        [(title,)] = rows = self._rows("SELECT title FROM documents WHERE number = ?", (at,))
        check_rows("documents", rows, title=text)
        return document if document.title == title else replace(document, title=title)  # it may be changed later

    def page(self, document_id: str, page: int) -> Page:
        """One page of a document (0-based), without reading the others.

        Raises:
            InputError: when there is no such page.
            MmrankError: when its stored form is damaged.
        """
        at = self._number(document_id)
        cached = self._lookups.pages.get((at, page))
        if cached is not None:
            return cached
        rows = self._rows("SELECT body FROM pages WHERE document = ? AND page = ?", (at, page))
        if not rows:
            raise InputError(f"document {document_id} has no page {page + 1}")
        found = read_page(rows[0][0], f"page {page + 1} of {document_id}")
        self._lookups.pages.put((at, page), found)
        return found

    def passage(self, document_id: str, position: int) -> Passage:
        """One passage of a document, by its position.

        Raises:
            InputError: when there is no such passage.
            MmrankError: when its stored form is damaged.
        """
        [found] = self.run_of_passages(document_id, range(position, position + 1))
        return found

    def run_of_passages(self, document_id: str, positions: range) -> tuple[Passage, ...]:
        """Passages of a document that follow one another, read together.

        Args:
            document_id: the document.
            positions: a range with step 1.

        Raises:
            InputError: when one does not exist.
            MmrankError: when the stored form of one is damaged.
        """
        at, lookup = self._number(document_id), self._lookups.passages
        found = {position: lookup.get((at, position)) for position in positions}
        if None in found.values():
            rows = self._rows(
                "SELECT position, body FROM passages WHERE document = ? AND position >= ? AND position < ?",
                (at, positions.start, positions.stop),
            )
            check_rows("passages", rows, position=count, body=blob)
            for position, body in rows:
                if found[position] is None:
                    passage = read_passage(body, f"{document_id}/{position}")
                    found[position] = passage
                    lookup.put((at, position), passage)
        made = tuple(passage for passage in found.values() if passage is not None)
        if len(made) < len(found):
            missing = next(position for position, passage in found.items() if passage is None)
            raise InputError(f"there is no passage {document_id}/{missing}")
        return made

    def arrays(self, document_id: str, version: str) -> Mapping[str, NDArray[Any]] | None:
        """What `Writer.put_arrays` kept of a document; None where there is nothing of this version.

        Raises:
            InputError: when there is no document with this id.
            MmrankError: when they are damaged.
        """
        with self._connections.reading():
            return read_arrays(self._open(), self._number(document_id), version)

    def arrays_version(self, document_id: str) -> str | None:
        """The version of the arrays that are kept of a document; None where there are none.

        Raises:
            InputError: when there is no document with this id.
        """
        with self._connections.reading():
            return arrays_version(self._open(), self._number(document_id))

    def without_arrays(self, version: str) -> list[str]:
        """Ids of the documents that have no arrays of this version, by name."""
        with self._connections.reading():
            return without_arrays(self._open(), version)

    def places(self, ids: Sequence[str]) -> list[DocumentPlace]:
        """Number, name and path of documents, in the order of their ids. A number is never used twice.

        Raises:
            InputError: when one does not exist.
        """
        rows = self._rows(
            "SELECT id, number, name, path FROM documents WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        check_rows("documents", rows, id=text, number=number, name=text, path=text)
        found = {row[0]: DocumentPlace(*row) for row in rows}
        for identifier in ids:
            if identifier not in found:
                raise InputError(f"there is no document with the id {identifier}")
            self._numbers[identifier] = found[identifier].number
        return [found[identifier] for identifier in ids]

    def passages(self, ids: Iterable[str]) -> list[Passage]:
        """Passages by id ("<document id>/<position>"), in the order asked for.

        Raises:
            InputError: when one does not exist.
        """
        found = []
        for passage_id in ids:
            document_id, _, position = passage_id.rpartition("/")
            rows = self._rows(
                "SELECT passages.body FROM passages JOIN documents ON documents.number = passages.document"
                " WHERE documents.id = ? AND position = ?",
                (document_id, int(position) if position.isdigit() else -1),
            )
            if not rows:
                raise InputError(f"there is no passage {passage_id}")
            found.append(read_passage(rows[0][0], passage_id))
        return found

    def _check_keys(self, where: Filter) -> None:
        """Refuse a filter on a key that no document has.

        Raises:
            InputError: names the keys that there are.
        """
        for key in where.metadata:
            if not self._rows("SELECT 1 FROM metadata WHERE key = ? LIMIT 1", (key,)):
                rows = self._rows("SELECT DISTINCT key FROM metadata ORDER BY key")
                check_rows("metadata", rows, key=text)
                known = [row[0] for row in rows]
                if known:
                    raise unknown_key(key, known)

    def _number(self, document_id: str) -> int:
        if document_id in self._numbers:
            return self._numbers[document_id]
        rows = self._rows("SELECT number FROM documents WHERE id = ?", (document_id,))
        if not rows:
            raise InputError(f"there is no document with the id {document_id}")
        check_rows("documents", rows, number=number)
        self._numbers[document_id] = rows[0][0]
        return self._numbers[document_id]

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        return self._connections.rows(self._open(), statement, values)

    def _open(self) -> CatalogConnection:
        if self._connection is None:
            raise InputError("this snapshot was closed")
        return self._connection
