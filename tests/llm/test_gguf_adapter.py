"""Adapters as llama.cpp reads them, by the architecture of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmrank.errors import MmrankError
from mmrank.llm.gguf_adapter import gguf_adapter

gguf = pytest.importorskip("gguf")
LAYER = "model.layers.0.self_attn.q_proj"


def model(path: Path, architecture: str) -> Path:
    """A GGUF file that names an architecture with two heads, and holds no weights."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_rows_of_queries_are_in_the_order_of_the_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "cache"))
    adapter = tmp_path / "adapter.safetensors"
    up = torch.arange(8.0)[:, None]
    save_file({f"{LAYER}.lora_A.weight": torch.ones(1, 8), f"{LAYER}.lora_B.weight": up}, adapter)
    orders = {}
    for name in ("llama", "qwen2"):
        made = gguf.GGUFReader(gguf_adapter(adapter, model(tmp_path / f"{name}.gguf", name)))
        assert made.fields["general.architecture"].contents() == name
        [second] = [tensor for tensor in made.tensors if tensor.name == "blk.0.attn_q.weight.lora_b"]
        orders[name] = np.asarray(second.data).ravel().tolist()
    assert orders == {"llama": [0, 2, 1, 3, 4, 6, 5, 7], "qwen2": [0, 1, 2, 3, 4, 5, 6, 7]}
    with pytest.raises(MmrankError, match="is a bert; adapters are put into llama, qwen2"):
        gguf_adapter(adapter, model(tmp_path / "bert.gguf", "bert"))
