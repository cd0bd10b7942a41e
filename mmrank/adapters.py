"""Adapters: what training changed of a model's weights, in one small safetensors file that loads without peft.

For each adapted linear layer the file holds `<layer>.lora_A.weight` (rank, in) and `<layer>.lora_B.weight` (out,
rank); the adapted weight is W + scale · B @ A, with the scale in the metadata. Other trained tensors, such as a scoring
head, have their own names and replace the model's. A folder that peft wrote is read into the same shape.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.printable import one_line

if TYPE_CHECKING:
    from torch import Tensor

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
PEFT_CONFIG, PEFT_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
LARGEST_CONFIG = 1 << 20
"""Bytes of peft's configuration."""
_WRAPPED = re.compile(r"\.(?:default|modules_to_save|base_layer|original_module)(?=\.)")
_RENAMED = (
    ("model.language_model.", "model."),
    ("model.language_model.", "language_model.model."),
    ("model.visual.", "visual."),
    ("lm_head.", "language_model.lm_head."),
    ("model.", ""),
)
"""Beginnings of names in today's transformers, and what they were when older adapters were saved."""


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
    """Read an adapter: a safetensors file that `mmrank train` wrote, or a folder that peft wrote.

    Raises:
        MmrankError: when it is not there, is no safetensors file, or is of a kind that cannot be merged.
    """
    from safetensors import safe_open

    if Path(path).is_dir():
        return _read_peft(Path(path))

    with _reading(path), safe_open(str(path), "pt") as file:
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise ValueError(f"{broken[0]} holds what is no finite number")
        metadata = file.metadata() or {}
        return Adapter(tensors, scale_of(metadata), metadata)


def _read_peft(folder: Path) -> Adapter:
    """LoRA as peft writes it; the scale of each layer is multiplied into its second factor."""
    from safetensors import safe_open

    file, config = folder / PEFT_WEIGHTS, read_peft_config(folder)
    kind = str(config.get("peft_type"))
    if kind != "LORA" or config.get("use_dora") or config.get("fan_in_fan_out"):
        what = "DoRA" if config.get("use_dora") else "fan_in_fan_out" if kind == "LORA" else kind
        raise MmrankError(f"the adapter {folder} is of the kind {one_line(what)}; plain LoRA can be merged")
    if not file.is_file():
        raise MmrankError(f"the adapter {folder} holds no {PEFT_WEIGHTS}; pickled weights are not read")
    tensors: dict[str, Tensor] = {}
    with _reading(file), safe_open(str(file), "pt") as opened:
        for name in opened.keys():  # noqa: SIM118
            plain = _WRAPPED.sub("", name.removeprefix("base_model.model."))
            tensor = opened.get_tensor(name).float()
            if not tensor.isfinite().all():
                raise ValueError(f"{name} holds what is no finite number")
            if "lora_" in plain and not plain.endswith((DOWN, UP)):
                raise ValueError(f"{name} is no factor of a linear layer")
            tensors[plain] = (
                tensor * _peft_scale(plain.removesuffix(UP), tensor, config) if plain.endswith(UP) else tensor
            )
        return Adapter(tensors, 1.0, {"base": str(config.get("base_model_name_or_path") or "")})


def read_peft_config(folder: Path) -> Mapping[str, Any]:
    """The configuration of a folder that peft wrote.

    Raises:
        MmrankError: when there is none.
    """
    path = folder / PEFT_CONFIG
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise ValueError(f"it has {path.stat().st_size:,} bytes")
        config = json.loads(path.read_bytes())
        if not isinstance(config, dict):
            raise ValueError("it holds no settings")
    except (OSError, ValueError, RecursionError) as error:
        raise MmrankError(f"{folder} is no adapter that peft wrote: {PEFT_CONFIG}: {one_line(error)}") from error
    return config


def _peft_scale(layer: str, up: Tensor, config: Mapping[str, Any]) -> float:
    rank, alpha = up.shape[-1], config.get("lora_alpha", 8)
    patterns = config.get("alpha_pattern") or {}
    for pattern, special in patterns.items() if isinstance(patterns, dict) else ():
        if not re.fullmatch(r"[\w.]+", pattern):
            raise ValueError(f"its alpha_pattern {one_line(pattern, 60)!r} is no name of a layer")
        if layer == pattern or layer.endswith(f".{pattern}"):
            alpha = special
    scale = float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)
    if not math.isfinite(scale):
        raise ValueError(f"its scale is {scale}")
    return scale


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
        target = _named_today(target, weights)
        if target not in weights or tuple(weights[target].shape) != shape:
            raise MmrankError(f"{source} holds {name}, which the model does not have in that shape")
        old = weights[target]
        result[target] = (tensor if up is None else old.float() + adapter.scale * (up @ tensor)).to(old.dtype)
    return result


def _named_today(name: str, weights: Mapping[str, Tensor]) -> str:
    """The name of a weight in this model, of which an older one may be given."""
    if name not in weights:
        for today, before in _RENAMED:
            renamed = today + name.removeprefix(before)
            if name.startswith(before) and renamed in weights:
                return renamed
    return name
