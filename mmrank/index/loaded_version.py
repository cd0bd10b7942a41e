"""One version of a collection in memory: its segments, which of their rows were removed, and searching them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmrank.index.bm25 import Words, WordsSegment
from mmrank.index.postings import Postings
from mmrank.index.records import Level
from mmrank.index.segment_data import SegmentData
from mmrank.index.vector_index import CachedIndex, VectorSegment

Runs = Mapping[int, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment, its index, and the rows of it that were removed, as runs (start, rows)."""

    data: SegmentData
    index: CachedIndex
    removed: tuple[tuple[int, int], ...]
    alive: NDArray[np.bool_] | None
    """(rows,) False where removed; None where nothing is."""


@dataclass(frozen=True)
class LoadedVersion:
    """One version. Immutable, and shared by all its snapshots."""

    version: int
    segments: Mapping[int, LiveSegment]

    def check_lengths(self) -> None:
        """Make sure that no mapped file was cut: looking at what is gone would end the process.

        Raises:
            MmrankError: names the file.
        """
        for segment in self.segments.values():
            segment.data.check_length()

    @cached_property
    def words(self) -> Words:
        """The words of this version."""
        return Words(
            {
                number: WordsSegment(Postings.of(segment.data.arrays), segment.alive)
                for number, segment in self.segments.items()
                if segment.data.info.kind == "words"
            }
        )

    @cached_property
    def _vectors(self) -> Mapping[str, Sequence[tuple[int, VectorSegment]]]:
        return {
            level: [
                (number, VectorSegment(segment.data, segment.alive, segment.index))
                for number, segment in self.segments.items()
                if segment.data.info.kind == level
            ]
            for level in ("passage", "document")
        }

    def search(
        self, query: NDArray[np.float32], k: int, level: Level, allowed: Runs | None
    ) -> list[tuple[int, int, float]]:
        """The best (document number, position, inner product); at the document level, one row per document."""
        segments = self._vectors[level]
        if len(segments) == 1 and allowed is None:
            return _search_segment(segments[0][1], query, k, level, None)[:k]  # best first already
        found: list[tuple[int, int, float]] = []
        for number, segment in segments:
            if allowed is None or number in allowed:
                found += _search_segment(segment, query, k, level, allowed[number] if allowed else None)
        found.sort(key=lambda match: (-match[2], match[0], match[1]))
        return found[:k]


def _search_segment(
    segment: VectorSegment,
    query: NDArray[np.float32],
    k: int,
    level: Level,
    allowed: list[tuple[int, int]] | None,
) -> list[tuple[int, int, float]]:
    data = segment.data
    fetch = k
    while True:
        rows, scores = segment.search(query, fetch, allowed)
        documents = data.documents[rows].tolist()
        if level == "passage":
            return list(zip(documents, data.positions[rows].tolist(), scores.tolist(), strict=True))
        best: dict[int, float] = {}
        for document, score in zip(documents, scores.tolist(), strict=True):
            best.setdefault(document, score)
        # Several vectors may stand for one document: look further until there are k documents, or no more rows.
        if len(best) >= k or len(rows) < fetch:
            return [(document, 0, score) for document, score in best.items()]
        fetch *= 4
