"""MiniLM's forward pass for one text at a time, in numpy: a question is encoded without importing torch.

The same six layers as `mmrank.encoders.minilm_network`, in float32. Passages go through torch, in batches; importing it
takes longer than everything else that a single question needs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.encoders.minilm_weights import DIMENSION, EPSILON, HEADS, LAYERS, verified_bytes

States = NDArray[np.float32]


class QuestionNetwork:
    """Token ids in, last hidden states out.

    Args:
        folder: holds model.safetensors.

    Raises:
        MmrankError: when the file is missing or is not the published one.
    """

    def __init__(self, folder: Path) -> None:
        from threadpoolctl import ThreadpoolController

        data = verified_bytes(folder)
        self._threads = ThreadpoolController()
        length = int.from_bytes(data[:8], "little")
        header: dict[str, Any] = json.loads(data[8 : 8 + length])

        def take(name: str) -> States:
            entry = header[name]
            begin, end = entry["data_offsets"]
            flat = np.frombuffer(data, "<f4", (end - begin) // 4, 8 + length + begin)
            return flat.reshape(entry["shape"])

        self._words = take("embeddings.word_embeddings.weight")  # (30522, 384)
        # Every token is of segment 0, so its vector joins the positions.
        segment = take("embeddings.token_type_embeddings.weight")[0]
        self._positions = take("embeddings.position_embeddings.weight") + segment  # (512, 384)
        self._norm = (take("embeddings.LayerNorm.weight"), take("embeddings.LayerNorm.bias"))
        self._layers = []  # weights laid out (in, out) in memory: products of few tokens take half the time
        for number in range(LAYERS):
            at = f"encoder.layer.{number}."
            joint = [
                np.concatenate([take(f"{at}attention.self.{name}.{kind}") for name in ("query", "key", "value")])
                for kind in ("weight", "bias")
            ]
            pairs = {
                name: (np.ascontiguousarray(take(f"{at}{name}.weight").T), take(f"{at}{name}.bias"))
                for name in (
                    "attention.output.dense",
                    "attention.output.LayerNorm",
                    "intermediate.dense",
                    "output.dense",
                    "output.LayerNorm",
                )
            }
            self._layers.append({"joint": (np.ascontiguousarray(joint[0].T), joint[1]), **pairs})

    def hidden(self, token_ids: Sequence[int]) -> States:
        """Last hidden states of one text, (tokens, 384)."""
        # The products are small: threads inside them wait for each other longer than they compute.
        with self._threads.limit(limits=1, user_api="blas"):
            x = _norm(self._words[list(token_ids)] + self._positions[: len(token_ids)], self._norm)
            for layer in self._layers:
                x = _layer(x, layer)
        return x


def _layer(x: States, layer: dict[str, tuple[States, States]]) -> States:
    tokens, width = len(x), DIMENSION // HEADS
    joint = _linear(x, layer["joint"]).reshape(tokens, 3, HEADS, width)
    query, key, value = joint.transpose(1, 2, 0, 3)  # each (heads, tokens, 32)
    scores = (query * np.float32(width**-0.5)) @ key.transpose(0, 2, 1)  # (heads, tokens, tokens)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    mixed = (scores @ value).transpose(1, 0, 2).reshape(tokens, DIMENSION)
    x = _norm(_linear(mixed, layer["attention.output.dense"]) + x, layer["attention.output.LayerNorm"])
    wide = _gelu(_linear(x, layer["intermediate.dense"]))  # (tokens, 1536)
    return _norm(_linear(wide, layer["output.dense"]) + x, layer["output.LayerNorm"])


def _linear(x: States, weights: tuple[States, States]) -> States:
    return np.asarray(x @ weights[0] + weights[1], np.float32)


def _norm(x: States, weights: tuple[States, States]) -> States:
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(EPSILON))
    return np.asarray(x * weights[0] + weights[1], np.float32)


def _gelu(x: States) -> States:
    """x times the normal distribution function of x, whose error function is that of Abramowitz and Stegun, 7.1.26."""
    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.full_like(t, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(factor)
    error = 1 - series * t * np.exp(-z * z)
    return np.asarray(0.5 * x * (1 + np.copysign(error, x)), np.float32)
