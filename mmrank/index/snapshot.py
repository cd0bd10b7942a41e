"""One version of a collection, as a reader sees it."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError, MmrankError
from mmrank.index.catalog import CatalogConnection
from mmrank.index.connections import Connections
from mmrank.index.contents import Contents
from mmrank.index.filters import Filter
from mmrank.index.loaded_version import LoadedVersion
from mmrank.index.lookups import Lookups
from mmrank.index.multivector import MaxSim
from mmrank.index.quantise import restore
from mmrank.index.records import Level, Match
from mmrank.index.rows import check_rows, count, damaged, number, text
from mmrank.index.segment_checks import check_offsets
from mmrank.index.segment_data import SegmentData
from mmrank.index.segments import Kind
from mmrank.index.tokenizer import tokenize

Vectors = NDArray[np.float32]


class Snapshot(Contents):
    """Made by `Store.snapshot`. Shows one version for as long as it is open; safe to use from several threads.

    An open snapshot keeps the catalog's log from being emptied: take one per request, and close it.
    """

    __slots__ = ("_dimension", "_loaded")

    def __init__(
        self,
        connection: CatalogConnection,
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
        super().__init__(connection, connections, lookups)
        self._loaded = loaded
        self._dimension = dimension

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

    def segments(self) -> list[SegmentData]:
        """The segments of this version."""
        return [segment.data for segment in self._loaded.segments.values()]

    def read(self, statement: str) -> list[Any]:
        """Rows of the catalog, for who checks it."""
        return self._rows(statement)

    def copy_catalog(self, file: Path) -> None:
        """Copy the catalog as it is in this version to a new file."""
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
        codes, scales, offsets = self._tokens(document_id)
        if len(offsets) == 1:
            return []
        return np.split(restore(codes, scales), offsets[1:-1])

    def _tokens(self, document_id: str) -> tuple[NDArray[np.int8], Vectors, NDArray[np.int64]]:
        """Token vectors of a document in eight bits, their scales, and where each passage's begin, (passages + 1,)."""
        segment, start, rows = self._place(document_id, "token")
        if rows == 0:
            return np.zeros((0, self._dimension), np.int8), np.zeros(0, np.float32), np.zeros(1, np.int64)
        data = self._loaded.segments[segment].data
        bounds = data.offsets[start : start + rows + 1]
        first, last = int(bounds[0]), int(bounds[-1])
        check_offsets(bounds - first, last - first)
        return data.vectors[first:last], data.scales[first:last], bounds - first

    def prefetch(self, vectors: Sequence[str], arrays: Sequence[str], version: str) -> None:
        """Fetch what is about to be asked for together, where that is faster: nothing to do on this machine.

        Args:
            vectors: documents whose passages' vectors will be asked for.
            arrays: documents whose arrays will be.
            version: of the arrays.
        """

    def search_dense(
        self, vector: Vectors, k: int, level: Level = "passage", where: Filter | None = None
    ) -> list[Match]:
        """The `k` best passages or documents by inner product, best first.

        A document scores as the best of its vectors.

        Raises:
            InputError: for a vector of another shape or one that is not finite, or k below 1.
        """
        query = self._checked(vector, k)
        allowed = self._allowed(where, level) if where else None
        with _reading_segments():
            return self._matches(self._loaded.search(query, k, level, allowed), level)

    def _checked(self, vector: Vectors, k: int) -> Vectors:
        """A question's vector, (dimension,), as it can be searched for; see `search_dense`."""
        query = np.ascontiguousarray(vector, np.float32)
        dimension = self._dimension
        if query.shape != (dimension,):
            raise InputError(f"a query vector here has the shape ({dimension},), not {query.shape}")
        # A finite square is enough; where it is not, the numbers may still be (only very large).
        if not math.isfinite(query @ query) and not np.isfinite(query).all():
            raise InputError("the query vector holds a NaN or an infinity")
        _check_k(k)
        return query

    def search_lexical(self, text: str, k: int, level: Level = "passage", where: Filter | None = None) -> list[Match]:
        """The `k` best passages or documents by BM25, best first; none where no word occurs."""
        _check_k(k)
        allowed = self._allowed(where, "words") if where else None
        with _reading_segments():
            return self._matches(self._loaded.words.search(tokenize(text), k, level, allowed), level)

    def word_frequency(self, word: str) -> int:
        """In how many passages a word occurs; words are as `tokenize` makes them."""
        with _reading_segments():
            return self._loaded.words.frequency(word.encode(), "passage")

    def word_frequencies(self) -> dict[str, int]:
        """All words, and in how many passages each occurs. Removed passages count until compaction."""
        found: dict[str, int] = {}
        with _reading_segments():
            for segment in self._loaded.words.segments.values():
                rows = np.diff(segment.postings.starts).tolist()
                for term, held in zip(segment.postings.vocabulary(), rows, strict=True):
                    word = term.decode()
                    found[word] = found.get(word, 0) + held
        return found

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
            codes, scales, offsets = self._tokens(document_id)
            rows = len(offsets) - 1
            if min(wanted) < 0 or max(wanted) >= rows:
                raise InputError(f"document {document_id} has {rows} passages, not passage {max(wanted)}")
            for first, last in _neighbours(sorted(set(wanted))):
                begin, end = int(offsets[first]), int(offsets[last])
                scores = scorer.score(query, codes[begin:end], offsets[first : last + 1] - begin, scales[begin:end])
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
        places = self._rows(
            "SELECT segment, start, placements.rows FROM documents"
            " JOIN placements ON placements.document = documents.number"
            f" WHERE kind = ? AND placements.rows > 0 AND {condition} ORDER BY segment, start",
            [kind, *values],
        )
        self._check_places(places, kind)
        runs: dict[int, list[tuple[int, int]]] = {}
        for segment, start, rows in places:
            runs.setdefault(segment, []).append((start, rows))
        self._lookups.filters.put(key, runs)
        return runs

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
        check_rows("documents", rows, number=number, id=text)
        if len(rows) < len(set(numbers)):
            raise MmrankError("the catalog lacks a document that its segments hold; run `mmrank verify`")
        self._lookups.remember_ids(dict(rows))

    def _place(self, document_id: str, kind: Kind) -> tuple[int, int, int]:
        rows = self._rows(
            "SELECT segment, start, rows FROM placements WHERE kind = ?"
            " AND document = (SELECT number FROM documents WHERE id = ?)",
            (kind, document_id),
        )
        if not rows:
            self._number(document_id)
            raise InputError(f"the collection holds no {kind} vectors of {document_id}")
        self._check_places(rows[:1], kind)
        segment, start, length = rows[0]
        return segment, start, length

    def _check_places(self, places: Sequence[tuple[Any, Any, Any]], kind: Kind) -> None:
        """Refuse rows that are not in a segment of their kind.

        Raises:
            MmrankError: when some are not.
        """
        check_rows("placements", places, segment=number, start=count, rows=count)
        segments = {number: held.data.info for number, held in self._loaded.segments.items()}
        for segment, start, rows in places:
            info = segments.get(segment)
            if rows and (info is None or info.kind != kind or start + rows > info.rows):
                raise damaged("placements", "start", start)

    def _vectors(self, document_id: str, kind: Kind) -> Vectors:
        segment, start, rows = self._place(document_id, kind)
        if rows == 0:
            return np.zeros((0, self._dimension), np.float32)
        return self._loaded.segments[segment].data.vectors[start : start + rows]


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


@contextmanager
def _reading_segments() -> Iterator[None]:
    """Say so where what stands in a segment does not fit together.

    Raises:
        MmrankError: when it does not.
    """
    try:
        yield
    except MmrankError:
        raise
    except (ArithmeticError, AssertionError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        raise MmrankError(f"a segment is damaged ({error}); run `mmrank verify`") from error


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
