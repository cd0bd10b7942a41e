"""What each machine that asks a collection in Milvus keeps of it: records, documents' own vectors, and words.

It is a collection on disk like any other, without pages, passages and their vectors. It follows the changes in Milvus
one by one, and can be made again from them at any time.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.index.bodies import MOST_TOGETHER, unpack
from mmrank.index.milvus_blobs import Layout
from mmrank.index.postings import Postings
from mmrank.index.properties import read_property, write_property
from mmrank.index.records import record_checksum
from mmrank.index.rows import check_rows, count, moment, number, text
from mmrank.index.segment_checks import check_postings
from mmrank.index.writer import Writer

LAST = "user:change"
"""The property with the token of the change that a replica stands at."""
DOOMED = "user:doomed"
"""The property with removed documents whose rows are still in Milvus: [number, seconds since 1970]."""

Operation = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a replica keeps of a document.

    Attributes:
        number: of the document; never used twice.
        record: its fields as the catalog has them, and its metadata.
        layout: what else of it is in Milvus.
        vectors: its own, (m, dimension).
        postings: of its passages.
    """

    number: int
    record: Mapping[str, Any]
    layout: Layout
    vectors: NDArray[np.float32]
    postings: Postings

    def to_bytes(self) -> bytes:
        """For Milvus."""
        from safetensors.numpy import save

        said = json.dumps({"record": dict(self.record), "layout": json.loads(self.layout.to_json())}).encode()
        arrays = {**self.postings.arrays(), "vectors": self.vectors, "said": np.frombuffer(said, np.uint8)}
        return zlib.compress(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}), 6)

    @classmethod
    def from_bytes(cls, number: int, data: bytes, dimension: int) -> Kept:
        """What `to_bytes` made.

        Raises:
            MmrankError: when it is something else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays = load(unpack(data, f"document {number:x}", MOST_TOGETHER))
            said = json.loads(arrays.pop("said").tobytes())
            vectors = arrays.pop("vectors")
            if vectors.ndim != 2 or vectors.shape[1] != dimension or vectors.dtype != np.float32:
                raise ValueError(f"its vectors have the shape {vectors.shape}")
            rows = len(arrays["lengths"])
            postings = replace(
                Postings.of(arrays),
                documents=np.full(rows, number, np.int64),
                positions=np.arange(rows, dtype=np.int32),
            )
            check_postings(postings)
            record = said["record"]
            values = [tuple(record[name] for name in FIELDS)]
            check_rows("documents", values, **FIELDS)
            metadata = record["metadata"]
            if not isinstance(metadata, dict) or not all(
                type(part) is str for pair in metadata.items() for part in pair
            ):
                raise ValueError("its metadata are no texts")
            return cls(number, record, Layout.from_json(json.dumps(said["layout"]).encode()), vectors, postings)
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise MmrankError(f"what Milvus holds of document {number:x} is damaged ({error})") from error


FIELDS = {
    "id": text,
    "name": text,
    "path": text,
    "title": text,
    "pages": count,
    "passages": count,
    "added": moment,
    "date": text,
}


class ReplicaWriter(Writer):
    """Changes a replica as changes in Milvus say."""

    def enter(self, kept: Kept) -> None:
        """Enter a document; none of its name or content is there."""
        record, layout = kept.record, kept.layout.to_json()
        check_rows("documents", [(kept.number,)], number=number)
        values = [record[name] for name in FIELDS]
        metadata = dict(record["metadata"])
        checksum = record_checksum(*values[:6], layout, metadata, record["added"], record["date"])
        self._connection.execute(
            "INSERT INTO documents (number, id, name, path, title, pages, passages, added, date, body, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (kept.number, *values, layout, checksum),
        )
        self._connection.executemany(
            "INSERT INTO metadata VALUES (?, ?, ?)", [(kept.number, *pair) for pair in metadata.items()]
        )
        self._segments.add_vectors("document", kept.number, kept.vectors)
        self._segments.take_words(kept.number, kept.postings)
        self._changed = True

    def apply(self, operations: Sequence[Operation], documents: Mapping[int, Kept], at: float) -> None:
        """Do what a change did.

        Args:
            operations: in their order.
            documents: by number, those that it put; without those that are removed again later.
            at: when it was committed, in seconds since 1970.
        """
        for operation in operations:
            if "put" in operation:
                if operation["put"] in documents:
                    self.enter(documents[operation["put"]])
            elif "remove" in operation:
                self._let_go(operation["remove"], at)
            elif "purge" in operation:
                self._doom(without=set(operation["purge"]))
            elif "property" in operation:
                self.set_property(operation["property"], operation["value"])
            elif self._holds(operation["of"]):
                if "layout" in operation:
                    self._lay_out(operation["of"], Layout.from_json(json.dumps(operation["layout"]).encode()))
                else:
                    super().describe(operation["describe"], operation["title"], operation["metadata"])
        self._changed = True

    def stand_at(self, version: int, token: str) -> None:
        """Say which change was applied last."""
        self.version = version
        write_property(self._connection, LAST, token)
        self._changed = True

    def clear(self) -> None:
        """Remove all documents."""
        for (each,) in self._connection.execute("SELECT number FROM documents").fetchall():
            self._remove(each)
        write_property(self._connection, DOOMED, [])
        self._changed = True

    def _holds(self, document: int) -> bool:
        return self._connection.execute("SELECT 1 FROM documents WHERE number = ?", (document,)).fetchone() is not None

    def _let_go(self, document: int, at: float) -> None:
        self._remove(document)
        self._doom(also=(document, at))
        self._changed = True

    def _doomed(self) -> list[tuple[int, float]]:
        return [(int(each), float(at)) for each, at in read_property(self._connection, DOOMED) or []]

    def _doom(self, also: tuple[int, float] | None = None, without: set[int] | None = None) -> None:
        left = [pair for pair in self._doomed() if pair[0] not in (without or ())]
        write_property(self._connection, DOOMED, [*left, *([also] if also else [])])

    def _lay_out(self, document: int, layout: Layout) -> None:
        """Change what a document's blobs are."""
        body = layout.to_json()
        row = self._connection.execute(
            "SELECT id, name, path, title, pages, passages, added, date FROM documents WHERE number = ?", (document,)
        ).fetchone()
        metadata = dict(
            self._connection.execute("SELECT key, value FROM metadata WHERE document = ?", (document,)).fetchall()
        )
        checksum = record_checksum(*row[:6], body, metadata, row[6], row[7])
        self._connection.execute(
            "UPDATE documents SET body = ?, checksum = ? WHERE number = ?", (body, checksum, document)
        )
        self._changed = True
