"""Token vectors in eight bits per dimension, with one scale per vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round vectors (n, dimension) to int8 codes and scales (n,), symmetric about 0; `codes * scale` is the vector."""
    scales = np.abs(vectors).max(axis=1, initial=0.0) / 127.0  # (n,)
    safe = np.where(scales > 0, scales, 1.0)
    codes = np.rint(vectors / safe[:, None]).astype(np.int8)  # (n, dimension)
    return codes, scales.astype(np.float32)


def restore(codes: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """The float32 vectors (n, dimension) that codes and scales stand for."""
    return codes.astype(np.float32) * scales[:, None]
