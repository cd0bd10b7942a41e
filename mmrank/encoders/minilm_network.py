"""MiniLM's forward pass: six BERT layers written for speed on a processor.

Next to transformers' BertModel it joins the three attention projections into one product, keeps attention as two
plain products (on processors faster than torch's fused kernel at these lengths) and starts in a second, because
neither transformers nor sentence-transformers is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear

from mmrank.encoders.minilm_weights import (
    DIMENSION,
    EPSILON,
    HEADS,
    LAYERS,
    PAD,
    verified_map,
)

PLACES = {
    "mix": "attention.output.dense",
    "mix_norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "narrow_norm": "output.LayerNorm",
}

Weights = tuple[Tensor, Tensor]
"""Of a linear layer or a layer norm: weight and bias."""


def verified_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of model.safetensors, after a check of its SHA-256.

    Raises:
        MmrankError: when the file is missing or is not the published one.
    """
    from safetensors.torch import load

    return load(verified_map(folder)[:])


class MiniLMNetwork:
    """Token ids in, last hidden states out. Products are in `dtype`, what adds up from layer to layer in float32."""

    def __init__(self, weights: dict[str, Tensor], device: str, dtype: torch.dtype) -> None:
        def take(name: str) -> Tensor:
            wanted = torch.float32 if "LayerNorm" in name or "embeddings" in name else dtype
            return weights[name].to(device=device, dtype=wanted)

        self.device, self.dtype = device, dtype
        self.words = take("embeddings.word_embeddings.weight")  # (30522, 384)
        # Every token is of segment 0, so its vector joins the positions.
        positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._positions = positions.to(device)  # (512, 384)
        self._norm = (take("embeddings.LayerNorm.weight"), take("embeddings.LayerNorm.bias"))
        self._layers: list[dict[str, Weights]] = []
        for number in range(LAYERS):
            at = f"encoder.layer.{number}."
            joint = [
                torch.cat([weights[f"{at}attention.self.{name}.{kind}"] for name in ("query", "key", "value")])
                for kind in ("weight", "bias")
            ]
            layer = {"joint": (joint[0].to(device, dtype), joint[1].to(device, dtype))}
            for place, name in PLACES.items():
                layer[place] = (take(f"{at}{name}.weight"), take(f"{at}{name}.bias"))
            self._layers.append(layer)

    @torch.inference_mode()
    def hidden(self, token_ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Last hidden states of a batch.

        Returns:
            states (batch, tokens, 384) in float32, and the mask (batch, tokens), False at padding.
        """
        longest = max(map(len, token_ids))
        ids = torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in token_ids], device=self.device)
        lengths = torch.tensor([len(row) for row in token_ids], device=self.device)
        mask = torch.arange(longest, device=self.device) < lengths[:, None]  # (batch, tokens)
        bias = None
        if not bool(mask.all()):
            bias = torch.zeros(mask.shape, dtype=self.dtype, device=self.device).masked_fill(~mask, -torch.inf)
            bias = bias[:, None, None, :]  # (batch, 1, 1, tokens)
        x = _norm(self.words[ids] + self._positions[:longest], self._norm)
        for layer in self._layers:
            x = _layer(x, bias, layer)
        return x, mask


def _layer(x: Tensor, bias: Tensor | None, layer: dict[str, Weights]) -> Tensor:
    batch, tokens, _ = x.shape
    joint = linear(x.to(layer["joint"][0].dtype), *layer["joint"]).view(batch, tokens, 3, HEADS, DIMENSION // HEADS)
    query, key, value = joint.permute(2, 0, 3, 1, 4)  # each (batch, heads, tokens, 32)
    scores = (query * (DIMENSION // HEADS) ** -0.5) @ key.transpose(-1, -2)  # (batch, heads, tokens, tokens)
    if bias is not None:
        scores += bias
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, tokens, DIMENSION)
    x = _norm(linear(mixed, *layer["mix"]) + x, layer["mix_norm"])
    wide = gelu(linear(x.to(mixed.dtype), *layer["widen"]))  # (batch, tokens, 1536)
    return _norm(linear(wide, *layer["narrow"]) + x, layer["narrow_norm"])


def _norm(x: Tensor, weights: Weights) -> Tensor:
    return layer_norm(x, (DIMENSION,), *weights, EPSILON)
