"""One version of a collection, as a reader sees it."""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank import codec
from mmrank.errors import InputError, MmrankError
from mmrank.index.arrays import read_arrays, without_arrays
from mmrank.index.connections import Connections
from mmrank.index.filters import Filter, unknown_key
from mmrank.index.loaded_version import LoadedVersion
from mmrank.index.lookups import Lookups
from mmrank.index.multivector import MaxSim
from mmrank.index.quantise import restore
from mmrank.index.records import DocumentPlace, DocumentRecord, Level, Match
from mmrank.index.segments import Kind, SegmentData
from mmrank.index.tokenizer import tokenize
from mmrank.types import Document, Page, Passage

Vectors = NDArray[np.float32]


class Snapshot:
    """Made by `Store.snapshot`. Shows one version for as long as it is open; safe to use from several threads.

    An open snapshot keeps the catalog's log from being emptied: take one per request, and close it.
    """

    __slots__ = ("_connection", "_connections", "_dimension", "_loaded", "_lookups", "_numbers")

    def __init__(
        self,
        connection: sqlite3.Connection,
        loaded: LoadedVersion,
        *,
        dimension: int,
        connections: Connections,
        lookups: Lookups,
    ) -> None:
        """Show a version.

        Args:
            connection: in a transaction that reads this version; given back to `connections` when the snapshot closes.
            loaded: the version's segments.
            dimension: of the vectors.
            connections: where the connection was borrowed.
            lookups: shared by the snapshots of a store.
        """
        self._connection: sqlite3.Connection | None = connection
        self._loaded = loaded
        self._dimension = dimension
        self._connections = connections
        self._lookups = lookups
        self._numbers: dict[str, int] = {}

    def close(self) -> None:
        """Release the version; also happens when the snapshot is garbage-collected."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._connections.give_back(connection)

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    @property
    def version(self) -> int:
        """Counts the changes of the collection."""
        return self._loaded.version

    def count(self, level: Level = "document") -> int:
        """Documents, or passages, in the collection."""
        table = {"document": "documents", "passage": "passages"}[level]
        return int(self._rows(f"SELECT count(*) FROM {table}")[0][0])

    def property(self, key: str) -> Any:
        """What `Writer.set_property` kept; None where nothing was."""
        rows = self._rows("SELECT value FROM properties WHERE key = ?", (f"user:{key}",))
        return json.loads(rows[0][0]) if rows else None

    def index_factory(self) -> str:
        """The FAISS index of large segments, see `Store.create`."""
        return str(json.loads(self._rows("SELECT value FROM properties WHERE key = 'index'")[0][0]))

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
        metadata: dict[int, dict[str, str]] = {}
        if where is None:
            pairs = self._rows("SELECT document, key, value FROM metadata")
        else:
            chosen = json.dumps([row[0] for row in found])
            pairs = self._rows(
                "SELECT document, key, value FROM metadata WHERE document IN (SELECT value FROM json_each(?))",
                (chosen,),
            )
        for number, key, value in pairs:
            metadata.setdefault(number, {})[key] = value
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
        number = self._number(document_id)
        document = self._lookups.documents.get(number)
        if document is None:
            document = read_document(self._open(), number)
            self._lookups.documents.put(number, document)
        title = str(self._rows("SELECT title FROM documents WHERE number = ?", (number,))[0][0])
        return document if document.title == title else replace(document, title=title)  # it may be changed later

    def page(self, document_id: str, page: int) -> Page:
        """One page of a document (0-based), without reading the others.

        Raises:
            InputError: when there is no such page.
            MmrankError: when its stored form is damaged.
        """
        number = self._number(document_id)
        cached = self._lookups.pages.get((number, page))
        if cached is not None:
            return cached
        rows = self._rows("SELECT body FROM pages WHERE document = ? AND page = ?", (number, page))
        if not rows:
            raise InputError(f"document {document_id} has no page {page + 1}")
        found = codec.from_json(Page, _unpacked(rows[0][0], f"page {page + 1} of {document_id}"))
        self._lookups.pages.put((number, page), found)
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
        number, lookup = self._number(document_id), self._lookups.passages
        found = {position: lookup.get((number, position)) for position in positions}
        if None in found.values():
            rows = self._rows(
                "SELECT position, body FROM passages WHERE document = ? AND position >= ? AND position < ?",
                (number, positions.start, positions.stop),
            )
            for position, body in rows:
                if found[position] is None:
                    passage = codec.from_json(Passage, _unpacked(body, f"{document_id}/{position}"))
                    found[position] = passage
                    lookup.put((number, position), passage)
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
        return read_arrays(self._open(), self._number(document_id), version)

    def without_arrays(self, version: str) -> list[str]:
        """Ids of the documents that have no arrays of this version, by name."""
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
            found.append(codec.from_json(Passage, _unpacked(rows[0][0], passage_id)))
        return found

    def segments(self) -> list[SegmentData]:
        """The segments of this version."""
        return [segment.data for segment in self._loaded.segments.values()]

    def copy_catalog(self, file: Path) -> None:
        """Copy the catalog as it is in this version."""
        file.unlink(missing_ok=True)
        target = sqlite3.connect(file)
        try:
            self._open().backup(target)
        finally:
            target.close()

    def passage_vectors(self, document_id: str) -> Vectors:
        """(passages, dimension) in the order of the passages; a read-only view."""
        return self._vectors(document_id, "passage")

    def document_vectors(self, document_id: str) -> Vectors:
        """(m, dimension); a read-only view."""
        return self._vectors(document_id, "document")

    def token_vectors(self, document_id: str) -> list[Vectors]:
        """One (tokens, dimension) array per passage, restored from eight bits.

        Raises:
            InputError: when the collection holds no token vectors.
        """
        segment, start, rows = self._place(document_id, "token")
        if rows == 0:
            return []
        data = self._loaded.segments[segment].data
        bounds = data.offsets[start : start + rows + 1]
        first, last = int(bounds[0]), int(bounds[-1])
        tokens = restore(data.vectors[first:last], data.scales[first:last])
        return np.split(tokens, bounds[1:-1] - first)

    def search_dense(
        self, vector: Vectors, k: int, level: Level = "passage", where: Filter | None = None
    ) -> list[Match]:
        """The `k` best passages or documents by inner product, best first.

        A document scores as the best of its vectors.

        Raises:
            InputError: for a vector of another shape or one that is not finite, or k below 1.
        """
        query = np.ascontiguousarray(vector, np.float32)
        dimension = self._dimension
        if query.shape != (dimension,):
            raise InputError(f"a query vector here has the shape ({dimension},), not {query.shape}")
        # A finite square is enough; where it is not, the numbers may still be (only very large).
        if not math.isfinite(query @ query) and not np.isfinite(query).all():
            raise InputError("the query vector holds a NaN or an infinity")
        _check_k(k)
        allowed = self._allowed(where, level) if where else None
        return self._matches(self._loaded.search(query, k, level, allowed), level)

    def search_lexical(self, text: str, k: int, level: Level = "passage", where: Filter | None = None) -> list[Match]:
        """The `k` best passages or documents by BM25, best first; none where no word occurs."""
        _check_k(k)
        allowed = self._allowed(where, "words") if where else None
        return self._matches(self._loaded.words.search(tokenize(text), k, level, allowed), level)

    def score_tokens(self, query: Vectors, places: Sequence[tuple[str, int]], *, budget: int = 64 << 20) -> list[Match]:
        """MaxSim of a question with passages, best first.

        Args:
            query: (query tokens, dimension).
            places: passages to score, as (document id, position).
            budget: bytes of working memory.

        Raises:
            InputError: when the collection holds no token vectors, or a passage does not exist.
        """
        scorer = MaxSim(budget)
        positions: dict[str, list[int]] = {}
        for document_id, position in places:
            positions.setdefault(document_id, []).append(position)
        found = []
        for document_id, wanted in positions.items():
            segment, start, rows = self._place(document_id, "token")
            if min(wanted) < 0 or max(wanted) >= rows:
                raise InputError(f"document {document_id} has {rows} passages, not passage {max(wanted)}")
            data = self._loaded.segments[segment].data
            for first, last in _neighbours(sorted(set(wanted))):
                offsets = data.offsets[start + first : start + last + 1]
                begin, end = int(offsets[0]), int(offsets[-1])
                scores = scorer.score(query, data.vectors[begin:end], offsets - begin, data.scales[begin:end])
                found += [Match(document_id, first + at, float(score)) for at, score in enumerate(scores)]
        return sorted(found, key=lambda match: (-match.score, match.document_id, match.position or 0))

    def _allowed(self, where: Filter, kind: Kind) -> dict[int, list[tuple[int, int]]]:
        """Rows of each segment (number → (start, rows) runs) that belong to the documents of a filter."""
        key = (self.version, kind, where.key)
        cached = self._lookups.filters.get(key)
        if cached is not None:
            return cached
        self._check_keys(where)
        condition, values = where.sql()
        runs: dict[int, list[tuple[int, int]]] = {}
        for segment, start, rows in self._rows(
            "SELECT segment, start, placements.rows FROM documents"
            " JOIN placements ON placements.document = documents.number"
            f" WHERE kind = ? AND placements.rows > 0 AND {condition} ORDER BY segment, start",
            [kind, *values],
        ):
            runs.setdefault(segment, []).append((start, rows))
        self._lookups.filters.put(key, runs)
        return runs

    def _check_keys(self, where: Filter) -> None:
        """Refuse a filter on a key that no document has.

        Raises:
            InputError: names the keys that there are.
        """
        for key in where.metadata:
            if not self._rows("SELECT 1 FROM metadata WHERE key = ? LIMIT 1", (key,)):
                known = [row[0] for row in self._rows("SELECT DISTINCT key FROM metadata ORDER BY key")]
                if known:
                    raise unknown_key(key, known)

    def _matches(self, found: Sequence[tuple[int, int, float]], level: Level) -> list[Match]:
        ids = self._lookups.ids
        try:
            if level == "passage":
                return [Match(ids[number], position, score) for number, position, score in found]
            return [Match(ids[number], None, score) for number, _, score in found]
        except KeyError:
            self._look_up_ids([number for number, _, _ in found])
            return self._matches(found, level)

    def _look_up_ids(self, numbers: Sequence[int]) -> None:
        rows = self._rows(
            "SELECT number, id FROM documents WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(numbers),)
        )
        if len(rows) < len(set(numbers)):
            raise MmrankError("the catalog lacks a document that its segments hold; run `mmrank verify`")
        self._lookups.remember_ids(dict(rows))

    def _number(self, document_id: str) -> int:
        if document_id in self._numbers:
            return self._numbers[document_id]
        rows = self._rows("SELECT number FROM documents WHERE id = ?", (document_id,))
        if not rows:
            raise InputError(f"there is no document with the id {document_id}")
        self._numbers[document_id] = int(rows[0][0])
        return self._numbers[document_id]

    def _place(self, document_id: str, kind: Kind) -> tuple[int, int, int]:
        rows = self._rows(
            "SELECT segment, start, rows FROM placements WHERE kind = ?"
            " AND document = (SELECT number FROM documents WHERE id = ?)",
            (kind, document_id),
        )
        if not rows:
            self._number(document_id)
            raise InputError(f"the collection holds no {kind} vectors of {document_id}")
        return rows[0]

    def _vectors(self, document_id: str, kind: Kind) -> Vectors:
        segment, start, rows = self._place(document_id, kind)
        if rows == 0:
            return np.zeros((0, self._dimension), np.float32)
        return self._loaded.segments[segment].data.vectors[start : start + rows]

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        return self._connections.rows(self._open(), statement, values)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise InputError("this snapshot was closed")
        return self._connection


def _neighbours(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending positions as runs (first, one past the last).

    >>> _neighbours([2, 3, 4, 7])
    [(2, 5), (7, 8)]
    """
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and runs[-1][1] == position:
            runs[-1] = (runs[-1][0], position + 1)
        else:
            runs.append((position, position + 1))
    return runs


