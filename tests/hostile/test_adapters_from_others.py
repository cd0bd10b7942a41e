"""A broken adapter, of any kind, is one sentence that names it, and asks for no memory."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmrank import MmrankError
from mmrank.adapters import merged, read_adapter
from mmrank.encoders.protocol import EncoderInfo
from mmrank.encoders.query_adapter import load_query_adapter
from mmrank.rerankers.ck import CKSelector
from mmrank.rerankers.cross_encoder import merge_weights, minilm_with_head
from mmrank.rerankers.token_weights import read_token_weights

INFO = EncoderInfo("e", "r", 8, "float32", "mean", 64)
NAMES = {"encoder": "e", "revision": "r", "calling": ""}


def of_queries(path: Path) -> None:
    load_query_adapter(str(path), INFO)


def of_a_model(path: Path) -> None:
    merged({"layer.weight": torch.zeros(4, 4)}, read_adapter(path), source=path)


READERS: tuple[Callable[[Path], object], ...] = (of_queries, of_a_model, read_token_weights, CKSelector.load)


def raw(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


FILES = {
    "empty": b"",
    "text": b"not safetensors at all",
    "length": raw({}, length=1 << 62),
    "huge tensor": raw({"layer.lora_A.weight": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}),
    "negative": raw({"query.lora_A.weight": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"0000"),
    "overlap": raw({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, b"0000"),
    "deep": raw(b"[" * 100_000),
    "no header": raw(b"null"),
    "kind": raw({"a": {"dtype": "F8_E8M0", "shape": [4], "data_offsets": [0, 4]}}, b"0000"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_safetensors_file_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(FILES[name])
    for read in READERS:
        with pytest.raises(MmrankError, match="adapter"):
            read(path)


def test_a_pipe_a_folder_and_a_device_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nowhere", Path("/dev/zero")):
        for read in READERS:
            with pytest.raises(MmrankError):
                read(path)


@pytest.mark.parametrize("scale", ["x", "nan", "inf", "1e999", ""])
def test_a_scale_that_is_no_number_is_refused(scale: str, tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    halves = {"query.lora_A.weight": torch.ones(2, 8), "query.lora_B.weight": torch.ones(8, 2)}
    save_file(halves, path, {**NAMES, "scale": scale})
    for read in (of_queries, read_adapter):
        with pytest.raises(MmrankError, match="adapter"):
            read(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    halves = {"query.lora_A.weight": torch.full((2, 8), value), "query.lora_B.weight": torch.ones(8, 2)}
    save_file(halves, path, NAMES)
    for read in (of_queries, read_adapter):
        with pytest.raises(MmrankError, match="finite"):
            read(path)


@pytest.mark.parametrize(
    ("down", "up"), [((2, 9), (9, 2)), ((2, 8), (8, 3)), ((16,), (16,)), ((2, 2, 4), (4, 2, 2)), ((0, 8), (4, 0))]
)
def test_halves_that_do_not_fit_are_refused(down: tuple[int, ...], up: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    save_file({"query.lora_A.weight": torch.ones(down), "query.lora_B.weight": torch.ones(up)}, path, NAMES)
    with pytest.raises(MmrankError, match="adapter"):
        of_queries(path)
    save_file({"layer.lora_A.weight": torch.ones(down), "layer.lora_B.weight": torch.ones(up)}, path)
    with pytest.raises(MmrankError, match="adapter"):
        of_a_model(path)


def test_halves_are_compared_with_the_model_before_they_are_multiplied(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    wide = {"layer.lora_A.weight": torch.ones(1, 3_000_000), "layer.lora_B.weight": torch.ones(3_000_000, 1)}
    save_file(wide, path)
    with pytest.raises(MmrankError, match="does not have in that shape"):
        of_a_model(path)
    head = {"classifier.weight": torch.ones(1, 384), "classifier.bias": torch.ones(1)}
    layer = "bert.encoder.layer.0.attention.self.query"
    save_file({**head, **{name.replace("layer", layer, 1): tensor for name, tensor in wide.items()}}, path)
    with pytest.raises(MmrankError, match="does not have in that shape"):
        merge_weights(minilm_with_head(), path)


def test_a_sound_adapter_still_loads(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    save_file({"query.lora_A.weight": torch.ones(2, 8), "query.lora_B.weight": torch.zeros(8, 2)}, path, NAMES)
    adapter = load_query_adapter(str(path), INFO)
    assert adapter is not None
    np.testing.assert_allclose(adapter(np.eye(8, dtype=np.float32)), np.eye(8), atol=1e-6)


@pytest.mark.parametrize(
    "data", [b"", b"GGUF", b"GGUF" + b"\xff" * 60, b"x" * 1000, b"GGUF\x03\x00\x00\x00" + b"\x01" * 500]
)
def test_a_broken_gguf_file_is_one_sentence(data: bytes, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp")
    from mmrank.llm.gguf_adapter import gguf_adapter
    from mmrank.llm.llama_cpp_engine import LlamaChat

    model, adapter = tmp_path / "model.gguf", tmp_path / "adapter.safetensors"
    model.write_bytes(data)
    layer = "model.layers.0.self_attn.q_proj"
    save_file({f"{layer}.lora_A.weight": torch.ones(2, 8), f"{layer}.lora_B.weight": torch.ones(8, 2)}, adapter)
    for use in (lambda: LlamaChat(model), lambda: gguf_adapter(adapter, model)):
        with pytest.raises(MmrankError, match=r"model\.gguf") as caught:
            use()
        assert str(caught.value).isprintable()
