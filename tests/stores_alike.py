"""Small collections of every kind of store: on this disk, in Milvus Lite, and on a real Milvus server."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mmrank.index import MilvusStore, Store

KINDS = ["disk", "lite", pytest.param("server", marks=pytest.mark.cluster)]
WORDS = ["antelope", "badger", "camel", "dormouse", "eagle", "ferret"]


def make_store(kind, request, folder, encoder) -> Store:
    """An empty collection of some kind."""
    path = folder / f"library{time.time_ns()}"
    if kind == "disk":
        return Store.create(path, encoder=encoder)
    uri = request.getfixturevalue("lite") if kind == "lite" else request.getfixturevalue("milvus_server").uri
    return MilvusStore.create(path, uri=uri, name=f"t{time.time_ns()}", encoder=encoder, index="FLAT")


def make_library(kind, request, folder, encoder, make_document, vectors_of) -> Store:
    """Six documents in two folders, with metadata."""
    store = make_store(kind, request, folder, encoder)
    with store.write() as writer:
        for at, word in enumerate(WORDS):
            vectors = vectors_of(word, 3)
            texts = [f"{word} one shared", f"{word} two shared shared", "nothing else here"]
            document = make_document(word, texts, f"{'even' if at % 2 == 0 else 'odd'}/{word}.pdf", title=word.title())
            metadata = {"lang": "en" if at < 3 else "de", "date": f"202{at}-05-01", 'od"d key': 'x\'s "y"'}
            writer.put(document, vectors, vectors[:1], metadata=metadata, arrays=({"a": np.arange(at)}, "1"))
    return store
