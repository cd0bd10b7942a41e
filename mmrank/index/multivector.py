"""MaxSim over token vectors: the best similarity of each question token with any passage token, summed.

Khattab and Zaharia, SIGIR 2020. Passages differ in length, so their tokens stand one after the other with offsets:
there is no padding that could win, and none to mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MaxSim:
    """Scores passages by their tokens, in blocks that stay within `budget` bytes of working memory."""

    budget: int = 64 << 20

    def score(
        self, query: Vectors, tokens: NDArray[Any], offsets: NDArray[np.int64], scales: Vectors | None = None
    ) -> Vectors:
        """MaxSim of a question with passages, in float32.

        Args:
            query: (query tokens, dimension).
            tokens: (tokens, dimension), float32 or, with `scales`, int8.
            offsets: (passages + 1,), where each passage's tokens begin and end.
            scales: (tokens,), what each int8 vector is to be multiplied by.

        Returns:
            (passages,); -inf for a passage without tokens.
        """
        if query.ndim != 2 or len(query) == 0 or query.shape[1] != tokens.shape[1]:
            raise InputError(f"a question of shape {query.shape} does not fit tokens of shape {tokens.shape}")
        if not np.isfinite(query).all():
            raise InputError("a token vector of the question holds a NaN or an infinity")
        query = np.ascontiguousarray(query, np.float32)
        scores = np.full(len(offsets) - 1, -np.inf, np.float32)
        for first, last in self._blocks(offsets, len(query), tokens.shape[1], tokens.dtype != np.float32):
            begin, end = int(offsets[first]), int(offsets[last])
            if begin == end:
                continue
            block = tokens[begin:end]
            if block.dtype != np.float32:
                block = block.astype(np.float32)
            similar = query @ block.T  # (query tokens, tokens)
            if scales is not None:
                similar *= scales[begin:end]
            lengths = np.diff(offsets[first : last + 1])
            filled = np.flatnonzero(lengths)
            if len(filled) == len(lengths) and (lengths == lengths[0]).all():
                best = similar.reshape(len(query), len(lengths), -1).max(axis=2)
            else:
                starts = offsets[first:last][filled] - begin
                best = np.maximum.reduceat(similar, starts, axis=1)  # (query tokens, passages with tokens)
            scores[first + filled] = best.sum(axis=0, dtype=np.float32)
        return scores

    def _blocks(
        self, offsets: NDArray[np.int64], query_tokens: int, dimension: int, coded: bool
    ) -> list[tuple[int, int]]:
        """Runs of passages whose similarities (and decoded tokens) fit the budget; at least one passage each."""
        bytes_a_token = 4 * (query_tokens + (dimension if coded else 0))
        room = max(1, self.budget // bytes_a_token)
        blocks = []
        first, count = 0, len(offsets) - 1
        while first < count:
            last = int(np.searchsorted(offsets, offsets[first] + room, "right")) - 1
            last = min(max(last, first + 1), count)
            blocks.append((first, last))
            first = last
        return blocks


def pool_tokens(vectors: Vectors, factor: int) -> Vectors:
    """Fewer token vectors: similar ones are averaged, so that about one in `factor` is left.

    Ward clustering, means scaled to unit length (Clavié, Chaffin and Adams, 2024).

    Args:
        vectors: (tokens, dimension), of unit length.
        factor: 1 leaves them as they are.

    Returns:
        (about tokens / factor, dimension), of unit length, in the order of each cluster's first token.
    """
    if factor < 1:
        raise InputError(f"a pooling factor is at least 1, got {factor}")
    wanted = -(-len(vectors) // factor)
    if factor == 1 or len(vectors) <= wanted or len(vectors) < 2:
        return vectors
    from scipy.cluster.hierarchy import fcluster, linkage

    labels = fcluster(linkage(vectors, "ward"), wanted, "maxclust")  # (tokens,), from 1
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    sums = np.zeros((len(first), vectors.shape[1]), np.float32)
    np.add.at(sums, group, vectors)
    sums = sums[np.argsort(first)]
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
