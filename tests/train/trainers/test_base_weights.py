"""How a base model is loaded: precision and attention are those that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
import torch

from mmrank.errors import MmrankError
from mmrank.train.trainers.base_weights import Loading, chosen_dtype
from mmrank.train.trainers.language_models import load_causal
from mmrank.train.trainers.settings import ModelSettings


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    for part in tiny_models.tiny_llama():
        part.save_pretrained(folder)
    return folder


def test_precision_and_attention_are_those_of_the_settings(base: Path) -> None:
    plain, _ = load_causal(str(base), [])
    assert plain.dtype == torch.float32
    how = Loading(ModelSettings(dtype="bfloat16", attention="eager"))
    model, _ = load_causal(str(base), [], how=how)
    assert model.dtype == torch.bfloat16 and model.config._attn_implementation == "eager"
    with pytest.raises(MmrankError, match="flash_attention_9"):
        load_causal(str(base), [], how=Loading(ModelSettings(attention="flash_attention_9")))


def test_what_an_adapter_is_added_to_is_in_half_precision_on_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, half in ((False, torch.float32), (True, torch.bfloat16)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert chosen_dtype(Loading(adapted=True)) == half
        assert chosen_dtype(Loading()) == torch.float32
