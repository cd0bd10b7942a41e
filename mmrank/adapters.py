"""Adapters: what training changed of a model's weights, in one small safetensors file that loads without peft.

For each adapted linear layer the file holds `<layer>.lora_A.weight` (rank, in) and `<layer>.lora_B.weight` (out,
rank); the adapted weight is W + scale · B @ A, with the scale in the metadata. Other trained tensors, such as a scoring
head, have their own names and replace the model's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.printable import one_line

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
    from safetensors import safe_open

    with _reading(path), safe_open(str(path), "numpy") as file:
        if set(file.keys()) != names:
            return None
        tensors = {name: file.get_tensor(name).astype(np.float32) for name in names}
        if any(array.ndim != 2 or not np.isfinite(array).all() for array in tensors.values()):
            raise ValueError("its tensors are no matrices of finite numbers")
        metadata = file.metadata() or {}
        scale_of(metadata)
        return tensors, metadata


def read_adapter(path: str | Path) -> Adapter:
    """Read an adapter.

    Raises:
        MmrankError: when the file is not there or is no safetensors file.
    """
    from safetensors import safe_open

    with _reading(path), safe_open(str(path), "pt") as file:
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise ValueError(f"{broken[0]} holds what is no finite number")
        metadata = file.metadata() or {}
        return Adapter(tensors, scale_of(metadata), metadata)


def scale_of(metadata: Mapping[str, str]) -> float:
    """The factor of the low-rank change.

    Raises:
        ValueError: when it is no finite number.
    """
    scale = float(metadata.get("scale", 1.0))
    if not math.isfinite(scale):
        raise ValueError(f"its scale is {scale}")
    return scale


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    """Whatever is wrong with the file is one sentence. A pipe or a device is not opened."""
    from safetensors import SafetensorError

    if not Path(path).is_file():
        raise MmrankError(f"the weights {path} cannot be read: there is no such file, or it is none")
    try:
        yield
    except (OSError, SafetensorError, TypeError, ValueError, RuntimeError, MemoryError) as error:
        raise MmrankError(f"the weights {path} cannot be read: {one_line(error) or 'too large'}") from error


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
        target, shape, up = name, tuple(tensor.shape), None
        if name.endswith(DOWN):
            layer = name.removesuffix(DOWN)
            up = adapter.tensors.get(layer + UP)
            if up is None:
                raise MmrankError(f"{source} holds {name} without its other half")
            if up.ndim != 2 or tensor.ndim != 2 or up.shape[1] != tensor.shape[0]:
                raise MmrankError(f"{source} holds {name} and another half that does not fit it")
            target, shape = f"{layer}.weight", (up.shape[0], tensor.shape[1])
        if target not in weights or tuple(weights[target].shape) != shape:
            raise MmrankError(f"{source} holds {name}, which the model does not have in that shape")
        old = weights[target]
        result[target] = (tensor if up is None else old.float() + adapter.scale * (up @ tensor)).to(old.dtype)
    return result
