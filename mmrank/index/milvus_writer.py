"""One change of a collection in Milvus: written there row by row, then listed by one row, which makes it whole."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError, MmrankError
from mmrank.index.bodies import pack
from mmrank.index.input_checks import check_document
from mmrank.index.milvus_blobs import CHANGE, Layout, rows_of, runs_of
from mmrank.index.milvus_lock import Lease
from mmrank.index.milvus_server import READING, MilvusServer, Row
from mmrank.index.postings import PostingsBuilder
from mmrank.index.quantise import quantise
from mmrank.index.records import DuplicateContentError, EncoderIdentity
from mmrank.index.replica import Kept, ReplicaWriter
from mmrank.index.writer import Step, Vectors, date_of
from mmrank.types import Document

log = logging.getLogger(__name__)

GRACE = 300.0
"""Seconds for which the rows of a removed document stay: as long as a search that began before may take."""
MOST_DOOMED = 20_000
"""Removed documents whose rows stay at most."""
DELETED = 200
"""Documents whose rows are deleted at once."""


class MilvusWriter(ReplicaWriter):
    """Made by `MilvusStore.write`. Changes Milvus and the replica of this machine together."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        encoder: EncoderIdentity,
        on_step: Step,
        mapped: bool,
        *,
        server: MilvusServer,
        lease: Lease,
        before: str,
    ) -> None:
        """Begin.

        Args:
            path: the replica.
            connection: to its catalog.
            encoder: of the collection.
            on_step: called with the name of each step.
            mapped: as for `Writer`.
            server: holds the collection.
            lease: the right to write.
            before: token of the change before.
        """
        super().__init__(path, connection, encoder, on_step, mapped)
        self._server, self._lease, self._before = server, lease, before
        self._operations: list[dict[str, Any]] = []
        self._put = 0
        self._sent = self._listed = False
        self._salt = int(lease.token[:4], 16)

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
        """Add a document; see `Writer.put`."""
        metadata = dict(document.metadata if metadata is None else metadata)
        check_document(document, passage_vectors, document_vectors, token_vectors, metadata, self._encoder)
        with_id = self._connection.execute("SELECT name FROM documents WHERE id = ?", (document.id,)).fetchone()
        if with_id and with_id[0] != document.name:
            raise DuplicateContentError(document.name, with_id[0])
        number, token = self._next_number(), self._lease.token
        blobs: dict[str, bytes] = {"head": pack(document, document.name)}
        pages = runs_of(pack(page, document.name) for page in document.pages)
        passages = runs_of(pack(passage, document.name) for passage in document.passages)
        blobs |= {f"pages.{first}": data for first, data in pages}
        blobs |= {f"passages.{first}": data for first, data in passages}
        if token_vectors is not None:
            blobs["tokens"] = _tokens(token_vectors, self._encoder.dimension)
        if arrays is not None:
            blobs["arrays"] = _packed_arrays(arrays[0])
        rows = {name: rows_of(number, name, data, token) for name, data in blobs.items()}
        layout = Layout(
            head=len(rows["head"]),
            pages=tuple((first, len(rows[f"pages.{first}"])) for first, _ in pages),
            passages=tuple((first, len(rows[f"passages.{first}"])) for first, _ in passages),
            tokens=len(rows.get("tokens", ())),
            arrays=len(rows.get("arrays", ())),
            arrays_name="arrays" if arrays else "",
            arrays_version=arrays[1] if arrays else "",
        )
        kept = self._kept(document, number, metadata, layout, document_vectors, added)
        rows["replica"] = rows_of(number, "replica", kept.to_bytes(), token)
        self._step("put")
        self._send("passages", _vector_rows(number, passage_vectors, token))
        self._step("vectors")
        self._send("blobs", [row for held in rows.values() for row in held])
        self._step("blobs")
        self._broken = True
        old = self._connection.execute("SELECT number FROM documents WHERE name = ?", (document.name,)).fetchone()
        if old:
            self._forget(old[0])
        self.enter(kept)
        self._operations.append({"put": number, "rows": len(rows["replica"])})
        self._step("catalog")
        self._broken = False

    def describe(self, document_id: str, title: str, metadata: Mapping[str, str]) -> None:
        """Change the title and all metadata of a document; see `Writer.describe`."""
        super().describe(document_id, title, metadata)
        self._operations.append(
            {
                "of": self._number(document_id),
                "describe": document_id,
                "title": title,
                "metadata": dict(metadata),
            }
        )

    def remove(self, document_id: str) -> None:
        """Remove a document; see `Writer.remove`."""
        number = self._number(document_id)
        self._step("remove")
        self._forget(number)

    def put_arrays(self, document_id: str, arrays: Mapping[str, NDArray[Any]], version: str) -> None:
        """Keep what a reader prepared of a document; see `Writer.put_arrays`."""
        number = self._number(document_id)
        name = f"arrays.{self._lease.token}"
        rows = rows_of(number, name, _packed_arrays(arrays), self._lease.token)
        self._send("blobs", rows)
        (body,) = self._connection.execute("SELECT body FROM documents WHERE number = ?", (number,)).fetchone()
        held = json.loads(body) | {"arrays": len(rows), "arrays_name": name, "arrays_version": version}
        self._lay_out(number, Layout.from_json(json.dumps(held).encode()))
        self._operations.append({"of": number, "layout": held})

    def set_property(self, key: str, value: object) -> None:
        """Keep a JSON value with the collection."""
        super().set_property(key, value)
        self._operations.append({"property": key, "value": value})

    def purge(self, older: float = GRACE) -> None:
        """Delete the rows of documents that were removed more than so many seconds ago."""
        doomed = self._doomed()
        at_once = len(doomed) > MOST_DOOMED
        numbers = [number for number, at in doomed if at_once or time.time() - at > older]
        for begin in range(0, len(numbers), DELETED):
            chosen = f"number in {numbers[begin : begin + DELETED]}"
            for part in ("passages", "blobs"):
                self._server.delete(part, chosen)
        if numbers:
            self._doom(without=set(numbers))
            self._operations.append({"purge": numbers})
            self._changed = True

    def commit(self) -> bool:
        """Make the change durable and visible; see `Writer.commit`."""
        if self._changed and not self._broken:
            self.purge()
        return super().commit()

    def abandon(self) -> None:
        """Undo everything."""
        super().abandon()
        if self._sent and not self._listed:
            with contextlib.suppress(MmrankError), self._server.patient(READING):  # else the next writer does it
                clear_away(self._server, self._lease.token)

    def _publish(self) -> None:
        """List the change: from here on it is there."""
        token = self._lease.token
        at = time.time()
        data = zlib.compress(json.dumps({"at": at, "operations": self._operations}).encode())
        rows = rows_of(CHANGE, f"change.{token}", data, token)
        self._send("blobs", rows)
        self.stand_at(self.version, token)
        said = json.dumps({"rows": len(rows), "before": self._before})
        self._lease.check()
        self._step("listing")
        self._listed = True
        try:
            self._server.put("changes", [change_row(self.version, token, said)])
            self._step("listed")
            self._server.say(head=f"{self.version} {token}")
        except MmrankError as error:
            raise type(error)(
                f"{error}; whether the last change was made shows when the collection is opened again"
            ) from error

    def _send(self, part: str, rows: list[Row]) -> None:
        self._sent = True
        self._server.put(part, rows)

    def _forget(self, number: int) -> None:
        self._let_go(number, time.time())
        self._operations.append({"remove": number})

    def _number(self, document_id: str) -> int:
        row = self._connection.execute("SELECT number FROM documents WHERE id = ?", (document_id,)).fetchone()
        if row is None:
            raise InputError(f"there is no document with the id {document_id}")
        return int(row[0])

    def _next_number(self) -> int:
        """Counts up with the changes, as numbers on disk do; the last bits keep those of a dead writer apart."""
        self._put += 1
        return (self.version << 36) | (self._put << 16) | self._salt

    def _kept(
        self,
        document: Document,
        number: int,
        metadata: dict[str, str],
        layout: Layout,
        vectors: Vectors,
        added: float | None,
    ) -> Kept:
        added = time.time() if added is None else added
        record = {
            "id": document.id,
            "name": document.name,
            "path": document.path,
            "title": document.title,
            "pages": len(document.pages),
            "passages": len(document.passages),
            "added": added,
            "date": date_of(document.name, metadata, added),
            "metadata": metadata,
        }
        words = PostingsBuilder()
        words.add(number, [passage.text for passage in document.passages])
        return Kept(number, record, layout, np.asarray(vectors, np.float32), words.build())


def change_row(version: int, token: str, said: str) -> Row:
    """The row that lists a change."""
    return {
        "key": f"{version:012d}.{token}",
        "number": version,
        "change": token,
        "body": said,
        "vector": [0.0, 0.0],
    }


def clear_away(server: MilvusServer, token: str) -> None:
    """Delete the rows of a change that was never finished."""
    for part in ("passages", "blobs"):
        server.delete(part, f"change == {json.dumps(token)}")


def _vector_rows(number: int, vectors: Vectors, token: str) -> list[Row]:
    return [
        {"key": f"{number:x}.{at}", "number": number, "position": at, "change": token, "vector": vector}
        for at, vector in enumerate(np.asarray(vectors, np.float32))
    ]


def _packed_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    from safetensors.numpy import save

    return zlib.compress(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}), 1)


def _tokens(token_vectors: Sequence[Vectors], dimension: int) -> bytes:
    codes, scales = quantise(np.concatenate([*token_vectors, np.zeros((0, dimension), np.float32)]))
    offsets = np.cumsum([0, *(len(vectors) for vectors in token_vectors)])
    return _packed_arrays({"codes": codes, "scales": scales, "offsets": offsets.astype(np.int64)})
