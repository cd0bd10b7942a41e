"""Writing adapters: the active one of a peft-adapted model as `mmrank.adapters` reads it, in bfloat16."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from mmrank.adapters import DOWN, UP
from mmrank.errors import MmrankError

ADAPTER = "adapter.safetensors"


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
