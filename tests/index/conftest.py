"""Small collections with known vectors."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmrank.index import EncoderIdentity, Store
from mmrank.types import Document

sys.path.insert(0, str(Path(__file__).parent.parent))  # child processes import this file by itself

from made_documents import make_document
from stores_alike import KINDS, make_library

DIMENSION = 16


def unit_vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> np.ndarray:
    """(count, dimension) random unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(name="make_document", scope="session")
def _make_document() -> Callable[..., Document]:
    return make_document


@pytest.fixture(name="unit_vectors", scope="session")
def _unit_vectors() -> Callable[..., np.ndarray]:
    return unit_vectors


@pytest.fixture(scope="session")
def encoder() -> EncoderIdentity:
    return EncoderIdentity("tiny", "0123456789abcdef", DIMENSION)


@pytest.fixture
def store(tmp_path: Path, encoder: EncoderIdentity) -> Store:
    return Store.create(tmp_path / "library.mmrank", encoder=encoder, settings={"profile": "cpu"})


@pytest.fixture
def put() -> Callable[..., Document]:
    """Add a document of some texts in a change of its own; its vectors follow from its key."""

    def add(store: Store, key: str, texts: list[str], name: str | None = None, **options: object) -> Document:
        document = make_document(key, texts, name)
        vectors = vectors_of(key, len(texts))
        with store.write() as writer:
            writer.put(document, vectors, vectors.mean(axis=0, keepdims=True), **options)  # type: ignore[arg-type]
        return document

    return add


def vectors_of(key: str, count: int) -> np.ndarray:
    """The vectors that `put` stores for a document of that key."""
    return unit_vectors(count, seed=int(hashlib.sha256(key.encode()).hexdigest()[:8], 16))


@pytest.fixture(name="vectors_of", scope="session")
def _vectors_of() -> Callable[[str, int], np.ndarray]:
    return vectors_of


@pytest.fixture(scope="module")
def lite(tmp_path_factory) -> str:
    """A file of Milvus Lite: opening one takes longer than making a collection in it."""
    return str(tmp_path_factory.mktemp("lite") / "lite.db")


@pytest.fixture(scope="module", params=KINDS)
def library(request, tmp_path_factory, encoder, make_document, vectors_of):
    """For tests that only read."""
    store = make_library(request.param, request, tmp_path_factory.mktemp("l"), encoder, make_document, vectors_of)
    yield store
    store.close()


@pytest.fixture(params=KINDS)
def changing(request, tmp_path, encoder, make_document, vectors_of):
    """For tests that change it."""
    store = make_library(request.param, request, tmp_path, encoder, make_document, vectors_of)
    yield store
    store.close()


@pytest.fixture(params=KINDS[1:])
def shared(request, tmp_path, encoder, make_document, vectors_of):
    """A collection in Milvus, and what another machine needs to open it."""
    store = make_library(request.param, request, tmp_path, encoder, make_document, vectors_of)
    yield store
    store.close()
