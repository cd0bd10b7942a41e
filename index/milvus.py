"""The store beyond one machine: the same searches on a Milvus server or cluster (or, embedded, on Milvus Lite).

Two Milvus collections, `<name>_passages` and `<name>_documents`, each row with its dense vector, its words (counted by
Milvus's own BM25) and everything filters look at. Milvus has no transactions: a document's passages are written before
its own row, and its row is removed before its passages, so that a listed document is always whole; several documents
are not one change. Document contents other than passages, and token vectors, stay out.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank import codec
from mmrank.errors import InputError, MmrankError, require
from mmrank.index.filters import Filter
from mmrank.index.records import DocumentRecord, DuplicateContentError, EncoderIdentity, Level, Match
from mmrank.index.validation import check_document
from mmrank.index.words import tokenize
from mmrank.types import Document, Passage

Vectors = NDArray[np.float32]

LIMIT = 65_535
"""Bytes of a Milvus string."""

MOST = 16_384
"""Results of one Milvus search."""

ENCODER = "mmrank.encoder"
"""Property of a Milvus collection."""

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
            _create(client, f"{name}_{level}", encoder, index)
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
        old = self._documents(f"name == {_quoted(document.name)}")
        for row in self._documents(f"document == {_quoted(document.id)}"):
            if row["name"] != document.name:
                raise DuplicateContentError(document.name, row["name"])
        added = time.time()
        shared = {
            "document": document.id,
            "name": document.name,
            "path": document.path,
            "date": metadata.get("date", datetime.fromtimestamp(added, UTC).date().isoformat())[:10],
            "metadata": metadata,
        }
        rows = []
        for passage, vector in zip(document.passages, passage_vectors, strict=True):
            row = {
                **shared,
                "key": passage.id,
                "position": passage.position,
                "words": _words(passage.text),
                "body": base64.b85encode(zlib.compress(codec.to_json(passage))).decode(),
                "vector": vector.tolist(),
            }
            if len(row["body"]) > LIMIT:
                raise InputError(
                    f"{document.name}: passage {passage.position} is too long for Milvus ({LIMIT:,} bytes)"
                )
            rows.append(row)
        record = {
            "title": document.title,
            "pages": len(document.pages),
            "passages": len(document.passages),
            "added": added,
        }
        words = _words("\n".join(passage.text for passage in document.passages))
        whole = [
            {
                **shared,
                "key": f"{document.id}#{at}",
                "position": at,
                "words": words if at == 0 else "",
                "body": json.dumps(record),
                "vector": vector.tolist(),
            }
            for at, vector in enumerate(document_vectors)
        ]
        self._send("passages", rows)
        self._send("documents", whole)
        for identifier in {row["document"] for row in old} - {document.id}:
            self.remove(identifier)

    def remove(self, document_id: str) -> None:
        """Remove a document.

        Raises:
            InputError: when there is no document with this id.
        """
        chosen = f"document == {_quoted(document_id)}"
        if not self._documents(chosen):
            raise InputError(f"there is no document with the id {document_id}")
        for level in ("documents", "passages"):
            self._store._call("delete", level, filter=chosen)

    def _documents(self, chosen: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._store._call(
            "query", "documents", filter=f"{chosen} and position == 0", output_fields=["document", "name"]
        )
        return found

    def _send(self, level: str, rows: list[dict[str, Any]]) -> None:
        for begin in range(0, len(rows), BATCH):
            self._store._call("upsert", level, data=rows[begin : begin + BATCH])


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
        rows = self._query("documents", f"position == 0 and {_expression(where)}")
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
        for row in self._query("passages", f"key in {_quoted(wanted)}") if wanted else []:
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
        rows = self._query(level, f"document == {_quoted(document_id)}", ["position", "vector"])
        rows.sort(key=lambda row: int(row["position"]))
        return np.array([row["vector"] for row in rows], np.float32).reshape(-1, self._store.encoder.dimension)

    def _search(self, data: Any, field: str, k: int, level: Level, where: Filter | None) -> list[Match]:
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}")
        found = self._store._call(
            "search",
            f"{level}s",
            data=[data],
            anns_field=field,
            limit=min(k, MOST),
            filter=_expression(where) if where else "",
            output_fields=["document", "position"],
        )[0]
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

    def _query(self, level: str, chosen: str, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
        wanted = list(fields) or ["key", "document", "name", "path", "date", "metadata", "body"]
        rows: list[dict[str, Any]] = []
        last = ""
        while True:  # by key, page after page: an answer of Milvus is bounded
            page = self._store._call(
                "query",
                level,
                filter=f"({chosen}) and key > {_quoted(last)}",
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


def _create(client: Any, name: str, encoder: EncoderIdentity, index: str) -> None:
    import pymilvus

    kinds = pymilvus.DataType
    identity = json.dumps(asdict(encoder))
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False, description=identity)
    schema.add_field("key", kinds.VARCHAR, max_length=600, is_primary=True)
    schema.add_field("document", kinds.VARCHAR, max_length=512)
    schema.add_field("position", kinds.INT64)
    schema.add_field("name", kinds.VARCHAR, max_length=LIMIT)
    schema.add_field("path", kinds.VARCHAR, max_length=LIMIT)
    schema.add_field("date", kinds.VARCHAR, max_length=10)
    schema.add_field("metadata", kinds.JSON)
    schema.add_field("body", kinds.VARCHAR, max_length=LIMIT)
    schema.add_field(
        "words", kinds.VARCHAR, max_length=LIMIT, enable_analyzer=True, analyzer_params={"tokenizer": "standard"}
    )
    schema.add_field("vector", kinds.FLOAT_VECTOR, dim=encoder.dimension)
    schema.add_field("words_bm25", kinds.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        pymilvus.Function(
            name="count_words",
            input_field_names=["words"],
            output_field_names=["words_bm25"],
            function_type=pymilvus.FunctionType.BM25,
        )
    )
    indexes = client.prepare_index_params()
    indexes.add_index("vector", index_type=index, metric_type="IP")
    indexes.add_index("words_bm25", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    client.create_collection(
        name, schema=schema, index_params=indexes, consistency_level="Strong", properties={ENCODER: identity}
    )


def _expression(where: Filter | None) -> str:
    """A filter in Milvus's language."""
    if where is None:
        return 'key > ""'
    terms = []
    if where.documents is not None:
        terms.append(f"document in {_quoted(list(where.documents))}")
    if where.names is not None:
        terms.append(f"name in {_quoted(list(where.names))}")
    if where.folder is not None:
        low = where.folder.rstrip("/") + "/"
        low, high = _quoted(low), _quoted(low[:-1] + "0")
        terms.append(f"((name >= {low} and name < {high}) or (path >= {low} and path < {high}))")
    terms += [f"metadata[{_quoted(key)}] == {_quoted(value)}" for key, value in where.metadata.items()]
    if where.since is not None:
        terms.append(f"date >= {_quoted(str(where.since))}")
    if where.until is not None:
        terms.append(f"date <= {_quoted(str(where.until) + '~')}")  # "~" sorts behind digits and "-"
    return " and ".join(terms) or 'key > ""'


def _quoted(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _words(text: str) -> str:
    """The words of a text as Milvus is to count them; what does not fit its longest string is left out."""
    return " ".join(tokenize(text)).encode()[: LIMIT - 1].decode(errors="ignore")


def _first_of_each(matches: list[Match], k: int) -> list[Match]:
    best: dict[str, Match] = {}
    for match in matches:
        best.setdefault(match.document_id, match)
    return list(best.values())[:k]
