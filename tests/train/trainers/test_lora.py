"""Adapters on disk are the adapted model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mmrank.adapters import merged, read_adapter
from mmrank.errors import MmrankError
from mmrank.train.trainers.lora import FasterSecondFactor, factors, save_adapter, save_stacked

pytest.importorskip("trl")


def test_a_saved_adapter_merged_by_hand_is_the_adapted_model(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    plain = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4))
    weights = {name: value.clone() for name, value in plain.state_dict().items()}
    adapted = get_peft_model(plain, LoraConfig(r=2, lora_alpha=6, target_modules=["0", "2"]))
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value)
    path = save_adapter(tmp_path, adapted, {"base": "toy"})
    read = read_adapter(path)
    assert read.metadata["base"] == "toy"
    again = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4))
    again.load_state_dict(merged(weights, read, source=path))
    given = torch.randn(3, 6)
    assert torch.allclose(again(given), adapted(given), atol=0.05)
    assert not torch.allclose(again(given), torch.nn.functional.linear(given, weights["0.weight"])[:, :4], atol=0.05)
    with pytest.raises(MmrankError, match="does not have"):
        merged({"other.weight": torch.zeros(1, 1)}, read, source=path)


def test_adapters_trained_one_upon_the_other_are_one_adapter(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 4))
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    parts = []
    for modules in (["0", "1"], ["0"]):
        adapted = get_peft_model(model, LoraConfig(r=2, lora_alpha=6, target_modules=modules))
        for name, value in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(value)
        parts.append(factors(adapted))
        model = adapted.merge_and_unload()
    read = read_adapter(save_stacked(tmp_path, parts, {"base": "toy"}))
    for name, value in merged(weights, read, source="toy").items():
        assert torch.allclose(value, model.state_dict()[name], atol=0.05)


def test_the_second_factors_learn_faster_by_the_given_multiple() -> None:
    from peft import LoraConfig, get_peft_model

    class Plain:
        def __init__(self, model: torch.nn.Module) -> None:
            self.model, self.optimizer = model, None
            self.args = SimpleNamespace(
                learning_rate=1e-4, weight_decay=0.0, adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8
            )

        def create_optimizer(self) -> str:
            return "the trainer's own"

    class Trainer(FasterSecondFactor, Plain): ...

    plain = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 4))
    model = get_peft_model(plain, LoraConfig(r=2, target_modules=["0", "1"]))
    rates = {
        id(w): group["lr"]
        for group in Trainer(plus=16, model=model).create_optimizer().param_groups
        for w in group["params"]
    }
    found = {name: rates[id(weight)] for name, weight in model.named_parameters() if weight.requires_grad}
    assert len(found) == 4
    assert all(rate == pytest.approx(16e-4 if "lora_B" in name else 1e-4) for name, rate in found.items())
    assert Trainer(plus=None, model=model).create_optimizer() == "the trainer's own"
