"""The pages that are ranked together, side by side as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmrank.lexical import InMemoryBM25
from mmrank.retrieve.features import DocumentFeatures


class Pool:
    """The pages of one or more documents, side by side: what is ranked together.

    Attributes:
        pages: features of all pages, document after document.
        owner: (pages,), the document each page belongs to, by position in `documents`.
        number: (pages,), its 0-based page in that document.
        first, last: (documents,), the first and the last page of each document, by position in `pages`.
        first_passage: (documents,), the first passage of each document.
        passage_page: (passages,), the page of each passage, by position in `pages`.
        vectors: (passages, dimension).
        page_words, passage_words: BM25 over pages and over passages.

    Args:
        documents: the documents.
        maxsim: (passages,), similarity of each passage and the question token by token, −1 to 1; None without a
            multi-vector encoder.
    """

    def __init__(self, documents: Sequence[DocumentFeatures], maxsim: NDArray[np.float64] | None = None) -> None:
        self.documents = list(documents)
        self._maxsim = maxsim
        self.pages = [page for document in documents for page in document.pages]
        counts = [len(document.pages) for document in documents]
        self.owner = np.repeat(np.arange(len(counts)), counts)
        self.number = np.concatenate([np.arange(count) for count in counts]) if counts else np.zeros(0, dtype=np.int64)
        starts = np.cumsum([0, *counts])
        self.first = starts[:-1]
        self.last = starts[1:] - 1
        pages = [document.passage_pages + start for document, start in zip(documents, starts[:-1], strict=True)]
        self.passage_page = np.concatenate(pages) if pages else np.zeros(0, dtype=np.int64)
        self.vectors = (
            np.concatenate([document.vectors for document in documents])
            if documents
            else np.zeros((0, 1), dtype=np.float32)
        )
        self.first_passage = np.cumsum([0, *(len(document.vectors) for document in documents)])[:-1]
        self.page_words = InMemoryBM25([page.words for page in self.pages])
        self.passage_words = InMemoryBM25([words for document in documents for words in document.passage_words])

    def __len__(self) -> int:
        return len(self.pages)

    def similarities(self, vector: NDArray[np.float32], passages: slice = slice(None)) -> NDArray[np.float64]:
        """Similarity of passages and the question: MaxSim where there is one, else the cosine of their vectors."""
        if self._maxsim is not None:
            return self._maxsim[passages]
        return (self.vectors[passages] @ vector).astype(np.float64)

    def page_max(self, passage_scores: NDArray[np.float64], empty: float) -> NDArray[np.float64]:
        """The best passage of each page; `empty` for pages without passages. (passages,) to (pages,)."""
        best = np.full(len(self.pages), -np.inf)
        np.maximum.at(best, self.passage_page, passage_scores)
        best[np.isneginf(best)] = empty
        return best