def read_document(connection: sqlite3.Connection, number: int) -> Document:
    """A document by its number in the catalog.

    Raises:
        MmrankError: when its stored form is damaged.
    """
    body = connection.execute("SELECT body FROM documents WHERE number = ?", (number,)).fetchone()[0]
    pages = connection.execute("SELECT body FROM pages WHERE document = ? ORDER BY page", (number,)).fetchall()
    passages = connection.execute(
        "SELECT body FROM passages WHERE document = ? ORDER BY position", (number,)
    ).fetchall()
    what = f"document {number}"
    lists = b'"pages":[%b],"passages":[%b]' % (
        b",".join(_unpacked(row[0], what) for row in pages),
        b",".join(_unpacked(row[0], what) for row in passages),
    )
    return codec.from_json(Document, b"{%b,%b" % (lists, _without_lists(_unpacked(body, what))))


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")


def _unpacked(body: bytes, what: str) -> bytes:
    try:
        return zlib.decompress(body)
    except zlib.error as error:
        raise MmrankError(f"the stored form of {what} is damaged ({error}); run `mmrank verify`") from error


def _without_lists(head: bytes) -> bytes:
    """The JSON of a document stored without pages and passages, without its opening brace and those two keys."""
    fields = json.loads(head)
    fields.pop("pages", None)
    fields.pop("passages", None)
    return json.dumps(fields).encode()[1:]
