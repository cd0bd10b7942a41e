"""The store beyond one machine: the same searches on a Milvus server or cluster (or, embedded, on Milvus Lite).

Two Milvus collections, `<name>_passages` and `<name>_documents`, each row with its dense vector, its words (counted by
Milvus's own BM25) and everything filters look at. Document contents other than passages, and token vectors, stay out.

Milvus has no transactions and no snapshots. What holds nevertheless: a document is listed by its row at position 0,
which is written after everything else of it and removed before its passages; searches pass over what belongs to no
listed document. So a new document appears whole, and one whose writer died is not found; putting it again makes it
whole, and removing it clears what is left. What does not hold: several documents are not one change; one that is put
again under its id is overwritten in place, partly old and partly new until `put` returns (for good, where the writer
dies: put it again); one that replaces another id of its name stands next to it for a moment; and what a search found
may be gone when its passages are asked for.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank import codec
from mmrank.errors import InputError, MmrankError, require
from mmrank.index.filters import Filter
from mmrank.index.input_checks import check_document
from mmrank.index.milvus_rows import ENCODER, document_key, expression, make_collection, quoted, rows_of
from mmrank.index.records import DocumentRecord, DuplicateContentError, EncoderIdentity, Level, Match
from mmrank.index.tokenizer import tokenize
from mmrank.types import Document, Passage

Vectors = NDArray[np.float32]

MOST = 16_384
"""Results of one Milvus search."""

BATCH = 500
"""Rows sent at once."""


class MilvusStore:
    """A collection in Milvus. Made by `create` and `open`."""

    def __init__(self, client: Any, name: str, encoder: EncoderIdentity) -> None:
        self.name = name
        self.encoder = encoder
        self._client = client

    @classmethod
    def create(cls, address: str, *, name: str, encoder: EncoderIdentity, index: str = "AUTOINDEX") -> MilvusStore:
        """Make an empty collection.

        Args:
            address: "http://host:19530" of a server, or a path ending in ".db" for Milvus Lite.
            name: letters, digits and underscores.
            encoder: what makes the vectors.
            index: Milvus's index of the dense vectors: AUTOINDEX, FLAT, HNSW, IVF_FLAT, DISKANN, …

        Raises:
            InputError: when there is one of this name.
            MissingExtraError: when pymilvus is not installed.
        """
        client = _connect(address)
        if client.has_collection(f"{name}_passages"):
            raise InputError(f"{address} holds a collection {name!r} already; open it instead")
        for level in ("passages", "documents"):
            make_collection(client, f"{name}_{level}", encoder, index)
        return cls(client, name, encoder)

    @classmethod
    def open(cls, address: str, *, name: str, encoder: EncoderIdentity | None = None) -> MilvusStore:
        """Open a collection.

        Raises:
            InputError: when there is none of this name, or it was made with another encoder.
        """
        client = _connect(address)
        if not client.has_collection(f"{name}_documents"):
            raise InputError(f"{address} holds no collection {name!r}")
        described = client.describe_collection(f"{name}_documents")
        # Milvus Lite drops descriptions, so the encoder is kept as a property too.
        noted = described.get("properties", {}).get(ENCODER) or described["description"]
        stored = EncoderIdentity(**json.loads(noted))
        if encoder is not None and encoder != stored:
            raise InputError(f"{name!r} on {address} was made with the encoder {stored}, not with {encoder}")
        return cls(client, name, stored)

    @contextmanager
    def write(self) -> Iterator[MilvusWriter]:
        """Change the collection; documents are written one by one as they are put."""
        yield MilvusWriter(self)

    def snapshot(self) -> MilvusSearcher:
        """What there is now (and, unlike a `Snapshot`, whatever comes to be later)."""
        return MilvusSearcher(self)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _call(self, what: str, level: str, **arguments: Any) -> Any:
        from pymilvus.exceptions import MilvusException

        try:
            return getattr(self._client, what)(f"{self.name}_{level}", **arguments)
        except MilvusException as error:
            raise MmrankError(f"Milvus could not {what} in {self.name}_{level}: {error.message}") from error


class MilvusWriter:
    """Puts and removes documents."""

    def __init__(self, store: MilvusStore) -> None:
        self._store = store

    def put(
        self,
        document: Document,
        passage_vectors: Vectors,
        document_vectors: Vectors,
        token_vectors: Sequence[Vectors] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Add a document; one of the same name is replaced. See `Writer.put`.

        Raises:
            DuplicateContentError: the same content is there under another name.
            InputError: the vectors or names cannot be stored, or a passage is too long for Milvus.
        """
        metadata = dict(document.metadata if metadata is None else metadata)
        if token_vectors is not None:
            raise InputError(f"{document.name}: token vectors are kept by the store on disk only")
        check_document(document, passage_vectors, document_vectors, None, metadata, self._store.encoder)
        old = self._documents(f"name == {quoted(document.name)}")
        for row in self._documents(f"document == {quoted(document.id)}"):
            if row["name"] != document.name:
                raise DuplicateContentError(document.name, row["name"])
        passages, whole = rows_of(document, passage_vectors, document_vectors, metadata)
        here = f"document == {quoted(document.id)}"
        for level, rows in (("passages", passages), ("documents", whole)):
            for begin in range(0, len(rows), BATCH):
                self._store._call("upsert", level, data=rows[begin : begin + BATCH])
            # What an earlier put of this document, whole or not, wrote beyond it.
            self._store._call("delete", level, filter=f"{here} and position >= {len(rows)}")
        for identifier in {row["document"] for row in old} - {document.id}:
            self.remove(identifier)

    def remove(self, document_id: str) -> None:
        """Remove a document, or what a writer that died left of it.

        Raises:
            InputError: when there is nothing of a document with this id.
        """
        chosen = f"document == {quoted(document_id)}"
        levels = [
            level
            for level in ("documents", "passages")
            if self._store._call("query", level, filter=chosen, output_fields=["key"], limit=1)
        ]
        if not levels:
            raise InputError(f"there is no document with the id {document_id}")
        for level in levels:
            self._store._call("delete", level, filter=chosen)

    def _documents(self, chosen: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._store._call(
            "query", "documents", filter=f"{chosen} and position == 0", output_fields=["document", "name"]
        )
        return found


class MilvusSearcher:
    """Asks Milvus; see `mmrank.index.protocol.Searcher`."""

    def __init__(self, store: MilvusStore) -> None:
        self._store = store

    def search_dense(
        self, vector: Vectors, k: int, level: Level = "passage", where: Filter | None = None
    ) -> list[Match]:
        """The `k` best by inner product; a document scores as the best of its vectors.

        Raises:
            InputError: for a vector of another shape or one that is not finite, or k below 1.
        """
        query = np.asarray(vector, np.float32)
        if query.shape != (self._store.encoder.dimension,) or not np.isfinite(query).all():
            raise InputError(f"a query vector here is {self._store.encoder.dimension} finite numbers")
        found = self._search(query.tolist(), "vector", k if level == "passage" else 4 * k, level, where)
        return _first_of_each(found, k) if level == "document" else found

    def search_lexical(self, text: str, k: int, level: Level = "passage", where: Filter | None = None) -> list[Match]:
        """The `k` best by Milvus's BM25; none where no word occurs."""
        words = " ".join(dict.fromkeys(tokenize(text)))
        return self._search(words, "words_bm25", k, level, where) if words else []

    def documents(self, where: Filter | None = None) -> list[DocumentRecord]:
        """The documents, by name."""
        rows = self._query("documents", f"position == 0 and {expression(where)}")
        records = []
        for row in rows:
            known = json.loads(row["body"])
            records.append(
                DocumentRecord(
                    id=row["document"],
                    name=row["name"],
                    path=row["path"],
                    title=known["title"],
                    pages=known["pages"],
                    passages=known["passages"],
                    added=datetime.fromtimestamp(known["added"], UTC),
                    date=row["date"],
                    metadata=row["metadata"],
                )
            )
        return sorted(records, key=lambda record: record.name)

    def passages(self, ids: Iterable[str]) -> list[Passage]:
        """Passages by id, in the order asked for.

        Raises:
            InputError: when one does not exist.
        """
        wanted = list(ids)
        found: dict[str, Passage] = {}
        for row in self._query("passages", f"key in {quoted(wanted)}") if wanted else []:
            found[row["key"]] = codec.from_json(Passage, zlib.decompress(base64.b85decode(row["body"])))
        for passage_id in wanted:
            if passage_id not in found:
                raise InputError(f"there is no passage {passage_id}")
        return [found[passage_id] for passage_id in wanted]

    def passage_vectors(self, document_id: str) -> Vectors:
        """(passages, dimension), in the order of the passages."""
        return self._vectors("passages", document_id)

    def document_vectors(self, document_id: str) -> Vectors:
        """(m, dimension)."""
        return self._vectors("documents", document_id)

    def _vectors(self, level: str, document_id: str) -> Vectors:
        rows = self._query(level, f"document == {quoted(document_id)} and has_vector == true", ["position", "vector"])
        rows.sort(key=lambda row: int(row["position"]))
        return np.array([row["vector"] for row in rows], np.float32).reshape(-1, self._store.encoder.dimension)

    def _search(self, data: Any, field: str, k: int, level: Level, where: Filter | None) -> list[Match]:
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}")
        terms = [expression(where)] if where else []
        if level == "document" and field == "vector":
            terms.append("has_vector == true")
        unlisted: set[str] = set()
        while True:  # as a rule once: again only where rows without a listed document took some of the k places
            without = [f"document not in {quoted(sorted(unlisted))}"] if unlisted else []
            found = self._store._call(
                "search",
                f"{level}s",
                data=[data],
                anns_field=field,
                limit=min(k, MOST),
                filter=" and ".join(terms + without),
                output_fields=["document", "position"],
            )[0]
            new = self._unlisted([hit["entity"] for hit in found], level)
            if not new:
                break
            unlisted |= new
        # Milvus Lite gives BM25 as a negative distance, a server as a positive score.
        matches = [
            Match(
                hit["entity"]["document"],
                int(hit["entity"]["position"]) if level == "passage" else None,
                abs(float(hit["distance"])) if field == "words_bm25" else float(hit["distance"]),
            )
            for hit in found
        ]
        return sorted(matches, key=lambda match: (-match.score, match.document_id, match.position or 0))

    def _unlisted(self, rows: Iterable[Mapping[str, Any]], level: Level) -> set[str]:
        """Documents of these rows that are not listed (yet, or any more)."""
        unsure = {str(row["document"]) for row in rows if level == "passage" or row["position"] > 0}
        if not unsure:
            return set()
        keys = [document_key(identifier, 0) for identifier in sorted(unsure)]
        return unsure - {row["document"] for row in self._query("documents", f"key in {quoted(keys)}", ["document"])}

    def _query(self, level: str, chosen: str, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
        wanted = list(fields) or ["key", "document", "name", "path", "date", "metadata", "body"]
        rows: list[dict[str, Any]] = []
        last = ""
        while True:  # by key, page after page: an answer of Milvus is bounded
            page = self._store._call(
                "query",
                level,
                filter=f"({chosen}) and key > {quoted(last)}",
                output_fields=list({*wanted, "key"}),
                limit=MOST,
            )
            rows += page
            if len(page) < MOST:
                return rows
            last = max(row["key"] for row in page)


def _connect(address: str) -> Any:
    pymilvus = require("pymilvus", "scale")
    try:
        return pymilvus.MilvusClient(address)
    except (pymilvus.MilvusException, OSError, ValueError) as error:
        raise MmrankError(f"no Milvus can be reached at {address}: {error}") from error


def _first_of_each(matches: list[Match], k: int) -> list[Match]:
    best: dict[str, Match] = {}
    for match in matches:
        best.setdefault(match.document_id, match)
    return list(best.values())[:k]
