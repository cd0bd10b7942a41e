"""What one version of a collection needs in memory: its segments, which rows are gone, and searching them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmrank.index.segments import Kind, SegmentData

Runs = Mapping[int, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment and the rows of it that are gone, as runs (start, rows)."""

    data: SegmentData
    removed: tuple[tuple[int, int], ...]
    alive: NDArray[np.bool_] | None
    """(rows,), None where all are."""


@dataclass(frozen=True, slots=True)
class State:
    """Immutable; shared by all snapshots of one version."""

    version: int
    segments: Mapping[int, LiveSegment]

    def of_kind(self, kind: Kind) -> list[LiveSegment]:
        """Segments of passages, of documents or of tokens."""
        return [segment for segment in self.segments.values() if segment.data.info.kind == kind]

    def search(
        self, query: NDArray[np.float32], k: int, level: Kind, allowed: Runs | None
    ) -> list[tuple[int, int, float]]:
        """The best (document number, position, inner product); at the document level, one row a document."""
        found: list[tuple[float, int, int]] = []
        for number, segment in self.segments.items():
            if segment.data.info.kind != level:
                continue
            if allowed is None:
                rows = None if segment.alive is None else np.flatnonzero(segment.alive)
            elif number in allowed:
                rows = np.concatenate([np.arange(start, start + n) for start, n in allowed[number]])
            else:
                continue
            data = segment.data
            scores = (data.vectors if rows is None else data.vectors[rows]) @ query
            documents = data.documents if rows is None else data.documents[rows]
            positions = data.positions if rows is None else data.positions[rows]
            # Several vectors may stand for one document: look further than k there.
            order = np.argsort(-scores, kind="stable")
            seen: set[int] = set()
            for at in order:
                document = int(documents[at])
                if level == "document":
                    if document in seen:
                        continue
                    seen.add(document)
                found.append((float(scores[at]), document, int(positions[at])))
                if len(seen) == k or (level != "document" and len(found) >= k and at == order[min(k, len(order)) - 1]):
                    break
        found.sort(key=lambda match: (-match[0], match[1], match[2]))
        return [(document, position, score) for score, document, position in found[:k]]
