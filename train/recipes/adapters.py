"""Adapters on disk: one safetensors file that loads without peft.

For each adapted linear layer the file holds `<layer>.lora_A.weight` (rank, in) and `<layer>.lora_B.weight` (out,
rank); the adapted weight is W + scale · B @ A, the scale standing in the metadata. Other trained tensors (a scoring
head) stand under their own names. All in bfloat16.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from mmrank.errors import MmrankError

ADAPTER = "adapter.safetensors"
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


def save_adapter(
    out: Path, model: nn.Module, metadata: Mapping[str, str], *, head: str | None = None, file: str = ADAPTER
) -> Path:
    """Write the active adapter of a peft-adapted model. Returns the file.

    Args:
        out: folder.
        model: holds LoRA layers.
        metadata: what the adapter belongs to.
        head: prefix of a module that was trained in full, for instance "classifier".
        file: name of the file.

    Raises:
        MmrankError: when no layer of the model is adapted.
    """
    from peft.tuners.lora import LoraLayer
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    scales: set[float] = set()
    for name, layer in model.named_modules():
        plain = name.removeprefix("base_model.model.")
        if isinstance(layer, LoraLayer):
            adapter = layer.active_adapters[0]
            tensors[plain + DOWN] = layer.lora_A[adapter].weight
            tensors[plain + UP] = layer.lora_B[adapter].weight
            scales.add(float(layer.scaling[adapter]))
        elif head is not None and plain in (head, f"{head}.modules_to_save.default") and hasattr(layer, "weight"):
            tensors[f"{head}.weight"] = layer.weight
            tensors[f"{head}.bias"] = layer.bias
    if not scales:
        raise MmrankError("the model carries no LoRA adapter, so there is nothing to save")
    if len(scales) > 1:
        raise MmrankError(f"the adapter's layers have different scales: {sorted(scales)}")
    out.mkdir(parents=True, exist_ok=True)
    stored = {name: value.detach().to("cpu", torch.bfloat16).contiguous() for name, value in tensors.items()}
    save_file(stored, out / file, metadata={**metadata, "scale": str(scales.pop())})
    return out / file


def merge_adapter(weights: Mapping[str, Tensor], adapter: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """The weights with the adapter added, in float32.

    Raises:
        MmrankError: when the adapter names a layer the weights do not have, or its shape does not fit.
    """
    merged = dict(weights)
    for name, down in adapter.items():
        if not name.endswith(DOWN):
            continue
        layer = name.removesuffix(DOWN)
        change = scale * (adapter[layer + UP].float() @ down.float())
        key = f"{layer}.weight"
        if key not in weights or weights[key].shape != change.shape:
            raise MmrankError(f"the adapter changes {key}, which the base model does not have in that shape")
        merged[key] = weights[key].float() + change
    return merged
