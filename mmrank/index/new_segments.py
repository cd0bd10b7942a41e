"""The segments that one change writes, and those that it drops; the catalog learns of both in the change itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmrank.index.beneath import SEGMENTS
from mmrank.index.postings import Postings
from mmrank.index.quantise import quantise
from mmrank.index.segment_data import SegmentData
from mmrank.index.segments import Kind, SegmentInfo, VectorKind, VectorWriter, WordsWriter


class NewSegments:
    """At most one new segment per kind, made when the first row of the kind comes.

    Args:
        connection: the catalog, within the change.
        path: the collection.
        dimension: of the vectors.
        mapped: map the segments that are read into memory, see `SegmentData`.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, dimension: int, mapped: bool = True) -> None:
        self.path = path
        self.folder = path / SEGMENTS
        self._mapped = mapped
        self.dropped: list[str] = []
        """Files of segments that the change drops: to be deleted once it is committed."""
        self._connection = connection
        self._dimension = dimension
        self._vectors: dict[VectorKind, VectorWriter] = {}
        self._words: WordsWriter | None = None

    def read(self, info: SegmentInfo) -> SegmentData:
        """A segment that is there already."""
        dimension = None if info.kind == "words" else self._dimension
        return SegmentData(self.path, info, mapped=self._mapped, dimension=dimension)

    def vectors(self, kind: VectorKind) -> VectorWriter:
        """The new segment of vectors of this kind."""
        if kind not in self._vectors:
            self._vectors[kind] = VectorWriter(self.folder, self._number(kind), kind, self._dimension)
        return self._vectors[kind]

    def words(self) -> WordsWriter:
        """The new segment of words."""
        if self._words is None:
            self._words = WordsWriter(self.folder, self._number("words"))
        return self._words

    def of(self, kind: Kind) -> VectorWriter | WordsWriter:
        """The new segment of this kind."""
        return self.words() if kind == "words" else self.vectors(kind)

    def add_vectors(self, kind: VectorKind, document: int, vectors: NDArray[np.float32]) -> None:
        """Append the vectors (rows, dimension) of a document; `document` is its number in the catalog."""
        segment = self.vectors(kind)
        rows = len(vectors)
        start = segment.append(vectors, np.full(rows, document, np.int64), np.arange(rows, dtype=np.int32))
        self._place(document, kind, segment.number, start, rows)

    def add_tokens(self, document: int, token_vectors: Sequence[NDArray[np.float32]]) -> None:
        """Append the token vectors of a document, one (tokens, dimension) array per passage."""
        segment = self.vectors("token")
        rows = len(token_vectors)
        lengths = np.array([len(vectors) for vectors in token_vectors], np.int64)
        tokens = np.concatenate([*token_vectors, np.zeros((0, self._dimension), np.float32)])
        codes, scales = quantise(tokens)
        start = segment.append_tokens(
            codes, scales, lengths, np.full(rows, document, np.int64), np.arange(rows, dtype=np.int32)
        )
        self._place(document, "token", segment.number, start, rows)

    def add_words(self, document: int, texts: Sequence[str]) -> None:
        """Count the words of a document's passages."""
        words = self.words()
        start = words.builder.add(document, texts)
        self._place(document, "words", words.number, start, len(texts))

    def take_words(self, document: int, postings: Postings) -> None:
        """Take the words of a document's passages that were counted before."""
        words = self.words()
        rows = len(postings.documents)
        start = words.builder.take(postings, np.arange(rows))
        self._place(document, "words", words.number, start, rows)

    def drop(self, segment: int, file: str) -> None:
        """Drop an earlier segment."""
        self._connection.execute("DELETE FROM segments WHERE number = ?", (segment,))
        self._connection.execute("DELETE FROM removed WHERE segment = ?", (segment,))
        self.dropped.append(file)

    def finish(self) -> Iterator[SegmentInfo]:
        """Make the new segments durable, one after the other, and enter them in the catalog; empty ones go."""
        for segment in self._open():
            if segment.rows == 0:
                segment.discard()
                self._connection.execute("DELETE FROM segments WHERE number = ?", (segment.number,))
                continue
            info = segment.finish()
            self._connection.execute(
                "UPDATE segments SET file = ?, rows = ?, items = ?, bytes = ?, checksum = ? WHERE number = ?",
                (info.file, info.rows, info.items, info.bytes, info.checksum, info.number),
            )
            yield info

    def discard(self) -> None:
        """Delete the files of the new segments."""
        for segment in self._open():
            segment.discard()

    def _open(self) -> list[VectorWriter | WordsWriter]:
        return [*self._vectors.values(), *([self._words] if self._words else [])]

    def _number(self, kind: Kind) -> int:
        """A number for a new segment, taken by a row without contents until the segment is finished."""
        number = self._connection.execute(
            "INSERT INTO segments (kind, file, rows, items, bytes, checksum) VALUES (?, ?, 0, 0, 0, '')",
            (kind, f"pending {kind}"),
        ).lastrowid
        assert number is not None
        return number

    def _place(self, document: int, kind: Kind, segment: int, start: int, rows: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO placements VALUES (?, ?, ?, ?, ?)", (document, kind, segment, start, rows)
        )
