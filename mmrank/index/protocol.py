"""What a search needs of a store, wherever it is: on this machine (`Store`) or in a Milvus cluster (`MilvusStore`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmrank.index.filters import Filter
from mmrank.index.records import DocumentRecord, Level, Match
from mmrank.types import Document, Passage

Vectors = NDArray[np.float32]


class Searcher(Protocol):
    """The questions to a store. Every implementation promises: filters are applied inside the search; results are best
    first; what was removed before the searcher was made is never found.
    """

    def search_dense(
        self, vector: Vectors, k: int, level: Level = "passage", where: Filter | None = None
    ) -> list[Match]:
        """The `k` best by inner product; a document scores as the best of its vectors."""
        ...

    def search_lexical(self, text: str, k: int, level: Level = "passage", where: Filter | None = None) -> list[Match]:
        """The `k` best by BM25."""
        ...

    def documents(self, where: Filter | None = None) -> list[DocumentRecord]:
        """The documents, by name."""
        ...

    def passages(self, ids: Iterable[str]) -> list[Passage]:
        """Passages by id, in the order asked for."""
        ...

    def passage_vectors(self, document_id: str) -> Vectors:
        """(passages, dimension), in the order of the passages."""
        ...

    def document_vectors(self, document_id: str) -> Vectors:
        """(m, dimension)."""
        ...


class Putter(Protocol):
    """The changes of a store."""

    def put(
        self,
        document: Document,
        passage_vectors: Vectors,
        document_vectors: Vectors,
        token_vectors: Sequence[Vectors] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Add a document; one of the same name is replaced."""
        ...

    def remove(self, document_id: str) -> None:
        """Remove a document."""
        ...


class Backend(Protocol):
    """A store."""

    def write(self) -> AbstractContextManager[Putter]:
        """Begin a change."""
        ...

    def snapshot(self) -> Searcher:
        """A searcher over the current state."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...
