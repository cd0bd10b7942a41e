"""What a row in Milvus holds, and how rows are chosen by a filter."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank import codec
from mmrank.errors import InputError
from mmrank.index.filters import Filter
from mmrank.index.records import EncoderIdentity
from mmrank.index.tokenizer import tokenize
from mmrank.types import Document

Vectors = NDArray[np.float32]
Row = dict[str, Any]

LIMIT = 65_535
"""Bytes of a Milvus string."""

ENCODER = "mmrank.encoder"
"""Property of a Milvus collection."""


def make_collection(client: Any, name: str, encoder: EncoderIdentity, index: str) -> None:
    """An empty Milvus collection for rows of one level; `index` is Milvus's for the dense vectors."""
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
    schema.add_field("has_vector", kinds.BOOL)
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
    indexes.add_index("document", index_type="INVERTED")  # every put and removal chooses by it
    client.create_collection(
        name, schema=schema, index_params=indexes, consistency_level="Strong", properties={ENCODER: identity}
    )


def rows_of(
    document: Document, passage_vectors: Vectors, document_vectors: Vectors, metadata: Mapping[str, str]
) -> tuple[list[Row], list[Row]]:
    """The rows of a document's passages, and its own in the order to write them.

    It has one row per vector. The one at position 0 comes last: it lists the document and holds its words. It is there
    without a vector too: then `has_vector` is false, and no search by vectors may find it.

    Raises:
        InputError: when a passage is too long for Milvus.
    """
    added = time.time()
    shared = {
        "document": document.id,
        "name": document.name,
        "path": document.path,
        "date": metadata.get("date", datetime.fromtimestamp(added, UTC).date().isoformat())[:10],
        "metadata": dict(metadata),
    }
    passages = []
    for passage, vector in zip(document.passages, passage_vectors, strict=True):
        body = base64.b85encode(zlib.compress(codec.to_json(passage))).decode()
        if len(body) > LIMIT:
            raise InputError(f"{document.name}: passage {passage.position} is too long for Milvus ({LIMIT:,} bytes)")
        passages.append(
            {
                **shared,
                "key": passage.id,
                "position": passage.position,
                "words": _words(passage.text),
                "body": body,
                "has_vector": True,
                "vector": vector.tolist(),
            }
        )
    record = {
        "title": document.title,
        "pages": len(document.pages),
        "passages": len(document.passages),
        "added": added,
    }
    words = _words("\n".join(passage.text for passage in document.passages))
    bare = len(document_vectors) == 0
    whole = [
        {
            **shared,
            "key": document_key(document.id, at),
            "position": at,
            "words": words if at == 0 else "",
            "body": json.dumps(record),
            "has_vector": not bare,
            "vector": vector.tolist(),
        }
        for at, vector in enumerate(np.zeros((1, document_vectors.shape[1])) if bare else document_vectors)
    ]
    return passages, whole[::-1]


def document_key(document_id: str, position: int) -> str:
    """Key of a document's row."""
    return f"{document_id}#{position}"


def expression(where: Filter | None) -> str:
    """A filter in Milvus's language."""
    if where is None:
        return 'key > ""'
    terms = []
    if where.documents is not None:
        terms.append(f"document in {quoted(list(where.documents))}")
    if where.names is not None:
        terms.append(f"name in {quoted(list(where.names))}")
    if where.folder is not None:
        within = [
            f"({field} >= {quoted(low)} and {field} < {quoted(low[:-1] + '0')})"
            for field, low in product(("name", "path"), where.prefixes)
        ]
        terms.append(f"({' or '.join(within)})")
    terms += [f"metadata[{quoted(key)}] == {quoted(value)}" for key, value in where.metadata.items()]
    if where.since is not None:
        terms.append(f"date >= {quoted(str(where.since))}")
    if where.until is not None:
        terms.append(f"date <= {quoted(str(where.until) + '~')}")  # "~" sorts behind digits and "-"
    return " and ".join(terms) or 'key > ""'


def quoted(value: str | list[str]) -> str:
    """A string, or a list of them, in Milvus's language."""
    return json.dumps(value, ensure_ascii=False)


def _words(text: str) -> str:
    """The words of a text as Milvus is to count them; what does not fit its longest string is left out."""
    return " ".join(tokenize(text)).encode()[: LIMIT - 1].decode(errors="ignore")
