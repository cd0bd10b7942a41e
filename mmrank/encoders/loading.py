"""Encoders by name."""

from __future__ import annotations

from mmrank.encoders.protocol import Encoder, MultiVectorEncoder
from mmrank.errors import InputError


def load_encoder(name: str, *, device: str = "auto", dtype: str | None = None) -> Encoder | MultiVectorEncoder:
    """The encoder of that name.

    Raises:
        InputError: for an unknown name; lists the known ones.
    """
    from mmrank.encoders.minilm import MiniLM, MiniLMTokens

    if name == "minilm":
        return MiniLM(device=device, dtype=dtype)
    if name == "minilm-tokens":
        return MiniLMTokens(MiniLM(device=device, dtype=dtype))
    raise InputError(f"unknown encoder {name!r}; there are: minilm, minilm-tokens")
