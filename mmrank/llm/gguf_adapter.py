"""An adapter as llama.cpp reads it: the same low-rank factors in a GGUF file, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.adapters import DOWN, UP, read_adapter
from mmrank.cache import cache_folder
from mmrank.errors import MmrankError, require
from mmrank.printable import one_line

LAYERS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Layers of a Llama or Qwen2 in transformers → in llama.cpp."""
ROTATED = {"llama": True, "qwen2": False}
"""Architecture → whether llama.cpp keeps the rows of queries and keys in an order of its own."""


def gguf_adapter(path: str | Path, model: str | Path) -> Path:
    """The adapter of a Llama or Qwen2 as a GGUF file, kept in the user's cache folder by its content.

    Args:
        path: as `mmrank.adapters` reads it.
        model: the GGUF file it adapts.

    Raises:
        MissingExtraError: when the package gguf is not installed.
        MmrankError: when the adapter changes what llama.cpp cannot adapt, or the cache cannot be written.
    """
    gguf = require("gguf", "llama")
    adapter = read_adapter(path)
    architecture, *heads = _shape(gguf, model)
    key = hashlib.sha256(Path(path).read_bytes() + repr((architecture, heads)).encode()).hexdigest()[:16]
    made = cache_folder("models") / f"adapter-{key}.gguf"
    if made.is_file():
        return made
    ranks = {len(tensor) for name, tensor in adapter.tensors.items() if name.endswith(DOWN)}
    if len(ranks) != 1:
        raise MmrankError(f"{path} has layers of the ranks {sorted(ranks)}; llama.cpp takes adapters of one rank")
    tensors = {}
    for name, tensor in adapter.tensors.items():
        place = _place(name, path)
        values = tensor.numpy().astype(np.float32)
        if values.ndim != 2:
            raise MmrankError(f"{path} holds {name}, which is no matrix")
        if ROTATED[architecture] and name.endswith(UP) and place.endswith(("attn_q", "attn_k")):
            if len(values) % (2 * heads[place.endswith("attn_k")] or 1):
                raise MmrankError(f"{path} holds {name}, whose {len(values)} rows do not fit the heads of {model}")
            values = _rotated(values, heads[place.endswith("attn_k")])
        tensors[f"{place}.weight.lora_{'a' if name.endswith(DOWN) else 'b'}"] = values
    try:
        with tempfile.TemporaryDirectory(dir=made.parent, prefix=".adapter") as folder:
            draft = Path(folder, made.name)
            writer = gguf.GGUFWriter(draft, architecture)
            writer.add_type("adapter")
            writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
            writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.scale * ranks.pop())
            for name, values in tensors.items():
                writer.add_tensor(name, values)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            draft.replace(made)
    except OSError as error:
        raise MmrankError(
            f"{made.parent} cannot be written ({error}). Set MMRANK_CACHE to a folder that can."
        ) from error
    return made


def _shape(gguf: Any, model: str | Path) -> tuple[str, int, int]:
    """Architecture, attention heads, and heads of keys and values."""
    try:
        fields = gguf.GGUFReader(str(model)).fields
        architecture = str(fields["general.architecture"].contents())
        if architecture not in ROTATED:
            raise MmrankError(f"{model} is a {one_line(architecture, 40)}; adapters are put into {', '.join(ROTATED)}")
        heads, key_heads = (f"{architecture}.attention.{name}" for name in ("head_count", "head_count_kv"))
        keys = fields[key_heads if key_heads in fields else heads].contents()
        return architecture, int(fields[heads].contents()), int(keys)
    except (OSError, LookupError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise MmrankError(f"{model} cannot be read as GGUF: {one_line(error)}") from error


def _place(name: str, path: str | Path) -> str:
    parts = name.removesuffix(DOWN).removesuffix(UP).split(".")
    layer = ".".join(parts[3:])
    if not name.endswith((DOWN, UP)) or parts[:2] != ["model", "layers"] or layer not in LAYERS:
        raise MmrankError(f"{path} changes {name}, which llama.cpp cannot adapt")
    return f"blk.{parts[2]}.{LAYERS[layer]}"


def _rotated(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows in llama.cpp's order: it rotates neighbouring pairs of a head, transformers its two halves."""
    return values.reshape(heads, 2, len(values) // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)
