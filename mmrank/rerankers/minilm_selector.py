"""Choice of windows by the embedded MiniLM: cheap, and cheaper still for documents that were seen before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmrank.encoders.minilm import MiniLM
from mmrank.errors import InputError
from mmrank.lexical import idf
from mmrank.rerankers.late_interaction import as_passage
from mmrank.types import Candidate, Part, PartKind, Query
from mmrank.zscores import zscores

Kept = tuple[NDArray[np.float32], NDArray[np.int64]]
"""What is kept of a window: its vector (384,), and its token ids (tokens,)."""


class MiniLMSelector:
    """Scores windows by their meaning and by their words.

    The first is the cosine of MiniLM's vectors; the second, for each token of the question, the greatest cosine of its
    word embedding with that of a token in the window, summed by rarity among the windows at hand. Both are z-scores
    over all windows of a call.

    What was computed of a window is kept, so that a document seen before costs two matrix products.

    Args:
        encoder: MiniLM.
        words: weight of the second beside the first.
        memory: windows kept, about 2 KB each; the oldest go first.
    """

    def __init__(self, encoder: MiniLM | None = None, *, words: float = 0.35, memory: int = 20_000) -> None:
        if words < 0 or memory < 0:
            raise InputError(f"words and memory cannot be negative, got {words} and {memory}")
        self._encoder = MiniLM() if encoder is None else encoder
        self._words = words
        self._memory = memory
        self._kept: dict[str, Kept] = {}

    def select(self, query: str, documents: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
        """Score the passages of each document. Returns one (passages,) array per document."""
        windows = [window for document in documents for window in document]
        if not windows:
            return [np.zeros(0, dtype=np.float32) for _ in documents]
        vectors, tokens = zip(*self._computed(windows), strict=True)
        [asked] = self._encoder.encode_queries([Query(query)])
        scores = zscores(np.stack(vectors) @ asked)
        scores += self._words * zscores(self._word_matches(self._encoder.query_tokens(Query(query)), tokens))
        return np.split(scores, np.cumsum([len(document) for document in documents])[:-1])

    def _computed(self, windows: Sequence[str]) -> list[Kept]:
        new = [window for window in dict.fromkeys(windows) if window not in self._kept]
        passages = [as_passage(Candidate("", (Part(PartKind.TEXT, window, ()),), 0.0)) for window in new]
        for window, passage, vector in zip(new, passages, self._encoder.encode_passages(passages), strict=True):
            self._kept[window] = (vector, np.array(self._encoder.passage_tokens(passage), dtype=np.int64))
        found = [self._kept[window] for window in windows]
        for window in list(self._kept)[: max(0, len(self._kept) - self._memory)]:
            del self._kept[window]
        return found

    def _word_matches(self, query: Sequence[int], windows: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """(windows,). The special tokens at both ends of the query are left out."""
        asked = np.array(query[1:-1], dtype=np.int64)
        flat = np.concatenate(windows)
        starts = np.cumsum([0, *map(len, windows[:-1])])
        known, where = np.unique(flat, return_inverse=True)
        embeddings = self._encoder.word_embeddings
        cosines = (embeddings[asked] @ embeddings[known].T)[:, where]  # (query tokens, all tokens)
        best = np.maximum.reduceat(cosines, starts, axis=1)  # (query tokens, windows)
        holding = np.logical_or.reduceat(flat == asked[:, None], starts, axis=1).sum(1)
        rarity = np.array([idf(len(windows), int(count)) for count in holding])
        return np.asarray(rarity @ best, dtype=np.float32)
