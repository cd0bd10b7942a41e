"""Low-rank adapters (LoRA, Hu et al. 2022): put into a model, read from it, and written for `mmrank.adapters`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmrank.adapters import DOWN, UP, Adapter
from mmrank.errors import MmrankError
from mmrank.train.trainers import ranks
from mmrank.train.trainers.settings import LoraSettings

ADAPTER = "adapter.safetensors"
VISION_TOWER = r"(.*\.)?(visual|vision_tower|vision_model)\..*"
"""Names of the layers that read pictures, in the families of vision-language models of transformers."""


def lora_config(lora: LoraSettings, **more: Any) -> Any:
    """peft's configuration; `more` are further arguments of it."""
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.modules,
        layers_to_transform=lora.layers,
        **more,
    )


class FasterSecondFactor:
    """For trainers: the second factor of each adapter learns faster than the first one (LoRA+, Hayou et al. 2024).

    Args:
        plus: learning rate of the second factors as a multiple of that of the first ones; None: alike.
        settings: of the trainer it is mixed into.
    """

    optimizer: Any
    args: Any
    model: Any

    def __init__(self, *, plus: float | None, **settings: Any) -> None:
        self._plus = plus
        super().__init__(**settings)

    def create_optimizer(self, *arguments: Any, **options: Any) -> Any:
        """The optimizer of the trainer, or AdamW with the two learning rates."""
        if self._plus is None or self.optimizer is not None:
            return super().create_optimizer(*arguments, **options)  # type: ignore[misc]
        from peft.optimizers import create_loraplus_optimizer

        self.optimizer = create_loraplus_optimizer(
            self.model,
            torch.optim.AdamW,
            lr=self.args.learning_rate,
            loraplus_lr_ratio=self._plus,
            loraplus_weight_decay=self.args.weight_decay,
            betas=(self.args.adam_beta1, self.args.adam_beta2),
            eps=self.args.adam_epsilon,
        )
        # Two of the four groups are for weights that adapters lack: with empty ones a split model cannot be resumed.
        self.optimizer.param_groups = [group for group in self.optimizer.param_groups if group["params"]]
        return self.optimizer


def language_lora(lora: LoraSettings | None, *, sees: bool = False) -> Any:
    """peft's configuration for a language model, None to train all weights.

    Args:
        lora: rank, layers and so on.
        sees: the model reads pictures; its vision tower is left as it is.
    """
    if lora is None:
        return None
    return lora_config(lora, exclude_modules=VISION_TOWER if sees else None, task_type="CAUSAL_LM")


def with_language_lora(model: Any, lora: LoraSettings | None, *, whole: str | None = None, frozen: int = 0) -> Any:
    """A language model with a fresh adapter; the model itself where `lora` is None.

    Args:
        model: its vision tower, if it has one, is left as it is.
        lora: rank, layers and so on.
        whole: name of a module that is trained in full.
        frozen: layers from the first that are left as they are.
    """
    if lora is None:
        return model
    from peft import get_peft_model

    sees = hasattr(model.config, "vision_config")
    excluded = [VISION_TOWER] * sees + [rf"(.*\.)?{whole}"] * (whole is not None)
    if frozen:
        excluded.append(rf"(.*\.)?layers\.({'|'.join(map(str, range(frozen)))})\..*")
    config = lora_config(
        lora,
        exclude_modules="|".join(excluded) or None,
        modules_to_save=[whole] if whole else None,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def adapt_encoder(encoder: Any, lora: LoraSettings) -> None:
    """Put a fresh adapter into the network of an encoder; its vision tower stays as it is."""
    from peft import inject_adapter_in_model

    network = getattr(encoder.model[0], "auto_model", encoder.model)
    inject_adapter_in_model(language_lora(lora, sees=encoder.info.reads_images), network)


def merge_in_place(model: nn.Module) -> None:
    """Add every adapter to the weights it adapts, and put the plain layers back."""
    from peft.tuners.lora import LoraLayer

    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoraLayer):
            layer.merge()
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, layer.get_base_layer())


def save_adapter(
    out: Path, model: nn.Module, metadata: Mapping[str, str], *, head: str | None = None, file: str = ADAPTER
) -> Path:
    """Write the active adapter of a peft-adapted model in bfloat16. Returns the file.

    Args:
        out: folder.
        model: holds LoRA layers.
        metadata: the model the adapter belongs to, and the recipe.
        head: prefix of a module that was trained in full, for instance "classifier".
        file: name of the file.

    Raises:
        MmrankError: when no layer of the model is adapted.
    """
    adapter = factors(model, head=head)
    return write_adapter(out / file, adapter.tensors, {**metadata, "scale": str(adapter.scale)})


def save_stacked(out: Path, parts: Sequence[Adapter], metadata: Mapping[str, str]) -> Path:
    """Write adapters that were trained one after the other as one of their summed rank. Returns the file."""
    names = dict.fromkeys(name.removesuffix(DOWN) for part in parts for name in part.tensors if name.endswith(DOWN))
    tensors: dict[str, Tensor] = {}
    for name in names:
        present = [part for part in parts if name + DOWN in part.tensors]
        tensors[name + DOWN] = torch.cat([part.tensors[name + DOWN] for part in present])
        tensors[name + UP] = torch.cat([part.scale * part.tensors[name + UP] for part in present], dim=1)
    return write_adapter(out / ADAPTER, tensors, {**metadata, "scale": "1.0"})


def factors(model: nn.Module, *, head: str | None = None) -> Adapter:
    """The active adapter of a peft-adapted model, and a head that was trained in full, in float32 on the CPU.

    Raises:
        MmrankError: when no layer of the model is adapted.
    """
    from peft.tuners.lora import LoraLayer

    tensors: dict[str, Tensor] = {}
    scales: set[float] = set()
    for name, layer in model.named_modules():
        plain = name.removeprefix("base_model.model.")
        if isinstance(layer, LoraLayer):
            adapter = layer.active_adapters[0]
            tensors[plain + DOWN] = layer.lora_A[adapter].weight
            tensors[plain + UP] = layer.lora_B[adapter].weight
            scales.add(float(layer.scaling[adapter]))
        elif head is not None and plain in (head, f"{head}.modules_to_save.default") and hasattr(layer, "weight"):
            tensors[f"{head}.weight"] = layer.weight
            tensors[f"{head}.bias"] = layer.bias
    if not scales:
        raise MmrankError("the model carries no LoRA adapter, so there is nothing to save")
    if len(scales) > 1:
        raise MmrankError(f"the adapter's layers have different scales: {sorted(scales)}")
    kept = {name: ranks.whole(value).to(torch.float32).clone() for name, value in tensors.items()}
    return Adapter(kept, scales.pop(), {})


def write_adapter(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], dtype: torch.dtype = torch.bfloat16
) -> Path:
    """Write tensors as `mmrank.adapters` reads them. Returns the file."""
    from safetensors.torch import save_file

    if not ranks.writes():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.to(dtype).contiguous() for name, value in tensors.items()}, path, metadata=dict(metadata))
    return path
