"""Unit length and truncation: the one place where vectors are normalised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmrank.encoders.protocol import Vectors
from mmrank.errors import InputError


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Rows of unit length, float32. A row of zeros stays zero. (…, d) → (…, d).

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    wide = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0).astype(np.float32)


def token_means(tokens: Sequence[Vectors], dimension: int) -> Vectors:
    """Mean of each text's token vectors, at unit length: what the first stage searches. Returns (texts, dimension)."""
    return unit(np.array([text.mean(axis=0) for text in tokens], dtype=np.float32).reshape(-1, dimension))


def truncate(vectors: NDArray[np.floating], dimension: int) -> Vectors:
    """The first `dimension` numbers of each vector, at unit length again (Matryoshka models). (n, d) → (n, dimension).

    Raises:
        InputError: unless 1 <= dimension <= d.
    """
    if not 1 <= dimension <= vectors.shape[-1]:
        raise InputError(f"vectors of {vectors.shape[-1]} numbers cannot be cut to {dimension}")
    return unit(vectors[..., :dimension])
