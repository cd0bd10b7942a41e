"""Passages into a document: (n, d) passage vectors into (m, d) document vectors.

Passage vectors are scaled to unit length before they are merged, and the result after it, so that a document of
one passage equals its passage whatever the method. No method looks at the order of the passages.
"""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmrank.encoders.protocol import Vectors
from mmrank.encoders.vectors import unit
from mmrank.errors import InputError

Given = TypeVar("Given")
Method = Literal["mean", "length", "distinctive", "kmeans"]


def merge(
    passage_vectors: NDArray[np.floating],
    method: Method = "mean",
    *,
    lengths: ArrayLike | None = None,
    background: NDArray[np.floating] | None = None,
    vectors: int = 4,
) -> Vectors:
    """Merge the passages of one document.

    Args:
        passage_vectors: (n, d), n at least 1.
        method: "mean" is that of the paper on unified interleaved document representation (arXiv 2410.02729);
            "length" weighs passages by `lengths`; "distinctive" by how far they are from `background`;
            "kmeans" gives up to `vectors` centres.
        lengths: (n,) tokens or characters of each passage, for "length".
        background: (d,), the mean of the collection's passage vectors, for "distinctive".
        vectors: most vectors a document gets, for "kmeans".

    Returns:
        (m, d) unit vectors, float32; m is 1 for "mean", "length" and "distinctive".

    Raises:
        InputError: for an unknown method, no passages, vectors that are not finite, or an argument the method lacks.
    """
    rows = np.asarray(passage_vectors)
    if rows.ndim != 2 or not len(rows):
        raise InputError(f"merging needs passage vectors of shape (n, d) with n >= 1, got {rows.shape}")
    if not np.isfinite(rows).all():
        raise InputError("merging needs finite passage vectors")
    rows = unit(rows)
    if method == "mean":
        return _weighted(rows, np.ones((1, len(rows))))
    if method == "length":
        weights = np.asarray(_given(lengths, "lengths", method), np.float64)
        if weights.shape != (len(rows),) or (weights < 0).any() or not weights.sum() > 0:
            raise InputError(f"lengths must be {len(rows)} numbers >= 0, not all 0")
        return _weighted(rows, weights[None])
    if method == "distinctive":
        common = unit(_given(background, "background", method))
        if common.shape != rows.shape[1:]:
            raise InputError(f"background must have shape {rows.shape[1:]}, got {common.shape}")
        return _weighted(rows, np.maximum(1 - rows.astype(np.float64) @ common, 1e-6)[None])
    if method == "kmeans":
        if vectors < 1:
            raise InputError(f"a document needs at least 1 vector, got {vectors}")
        return _centres(rows, vectors)
    raise InputError(f"unknown way of merging {method!r}; there are: {', '.join(get_args(Method))}")


def _given(argument: Given | None, name: str, method: str) -> Given:
    if argument is None:
        raise InputError(f"merging by {method!r} needs {name}=")
    return argument


def _weighted(rows: Vectors, weights: NDArray[np.float64]) -> Vectors:
    """Weighted means (m, n) × (n, d) → (m, d), unit length. Where passages cancel out: the most central one."""
    shares = weights / weights.sum(1, keepdims=True)
    means = shares @ rows.astype(np.float64)
    cancelled = np.linalg.norm(means, axis=1) < 1e-6
    if cancelled.any():
        means[cancelled] = rows[_most_central(rows)]
    return unit(means)


def _most_central(rows: Vectors) -> int:
    """The row most similar to all others; among equals, the choice does not depend on their order."""
    closeness = np.round(rows @ rows.sum(0), 5)
    return int(np.lexsort((*rows.T, -closeness))[0])


def _centres(rows: Vectors, most: int) -> Vectors:
    """Spherical k-means (Dhillon & Modha 2001), started farthest first from the row nearest the mean."""
    distinct = np.unique(rows, axis=0)  # sorted, so the order of the passages is forgotten
    chosen = [int(np.argmax(distinct @ rows.mean(0)))]
    nearest = distinct @ distinct[chosen[0]]
    while len(chosen) < min(most, len(distinct)):
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, distinct @ distinct[chosen[-1]])
    centres = distinct[chosen]
    for _ in range(50):
        owner = np.argmax(rows @ centres.T, axis=1)  # (n,)
        weights = (owner == np.arange(len(centres))[:, None]).astype(np.float64)  # (m, n)
        kept = weights.any(1)
        moved = _weighted(rows, weights[kept])
        if moved.shape == centres.shape and np.allclose(moved, centres, atol=1e-6):
            break
        centres = moved
    return centres
