"""What an encoder is: interleaved passages and queries in, float32 vectors out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mmrank.types import Passage, Query

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """Everything that decides what a vector means. Two encoders with equal infos are interchangeable.

    `revision` is a pinned hub revision or a hash over the files of a local checkpoint and its `calling`; `dtype` is
    the precision of the computation, whose results are float32 whatever it is; `max_tokens` bounds one passage;
    `max_pixels` bounds one picture (0 where the encoder reads no pictures); `calling` is a hash of the instructions
    and whatever else is chosen in how the model is called (empty where nothing is).
    """

    name: str
    revision: str
    dimension: int
    dtype: str
    pooling: str
    max_tokens: int
    max_pixels: int = 0
    reads_images: bool = False
    multi_vector: bool = False
    calling: str = ""


@runtime_checkable
class Encoder(Protocol):
    """One vector per passage.

    Every implementation promises: vectors are float32, finite and of unit length; the vector of a passage does not
    depend on what it is encoded together with (to 1e-3); the order of the input is the order of the output;
    inputs longer than `info.max_tokens` are shortened evenly over their parts, never by dropping the last part.
    """

    @property
    def info(self) -> EncoderInfo:
        """Identity and limits."""
        ...

    def encode_passages(self, passages: Iterable[Passage]) -> Vectors:
        """Encode passages. Returns (passages, dimension)."""
        ...

    def encode_queries(self, queries: Sequence[Query]) -> Vectors:
        """Encode queries. Returns (queries, dimension)."""
        ...


@runtime_checkable
class MultiVectorEncoder(Protocol):
    """One vector per token, compared by MaxSim. Same promises; every passage has at least one, each of unit length."""

    @property
    def info(self) -> EncoderInfo:
        """Identity and limits."""
        ...

    def encode_passages(self, passages: Iterable[Passage]) -> list[Vectors]:
        """Encode passages. Returns one (tokens, dimension) array per passage."""
        ...

    def encode_queries(self, queries: Sequence[Query]) -> list[Vectors]:
        """Encode queries. Returns one (tokens, dimension) array per query."""
        ...
