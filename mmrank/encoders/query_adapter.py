"""Query adapters: a trained change of the questions' vectors, while the stored vectors of passages stay as they are.

A matrix of low rank is added to the identity: a collection needs no new index, and may be opened with or without.
Trained by `mmrank.train.recipes.query_adapter`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmrank.adapters import DOWN, UP, read_arrays
from mmrank.encoders.protocol import EncoderInfo, Vectors
from mmrank.encoders.vectors import unit
from mmrank.errors import InputError

LAYER = "query"
"""The name of the adapted layer in a file of `mmrank.adapters`."""


@dataclass(frozen=True, slots=True, eq=False)
class QueryAdapter:
    """q ↦ normalised q + up · down · q, with `down` (rank, dimension) and `up` (dimension, rank), float32."""

    down: NDArray[np.float32]
    up: NDArray[np.float32]

    def __call__(self, queries: Vectors) -> Vectors:
        """Adapt unit vectors, (queries, dimension). Returns as many of unit length."""
        return unit(queries + (queries @ self.down.T) @ self.up.T)


def metadata_of(info: EncoderInfo) -> dict[str, str]:
    """What a file says about the encoder that it was trained for."""
    return {"encoder": info.name, "revision": info.revision, "calling": info.calling}


def load_query_adapter(chosen: str, info: EncoderInfo) -> QueryAdapter | None:
    """The adapter to ask an encoder's vectors with.

    Args:
        chosen: "auto" for the one that comes with mmrank where there is one for this encoder, "none", or a file.
        info: of the encoder.

    Raises:
        InputError: when the file was trained for another encoder, or holds something else.
        MmrankError: when it cannot be read.
    """
    from mmrank.weights import QUERY_ADAPTER, shipped

    if chosen == "none" or (chosen == "auto" and info.multi_vector):
        return None
    if info.multi_vector:
        raise InputError(f"query_adapter is for encoders of one vector per question; {info.name} gives one per token")
    path = shipped(QUERY_ADAPTER) if chosen == "auto" else Path(chosen)
    read = read_arrays(path, {LAYER + DOWN, LAYER + UP})
    if read is None:
        raise InputError(f"{path} holds no query adapter, as `mmrank train query_adapter` writes it")
    tensors, metadata = read
    down = tensors[LAYER + DOWN]
    up = float(metadata.get("scale", 1.0)) * tensors[LAYER + UP]
    wanted = metadata_of(info)
    found = {name: metadata.get(name, "") for name in wanted}
    fits = down.shape == up.shape[::-1] and down.shape[1] == info.dimension
    if found == wanted and fits:
        return QueryAdapter(down, up)
    if chosen == "auto":
        return None
    if found == wanted:
        raise InputError(f"{path} holds matrices of {down.shape} and {up.shape}, not for {info.dimension} numbers")
    raise InputError(
        f"{path} was trained for questions to {found['encoder']!r} ({found['revision'][:12]}), and this encoder is "
        f"{info.name!r} ({info.revision[:12]}, {info.dimension} numbers): train one for it"
    )
