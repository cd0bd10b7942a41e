"""Inner products of stored vectors with a question's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def inner_products(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner product of each vector and the question's, (n, dimension) and (dimension,) to (n,).

    One question reads all vectors once, as fast as memory gives them; BLAS takes half as long again.
    """
    return np.einsum("ij,j->i", vectors, query)
