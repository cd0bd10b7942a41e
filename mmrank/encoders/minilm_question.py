"""MiniLM's forward pass for one text at a time, in numpy: a question is encoded without importing torch.

The same six layers as `mmrank.encoders.minilm_network`, in float32. Passages go through torch, in batches; importing it
takes longer than everything else that a single question needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmrank.encoders.minilm_weights import DIMENSION, EPSILON, HEADS, LAYERS, verified_map

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

States = NDArray[np.float32]
Pair = tuple[States, States]
"""Weight and bias of a linear layer or a layer norm."""
WIDTH = DIMENSION // HEADS
SMALL = 1_000_000
"""Multiplications up to which OpenBLAS multiplies without copying first, on processors with AVX-512."""
WITH_SMALL_PRODUCTS = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
"""OpenBLAS's names for these processors."""


class QuestionNetwork:
    """Token ids in, last hidden states out.

    Args:
        folder: holds model.safetensors.

    Raises:
        MmrankError: when the file is missing or is not the published one.
    """

    def __init__(self, folder: Path) -> None:
        from threadpoolctl import ThreadpoolController

        data = verified_map(folder)
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
        columns = WIDTH if _multiplies_small(self._threads) else None
        self._layers = [_Layer(f"encoder.layer.{number}.", take, columns) for number in range(LAYERS)]

    def hidden(self, token_ids: Sequence[int]) -> States:
        """Last hidden states of one text, (tokens, 384)."""
        # The products are small: threads inside them wait for each other longer than they compute.
        with self._threads.limit(limits=1, user_api="blas"):
            x = _norm(self._words[list(token_ids)] + self._positions[: len(token_ids)], self._norm)
            for layer in self._layers:
                x = layer(x)
        return x


def _multiplies_small(threads: ThreadpoolController) -> bool:
    libraries = [library for library in threads.info() if library["user_api"] == "blas"]
    return bool(libraries) and all(library.get("architecture") in WITH_SMALL_PRODUCTS for library in libraries)


class _Layer:
    """One layer of BERT, (tokens, 384) to (tokens, 384).

    Args:
        at: what the names of its weights begin with.
        take: gives the weights by name.
        columns: outputs that are computed together, None for all. A question's few tokens times a few columns is a
            small product, and for it OpenBLAS takes half the time. The 1,536 inputs of the last product are then taken
            384 at a time, for the same reason.
    """

    def __init__(self, at: str, take: Callable[[str], States], columns: int | None) -> None:
        def linear(names: Sequence[str]) -> Pair:
            weight = np.concatenate([take(f"{at}{name}.weight") for name in names])  # (outputs, inputs)
            bias = np.concatenate([take(f"{at}{name}.bias") for name in names])
            together = columns or len(weight)
            blocks = weight.reshape(-1, together, weight.shape[1]).transpose(0, 2, 1)
            # Laid out (blocks, inputs, columns) in memory: of products of few tokens the quickest.
            return np.ascontiguousarray(blocks), bias.reshape(-1, 1, together)

        def norm(name: str) -> Pair:
            return take(f"{at}{name}.LayerNorm.weight"), take(f"{at}{name}.LayerNorm.bias")

        self._joint = linear([f"attention.self.{name}" for name in ("query", "key", "value")])
        self._mix, self._mix_norm = linear(["attention.output.dense"]), norm("attention.output")
        self._widen = linear(["intermediate.dense"])
        (blocks, self._narrow_bias), self._narrow_norm = linear(["output.dense"]), norm("output")
        parts = blocks.shape[1] // DIMENSION if columns else 1
        self._narrow = list(map(np.ascontiguousarray, np.split(blocks, parts, axis=1)))

    def __call__(self, x: States) -> States:
        joint = _side_by_side(_linear(x, self._joint)).reshape(len(x), 3, HEADS, WIDTH)
        query, key, value = joint.transpose(1, 2, 0, 3)  # each (heads, tokens, 32)
        query *= np.float32(WIDTH**-0.5)
        scores: States = query @ key.transpose(0, 2, 1)  # (heads, tokens, tokens)
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        x = _norm(_side_by_side(_linear(_side_by_side(scores @ value), self._mix)) + x, self._mix_norm)
        wide = _side_by_side(_gelu(_linear(x, self._widen)))  # (tokens, 1536)
        narrow = _product(wide[:, : self._narrow[0].shape[1]], self._narrow[0])
        for at, weights in enumerate(self._narrow[1:], start=1):
            narrow += _product(wide[:, at * DIMENSION : (at + 1) * DIMENSION], weights)
        narrow += self._narrow_bias
        return _norm(_side_by_side(narrow) + x, self._narrow_norm)


def _linear(x: States, weights: Pair) -> States:
    """The outputs of a linear layer in blocks, (blocks, tokens, columns)."""
    product = _product(x, weights[0])
    product += weights[1]
    return product


def _product(x: States, weights: States) -> States:
    """(tokens, inputs) times (blocks, inputs, columns): (blocks, tokens, columns)."""
    blocks, inputs, columns = weights.shape
    most = SMALL // (inputs * columns)
    if blocks == 1 or len(x) <= most:
        product: States = x @ weights
        return product
    return np.concatenate([part @ weights for part in np.array_split(x, -(-len(x) // most))], axis=1)


def _side_by_side(blocks: States) -> States:
    """(blocks, tokens, columns) to (tokens, blocks · columns)."""
    return blocks.transpose(1, 0, 2).reshape(blocks.shape[1], -1)


def _norm(x: States, weights: Pair) -> States:
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(EPSILON))
    x *= weights[0]
    x += weights[1]
    return x


def _gelu(x: States) -> States:
    """x times the normal distribution function of x, whose error function is that of Abramowitz and Stegun, 7.1.26."""
    z = np.abs(x)
    z *= np.float32(0.5**0.5)
    t = z * np.float32(0.3275911)
    t += 1
    np.reciprocal(t, out=t)
    series = t * np.float32(1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series += np.float32(factor)
        series *= t
    z *= -z
    series *= np.exp(z, out=z)
    error = np.copysign(np.subtract(1, series, out=series), x, out=series)
    error += 1
    error *= x
    error *= np.float32(0.5)
    return error
