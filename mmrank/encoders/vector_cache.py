"""Passage vectors kept in a file, by the content they were made of: an interrupted run continues where it stopped."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import overload

import numpy as np

from mmrank.encoders.protocol import Encoder, EncoderInfo, MultiVectorEncoder, Vectors
from mmrank.errors import MmrankError
from mmrank.types import Passage, Query

WINDOW = 256
"""Passages that are looked up, encoded and stored together: the most that is lost when a run is interrupted."""

SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, rows INTEGER, data BLOB, checksum INTEGER)"


class VectorCache:
    """Arrays (rows, dimension) by key, in one SQLite file. Each `put` is all or nothing; damaged rows are not returned.

    Raises:
        MmrankError: when the file is not such a cache.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(SCHEMA)

    def get(self, keys: Sequence[bytes], dimension: int) -> dict[bytes, Vectors]:
        """The arrays that are there and undamaged. One without rows counts as damaged: every passage has a vector."""
        found: dict[bytes, Vectors] = {}
        with self._open() as connection:
            for key in keys:
                row = connection.execute("SELECT rows, data, checksum FROM vectors WHERE key = ?", (key,)).fetchone()
                if row is None or not row[0]:
                    continue
                if zlib.crc32(row[1]) != row[2] or len(row[1]) != row[0] * dimension * 4:
                    continue
                found[key] = np.frombuffer(row[1], "<f4").astype(np.float32).reshape(row[0], dimension)
        return found

    def put(self, arrays: dict[bytes, Vectors]) -> None:
        """Store all of them or, when the process ends here, none."""
        blobs = {key: (len(rows), np.ascontiguousarray(rows, "<f4").tobytes()) for key, rows in arrays.items()}
        with self._open() as connection, connection:
            connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)",
                [(key, count, blob, zlib.crc32(blob)) for key, (count, blob) in blobs.items()],
            )

    def _open(self) -> closing[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=60)
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.DatabaseError as error:
            raise MmrankError(f"{self.path} is not a cache of vectors ({error}); delete it or name another") from error
        return closing(connection)


class CachedEncoder:
    """An encoder that looks into a `VectorCache` first. Queries are not kept."""

    def __init__(self, encoder: Encoder, cache: VectorCache) -> None:
        self.encoder = encoder
        self._cache = cache

    @property
    def info(self) -> EncoderInfo:
        """The info of the encoder behind the cache."""
        return self.encoder.info

    def encode_passages(self, passages: Iterable[Passage]) -> Vectors:
        """Encode passages. Returns (passages, dimension)."""

        def encode(missing: list[Passage]) -> list[Vectors]:
            return [row[None] for row in self.encoder.encode_passages(missing)]

        rows = list(_through(self._cache, self.info, passages, encode))
        return np.concatenate(rows) if rows else np.empty((0, self.info.dimension), np.float32)

    def encode_queries(self, queries: Sequence[Query]) -> Vectors:
        """Encode queries. Returns (queries, dimension)."""
        return self.encoder.encode_queries(queries)


class CachedMultiVectorEncoder:
    """A `CachedEncoder` for an encoder with one vector per token."""

    def __init__(self, encoder: MultiVectorEncoder, cache: VectorCache) -> None:
        self.encoder = encoder
        self._cache = cache

    @property
    def info(self) -> EncoderInfo:
        """The info of the encoder behind the cache."""
        return self.encoder.info

    def encode_passages(self, passages: Iterable[Passage]) -> list[Vectors]:
        """Encode passages. Returns one (tokens, dimension) array per passage."""
        return list(_through(self._cache, self.info, passages, self.encoder.encode_passages))

    def encode_queries(self, queries: Sequence[Query]) -> list[Vectors]:
        """Encode queries. Returns one (tokens, dimension) array per query."""
        return self.encoder.encode_queries(queries)


@overload
def cached(encoder: Encoder, path: Path) -> CachedEncoder: ...
@overload
def cached(encoder: MultiVectorEncoder, path: Path) -> CachedMultiVectorEncoder: ...
def cached(encoder: Encoder | MultiVectorEncoder, path: Path) -> CachedEncoder | CachedMultiVectorEncoder:
    """The encoder with a cache in front.

    Raises:
        MmrankError: when the file at `path` is not a cache of vectors.
    """
    cache = VectorCache(path)
    if encoder.info.multi_vector:
        return CachedMultiVectorEncoder(encoder, cache)  # type: ignore[arg-type]
    return CachedEncoder(encoder, cache)  # type: ignore[arg-type]


def passage_key(info: EncoderInfo, passage: Passage) -> bytes:
    """Hash of everything the vector depends on: the encoder, how it is called, and what it reads of the passage.

    A picture counts by its document (whose id is the hash of the file), page and box; not by where the file lies.
    The precision of the computation does not count: its vectors agree.
    """
    content = [
        [part.kind, part.text, [passage.document_id, part.image.page, str(part.image.box)] if part.image else None]
        for part in passage.parts
    ]
    identity = [info.name, info.revision, info.dimension, info.pooling, info.max_tokens, info.max_pixels]
    identity += [info.calling] if info.calling else []
    return hashlib.sha256(json.dumps([identity, passage.heading_path, content]).encode()).digest()


def _through(
    cache: VectorCache,
    info: EncoderInfo,
    passages: Iterable[Passage],
    encode: Callable[[list[Passage]], list[Vectors]],
) -> Iterator[Vectors]:
    waiting = iter(passages)
    while here := list(islice(waiting, WINDOW)):
        keys = [passage_key(info, passage) for passage in here]
        found = cache.get(keys, info.dimension)
        missing = {key: passage for key, passage in zip(keys, here, strict=True) if key not in found}
        if missing:
            fresh = dict(zip(missing, encode(list(missing.values())), strict=True))
            cache.put(fresh)
            found |= fresh
        yield from (found[key] for key in keys)
