"""Adapters: read without peft, refused where they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mmrank.adapters import merged, read_adapter
from mmrank.errors import MmrankError

WEIGHTS = {"a.weight": torch.zeros(3, 2, dtype=torch.bfloat16), "head.bias": torch.zeros(3)}


def write(folder: Path, **tensors: torch.Tensor) -> Path:
    path = folder / "adapter.safetensors"
    save_file({name.replace("__", "."): tensor for name, tensor in tensors.items()}, path, metadata={"scale": "2.0"})
    return path


def test_low_rank_factors_are_added_and_whole_tensors_take_the_place(tmp_path) -> None:
    path = write(
        tmp_path, a__lora_A__weight=torch.ones(1, 2), a__lora_B__weight=torch.ones(3, 1), head__bias=torch.ones(3)
    )
    result = merged(WEIGHTS, read_adapter(path), source=path)
    assert result["a.weight"].dtype is torch.bfloat16
    assert result["a.weight"].tolist() == [[2.0, 2.0]] * 3
    assert result["head.bias"].tolist() == [1.0] * 3
    assert WEIGHTS["a.weight"].tolist() == [[0.0, 0.0]] * 3


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"a__lora_A__weight": torch.ones(1, 2)}, "without its other half"),
        ({"a__lora_B__weight": torch.ones(3, 1)}, "without its other half"),
        ({"a__lora_A__weight": torch.ones(1, 5), "a__lora_B__weight": torch.ones(3, 1)}, "in that shape"),
        ({"b__weight": torch.ones(1)}, "does not have"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, tensors, words) -> None:
    path = write(tmp_path, **tensors)
    with pytest.raises(MmrankError, match=words):
        merged(WEIGHTS, read_adapter(path), source=path)
