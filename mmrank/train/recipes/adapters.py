"""Writing adapters: the active one of a peft-adapted model as `mmrank.adapters` reads it, in bfloat16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mmrank.adapters import DOWN, UP, Adapter
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
    adapter = factors(model, head=head)
    return write_adapter(out / file, adapter.tensors, {**metadata, "scale": str(adapter.scale)})


def save_stacked(out: Path, parts: Sequence[Adapter], metadata: Mapping[str, str]) -> Path:
    """Write adapters that were trained one upon the other as one, whose rank is the sum of theirs. Returns the file."""
    names = dict.fromkeys(name.removesuffix(DOWN) for part in parts for name in part.tensors if name.endswith(DOWN))
    tensors: dict[str, Tensor] = {}
    for name in names:
        there = [part for part in parts if name + DOWN in part.tensors]
        tensors[name + DOWN] = torch.cat([part.tensors[name + DOWN] for part in there])
        tensors[name + UP] = torch.cat([part.scale * part.tensors[name + UP] for part in there], dim=1)
    return write_adapter(out / ADAPTER, tensors, {**metadata, "scale": "1.0"})


def factors(model: nn.Module, *, head: str | None = None) -> Adapter:
    """The active adapter of a peft-adapted model, and a head that was trained in full.

    Raises:
        MmrankError: when no layer of the model is adapted.
    """
    from peft.tuners.lora import LoraLayer

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
    kept = {name: value.detach().to("cpu", torch.float32).clone() for name, value in tensors.items()}
    return Adapter(kept, scales.pop(), {})


def write_adapter(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], dtype: torch.dtype = torch.bfloat16
) -> Path:
    """Write tensors as `mmrank.adapters` reads them. Returns the file."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.to(dtype).contiguous() for name, value in tensors.items()}, path, metadata=dict(metadata))
    return path
