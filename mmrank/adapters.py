"""Adapters: what training changed of a model's weights, in one small safetensors file that loads without peft.

For each adapted linear layer the file holds `<layer>.lora_A.weight` (rank, in) and `<layer>.lora_B.weight` (out,
rank); the adapted weight is W + scale · B @ A, with the scale in the metadata. Other trained tensors, such as a scoring
head, have their own names and replace the model's.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError

if TYPE_CHECKING:
    from torch import Tensor

DOWN, UP = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True, slots=True)
class Adapter:
    """Trained tensors by name, in float32, and the scale of those of low rank."""

    tensors: Mapping[str, Tensor]
    scale: float
    metadata: Mapping[str, str]


def read_arrays(path: str | Path, names: Set[str]) -> tuple[dict[str, NDArray[np.float32]], Mapping[str, str]] | None:
    """The tensors of an adapter as arrays in float32, and its metadata, without torch.

    Args:
        path: the file.
        names: of the tensors; None is returned where it holds others.

    Raises:
        MmrankError: when the file is not there, is no safetensors file or is in a precision that numpy does not have.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            if set(file.keys()) != names:
                return None
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in names}
            return tensors, file.metadata() or {}
    except (OSError, SafetensorError, TypeError) as error:
        raise MmrankError(f"the weights {path} cannot be read: {error}") from error


def read_adapter(path: str | Path) -> Adapter:
    """Read an adapter.

    Raises:
        MmrankError: when the file is not there or is no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise MmrankError(f"the weights {path} cannot be read: {error}") from error
    return Adapter(tensors, float(metadata.get("scale", 1.0)), metadata)


def merged(weights: Mapping[str, Tensor], adapter: Adapter, *, source: str | Path) -> dict[str, Tensor]:
    """A model's weights with an adapter merged in; other weights are returned as they are.

    Args:
        weights: of the model, by name.
        adapter: what was trained.
        source: where the adapter comes from, for errors.

    Raises:
        MmrankError: when the adapter names what the model does not have in that shape, or lacks half of a layer.
    """
    result = dict(weights)
    for name, tensor in adapter.tensors.items():
        if name.endswith(UP):
            if name.removesuffix(UP) + DOWN not in adapter.tensors:
                raise MmrankError(f"{source} holds {name} without its other half")
            continue
        target, change = name, tensor
        if name.endswith(DOWN):
            layer = name.removesuffix(DOWN)
            if layer + UP not in adapter.tensors:
                raise MmrankError(f"{source} holds {name} without its other half")
            target, change = f"{layer}.weight", adapter.scale * (adapter.tensors[layer + UP] @ tensor)
        if target not in weights or weights[target].shape != change.shape:
            raise MmrankError(f"{source} holds {name}, which the model does not have in that shape")
        old = weights[target]
        result[target] = (change if target == name else old.float() + change).to(old.dtype)
    return result
