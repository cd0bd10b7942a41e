"""The weights of a base model: in which precision, with which attention, quantised or not, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from mmrank.errors import InputError, require
from mmrank.train.trainers import ranks
from mmrank.train.trainers.arguments import splits
from mmrank.train.trainers.settings import ModelSettings, TrainerSettings

if TYPE_CHECKING:
    from mmrank.checkpoints import Checkpoint


@dataclass(frozen=True, slots=True)
class Loading:
    """How a base model is loaded.

    Attributes:
        model: settings of the recipe.
        adapted: an adapter will be trained, and the weights stay as they are.
        split: the weights will be spread over processes, so they stay where they are read.
    """

    model: ModelSettings = field(default_factory=ModelSettings)
    adapted: bool = False
    split: bool = False


def how_to_load(config: Any, *, adapted: bool) -> Loading:
    """How a recipe's base model is loaded, by its settings `model` and those of its trainers."""
    stages = [value for _, value in config if isinstance(value, TrainerSettings)]
    return Loading(config.model, adapted, any(splits(stage) for stage in stages))


def load_weights(checkpoint: Checkpoint, how: Loading) -> Any:
    """A language model of transformers on the device of this process.

    Raises:
        InputError: for quantised weights that would have to be trained themselves.
        MissingExtraError: for quantised weights without bitsandbytes.
        MmrankError: when the model cannot be loaded.
    """
    from mmrank.checkpoints import load_language_model

    dtype = chosen_dtype(how)
    if how.model.quantise is None:
        return placed(load_language_model(checkpoint, dtype=dtype, attention=how.model.attention), how)
    if not how.adapted:
        raise InputError("quantised weights are not trained themselves: set lora, or leave out model.quantise")
    require("bitsandbytes", "quantise")
    from peft import prepare_model_for_kbit_training
    from transformers import BitsAndBytesConfig

    four = how.model.quantise == "4bit"
    quantisation = BitsAndBytesConfig(
        load_in_4bit=four,
        load_in_8bit=not four,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model = load_language_model(
        checkpoint,
        dtype=torch.bfloat16,
        attention=how.model.attention,
        quantisation=quantisation,
        device=ranks.device(),
    )
    for layer in model.modules():  # on processors: weights that are measured once are packed, and pass no gradient on
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def chosen_dtype(how: Loading) -> torch.dtype:
    """The precision of the weights: of what is trained float32, of what an adapter is added to bfloat16 on a GPU."""
    if how.model.dtype != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[how.model.dtype]
    return torch.bfloat16 if how.adapted and torch.cuda.is_available() else torch.float32


def placed(model: Any, how: Loading) -> Any:
    """The model on the device of this process, before anything is measured."""
    return model if how.split else model.to(ranks.device())
