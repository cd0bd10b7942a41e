"""Prompts that are read once: the same logits as reading them whole, from files that processes share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmrank.errors import InputError
from mmrank.train.trainers.kept_prompts import KeptSettings, ReadOnce, States, frozen_layers
from mmrank.train.trainers.language_models import load_causal
from mmrank.train.trainers.lora import with_language_lora
from mmrank.train.trainers.settings import LoraSettings

TEXTS = ["a short page of words", "a much longer page with many more words than the short one has", "of words a page"]
SETTINGS = KeptSettings(tokens=2, layers=1)
LABELS = [3, 5]


def _model_and_inputs() -> tuple[Any, dict[str, torch.Tensor]]:
    model, tokenizer = load_causal("tiny", TEXTS)
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True)
    return model.eval(), {name: inputs[name] for name in ("input_ids", "attention_mask")}


def _adapted() -> tuple[Any, dict[str, torch.Tensor]]:
    base, inputs = _model_and_inputs()
    lora = LoraSettings(rank=2, alpha=4)
    return with_language_lora(base, lora, frozen=frozen_layers(base, SETTINGS)).eval(), inputs


def test_a_model_without_an_adapter_says_what_it_says_of_whole_prompts(tmp_path: Path) -> None:
    model, inputs = _model_and_inputs()
    with torch.no_grad():
        places = (inputs["attention_mask"].cumsum(1) - 1).clamp(min=0)
        whole = model(**inputs, position_ids=places).logits[:, -1, LABELS]
        once = ReadOnce(model, SETTINGS, tmp_path)
        assert torch.allclose(once.logits(**inputs, labels=LABELS), whole, atol=1e-5)
        assert once.tokens == int(inputs["attention_mask"].sum())
        again = ReadOnce(model, SETTINGS, tmp_path)
        assert torch.allclose(again.logits(**inputs, labels=LABELS), whole, atol=1e-5)
    assert again.tokens == 0  # what another one read was found


def test_the_adapter_learns_on_the_last_tokens_and_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    model, inputs = _adapted()
    once = ReadOnce(model, SETTINGS, tmp_path)
    before = once.logits(**inputs, labels=LABELS).detach()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1.0)
    for _ in range(3):
        once.logits(**inputs, labels=[5]).sum().neg().backward()
        optimizer.step()
        optimizer.zero_grad()
    changed = once.logits(**inputs, labels=LABELS).detach()
    assert (changed[:, 1] > before[:, 1]).all()
    anew = ReadOnce(model, SETTINGS, tmp_path / "other")  # read with the trained adapter in place, which is not asked
    assert torch.allclose(anew.logits(**inputs, labels=LABELS), changed, atol=1e-5)


def test_only_the_upper_layers_are_adapted() -> None:
    model, _ = _adapted()
    names = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert names
    assert all(".layers.1." in name for name in names)


def test_more_layers_than_there_are_cannot_be_adapted() -> None:
    model, _ = _model_and_inputs()
    with pytest.raises(InputError, match="the model has 2"):
        frozen_layers(model, KeptSettings(layers=3))


def test_a_torn_record_is_passed_over_until_it_is_whole(tmp_path: Path) -> None:
    States(tmp_path, "a", torch.float32).keep([1, 2], torch.ones(3))
    States(tmp_path, "a", torch.float32).keep([3], torch.full((2,), 7.0))
    [torn] = [file for file in tmp_path.iterdir() if len(file.read_bytes()) < 16 + 8 + 12]
    whole = torn.read_bytes()
    torn.write_bytes(whole[:-1])
    reader = States(tmp_path, "a", torch.float32)
    assert reader.find([3]) is None
    torn.write_bytes(whole)
    found = reader.find([3])
    assert found is not None
    assert found.tolist() == [7.0, 7.0]
    assert States(tmp_path, "b", torch.float32).find([1, 2]) is None


def test_what_prompts_have_in_common_at_their_beginning_is_read_once(tmp_path: Path) -> None:
    model, tokenizer = load_causal("tiny", TEXTS)
    question = " ".join(TEXTS * 3)
    inputs = tokenizer([f"{question} {text}" for text in TEXTS], return_tensors="pt", padding=True)
    given = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        places = (given["attention_mask"].cumsum(1) - 1).clamp(min=0)
        whole = model.eval()(**given, position_ids=places).logits[:, -1, LABELS]
        once = ReadOnce(model, SETTINGS, tmp_path)
        assert torch.allclose(once.logits(**given, labels=LABELS), whole, atol=1e-5)
    shared = len(tokenizer(question)["input_ids"])
    assert once.tokens == int(given["attention_mask"].sum()) - 2 * shared
