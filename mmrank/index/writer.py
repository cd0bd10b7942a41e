"""One change of a collection: everything put and removed becomes visible together, or not at all."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError, MmrankError
from mmrank.index import catalog
from mmrank.index.arrays import write_arrays
from mmrank.index.beneath import CACHE, SEGMENTS, delete
from mmrank.index.bodies import pack
from mmrank.index.filters import iso_date
from mmrank.index.input_checks import check_document, check_texts
from mmrank.index.merging import merge_all, merge_small
from mmrank.index.new_segments import NewSegments
from mmrank.index.properties import read_properties, write_property
from mmrank.index.records import DuplicateContentError, EncoderIdentity, FilePlace, record_checksum
from mmrank.index.relocating import relocate
from mmrank.index.rows import finite
from mmrank.index.segments import SegmentInfo
from mmrank.index.vector_index import SCANNED, VectorIndex, build, cache_name, default_factory, drop_cache
from mmrank.types import Document

log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]
Step = Callable[[str], None]


class Writer:
    """Made by `Store.write`. Not safe for use from several threads at once."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        encoder: EncoderIdentity,
        on_step: Step,
        mapped: bool = True,
    ) -> None:
        self._folder = path / SEGMENTS
        self._path = path
        self._connection = connection
        self._encoder = encoder
        self._step = on_step
        self._segments = NewSegments(connection, path, encoder.dimension, mapped)
        self._changed = False
        self._broken = False
        self._compacting = False
        properties = read_properties(connection)
        self._identity = properties.identity
        self.version = properties.version + 1
        """The version that this change will make."""
        self.factory: str = properties.index
        """FAISS factory of large segments, or "auto"."""

    def put(
        self,
        document: Document,
        passage_vectors: Vectors,
        document_vectors: Vectors,
        token_vectors: Sequence[Vectors] | None = None,
        metadata: Mapping[str, str] | None = None,
        arrays: tuple[Mapping[str, NDArray[Any]], str] | None = None,
        added: float | None = None,
    ) -> None:
        """Add a document; one of the same name is replaced.

        Args:
            document: its `id` is the hash of its content, its `name` is unique in the collection.
            passage_vectors: (passages, dimension), in the order of `document.passages`.
            document_vectors: (m, dimension), what stands for the whole document; m may be 0 where it has no passages.
            token_vectors: one (tokens, dimension) array per passage, with a multi-vector encoder.
            metadata: what filters look at; `document.metadata` where it is not given.
            arrays: what a reader prepared of it, and its version; see `Snapshot.arrays`.
            added: when it was added to the collection, in seconds since 1970; now by default.

        Raises:
            DuplicateContentError: the same content is there under another name; nothing was changed.
            InputError: the vectors or names cannot be stored; says which; nothing was changed.
        """
        metadata = document.metadata if metadata is None else metadata
        check_document(document, passage_vectors, document_vectors, token_vectors, metadata, self._encoder)
        with_id = self._connection.execute("SELECT name FROM documents WHERE id = ?", (document.id,)).fetchone()
        if with_id and with_id[0] != document.name:
            raise DuplicateContentError(document.name, with_id[0])
        head = pack(document, document.name)
        bodies = [pack(passage, document.name) for passage in document.passages]
        pages = [pack(page, document.name) for page in document.pages]
        self._broken = True
        self._step("put")
        old = self._connection.execute("SELECT number FROM documents WHERE name = ?", (document.name,)).fetchone()
        if old:
            self._remove(old[0])
        number = self._insert(document, metadata, head, added)
        many = self._connection.executemany
        many("INSERT INTO pages VALUES (?, ?, ?)", [(number, at, body) for at, body in enumerate(pages)])
        many("INSERT INTO metadata VALUES (?, ?, ?)", [(number, *pair) for pair in metadata.items()])
        many(
            "INSERT INTO passages (document, position, body) VALUES (?, ?, ?)",
            [(number, position, body) for position, body in enumerate(bodies)],
        )
        self._step("catalog")
        self._segments.add_vectors("passage", number, passage_vectors)
        self._segments.add_vectors("document", number, document_vectors)
        if token_vectors is not None:
            self._segments.add_tokens(number, token_vectors)
        self._step("vectors")
        self.put_words(number, [passage.text for passage in document.passages])
        self._step("words")
        if arrays is not None:
            write_arrays(self._connection, number, *arrays)
            self._step("arrays")
        self._broken, self._changed = False, True

    def describe(self, document_id: str, title: str, metadata: Mapping[str, str]) -> None:
        """Change the title and all metadata of a document; its pages, passages and vectors stay as they are.

        Raises:
            InputError: when there is no document with this id, or the texts cannot be stored; nothing was changed.
        """
        row = self._connection.execute(
            "SELECT number, name, path, pages, passages, body, added FROM documents WHERE id = ?", (document_id,)
        ).fetchone()
        if row is None:
            raise InputError(f"there is no document with the id {document_id}")
        number, name, path, pages, passages, body, added = row
        check_texts(name, (title,), metadata)
        date = date_of(name, metadata, added)
        checksum = record_checksum(document_id, name, path, title, pages, passages, body, dict(metadata), added, date)
        self._broken = True
        self._connection.execute(
            "UPDATE documents SET title = ?, date = ?, checksum = ? WHERE number = ?", (title, date, checksum, number)
        )
        self._connection.execute("DELETE FROM metadata WHERE document = ?", (number,))
        self._connection.executemany(
            "INSERT INTO metadata VALUES (?, ?, ?)", [(number, *pair) for pair in metadata.items()]
        )
        self._broken, self._changed = False, True

    def relocate(self, document_id: str, places: Sequence[FilePlace]) -> None:
        """Say that the files of a document lie elsewhere; nothing else of it changes.

        Args:
            document_id: of the document.
            places: its own name and the path of its file, then those of its twins.

        Raises:
            InputError: when there is no document with this id.
        """
        self._broken = True
        relocate(self._connection, document_id, places)
        self._broken, self._changed = False, True

    def remove(self, document_id: str) -> None:
        """Remove a document.

        Raises:
            InputError: when there is no document with this id.
        """
        row = self._connection.execute("SELECT number FROM documents WHERE id = ?", (document_id,)).fetchone()
        if row is None:
            raise InputError(f"there is no document with the id {document_id}")
        self._step("remove")
        self._remove(row[0])
        self._changed = True

    def put_arrays(self, document_id: str, arrays: Mapping[str, NDArray[Any]], version: str) -> None:
        """Keep what a reader prepared of a document, in the place of what was kept before.

        Raises:
            InputError: when there is no document with this id.
        """
        row = self._connection.execute("SELECT number FROM documents WHERE id = ?", (document_id,)).fetchone()
        if row is None:
            raise InputError(f"there is no document with the id {document_id}")
        write_arrays(self._connection, row[0], arrays, version)
        self._changed = True

    def compact(self, index: str | None = None) -> None:
        """Merge the segments of each kind into one, without removed rows, and index it.

        Args:
            index: change the collection's FAISS factory, see `Store.create`.
        """
        self._compacting = self._changed = True
        if index is not None and index != self.factory:
            self.factory = index
            write_property(self._connection, "index", index)
        for info in merge_all(self._segments, self._connection):
            self._renew_index(info)

    def put_words(self, number: int, texts: Sequence[str]) -> None:
        """Count the words of a document's passages; `number` is the document's in the catalog."""
        self._segments.add_words(number, texts)

    def drop_segment(self, number: int, file: str) -> None:
        """Drop a segment; its file is deleted when the change is committed."""
        self._segments.drop(number, file)

    def touch(self) -> None:
        """Make this a change, so that readers look again."""
        self._changed = True

    def set_property(self, key: str, value: object) -> None:
        """Keep a JSON value with the collection."""
        write_property(self._connection, f"user:{key}", value)
        self._changed = True

    def _insert(self, document: Document, metadata: Mapping[str, str], body: bytes, added: float | None) -> int:
        added = finite(time.time() if added is None else added, "that it is")
        date = date_of(document.name, metadata, added)
        checksum = record_checksum(
            document.id,
            document.name,
            document.path,
            document.title,
            len(document.pages),
            len(document.passages),
            body,
            dict(metadata),
            added,
            date,
        )
        number = self._connection.execute(
            "INSERT INTO documents (id, name, path, title, pages, passages, added, date, body, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document.id,
                document.name,
                document.path,
                document.title,
                len(document.pages),
                len(document.passages),
                added,
                date,
                body,
                checksum,
            ),
        ).lastrowid
        assert number is not None
        return number

    def _remove(self, number: int) -> None:
        execute = self._connection.execute
        execute(
            "INSERT INTO removed SELECT segment, start, rows FROM placements WHERE document = ? AND rows > 0",
            (number,),
        )
        execute("DELETE FROM documents WHERE number = ?", (number,))

    def commit(self) -> bool:
        """Make the change durable and visible. Returns whether there was one. Called by `Store.write`."""
        if self._broken:
            raise MmrankError(f"{self._path}: putting a document failed halfway; nothing was changed")
        if not self._changed:
            self.abandon()
            return False
        if not self._compacting:
            merge_small(self._segments, self._connection)
        self._step("merged")
        for info in self._segments.finish():
            self._step("segment")
            self._index(info)
        catalog.sync_folder(self._folder)
        write_property(self._connection, "version", self.version)
        if self._identity is None:  # made before there were identities
            write_property(self._connection, "identity", secrets.token_hex(16))
        self._publish()
        self._step("commit")
        self._connection.execute("COMMIT")
        self._step("committed")
        try:
            catalog.write_head(self._path, self.version)
            self._step("head")
            for file in self._segments.dropped:
                delete(self._path, SEGMENTS, file)
                drop_cache(self._path / CACHE / cache_name(file))
        except (OSError, MmrankError) as error:
            log.warning("%s: the change is committed, but deleting old files failed (%s)", self._path, error)
        self._step("cleaned")
        return True

    def _publish(self) -> None:
        """What is to be done once everything is on the disk, before the change is committed."""

    def rebuild_indexes(self) -> None:
        """Build the FAISS indexes that are missing."""
        for info in catalog.committed_segments(self._connection):
            if not (self._path / CACHE / cache_name(info.file)).exists():
                self._index(info)

    def _renew_index(self, info: SegmentInfo) -> None:
        """Make the index of a segment the one that the collection asks for."""
        wanted = self._factory_for(info)
        if VectorIndex.factory_of(self._path / CACHE / cache_name(info.file)) != wanted:
            drop_cache(self._path / CACHE / cache_name(info.file))
            self._index(info)

    def _index(self, info: SegmentInfo) -> None:
        """Build the FAISS index of a segment that is large enough for one."""
        factory = self._factory_for(info)
        if factory is None:
            return
        build(self._segments.read(info).vectors, factory).save(self._path / CACHE / cache_name(info.file))
        self._step("indexed")

    def _factory_for(self, info: SegmentInfo) -> str | None:
        if info.kind not in ("passage", "document"):
            return None
        factory = self.factory if info.rows > SCANNED else "Flat"
        if self.factory == "auto":
            factory = default_factory(info.rows, self._encoder.dimension)
        return None if factory == "Flat" else factory

    def abandon(self) -> None:
        """Undo everything. Called by `Store.write`."""
        self._segments.discard()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def date_of(name: str, metadata: Mapping[str, str], added: float) -> str:
    """The date that filters look at: the metadata's, else the day the document was added."""
    if "date" in metadata:
        return iso_date(metadata["date"], f"{name}: its metadata's date")
    return datetime.fromtimestamp(added, UTC).date().isoformat()
