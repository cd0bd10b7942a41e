"""What a run will take, before it is started: parameters, tokens, memory per GPU, steps and hours.

The model is built without weights, from its config; nothing is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mmrank.train.trainers.arguments import splits
from mmrank.train.trainers.lora import language_lora
from mmrank.train.trainers.reinforcement import GrpoSettings
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, TrainerSettings

PER_LAYER = 34
"""Bytes that a layer keeps per token and unit of its width for the backward pass (Korthikanti et al. 2022)."""


@dataclass(frozen=True, slots=True)
class Work:
    """A stage to be planned.

    Attributes:
        name: of the stage.
        settings: of its trainer.
        lora: None where all weights are trained.
        lengths: tokens of each example: a conversation, or all candidates of a question together.
        longest: tokens of the longest sequence.
        grpo: where the stage is reinforcement; `lengths` are those of prompts then.
    """

    name: str
    settings: TrainerSettings
    lora: LoraSettings | None
    lengths: Sequence[int]
    longest: int
    grpo: GrpoSettings | None = None


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What one stage takes.

    Attributes:
        stage: its name.
        parameters: of the model, without the adapter.
        trainable: parameters that are trained.
        examples: to train on.
        longest: tokens of the longest sequence, completion included.
        tokens_per_step: that one GPU computes per step of the optimizer, on average.
        memory: estimate per GPU, in bytes: weights, gradients, optimizer, activations and logits.
        steps: of the optimizer.
        hours: at the stated throughput; None where none was stated.
    """

    stage: str
    parameters: int
    trainable: int
    examples: int
    longest: int
    tokens_per_step: int
    memory: int
    steps: int
    hours: float | None


def plan(
    base: str,
    works: Sequence[Work],
    *,
    model: ModelSettings | None = None,
    gpus: int = 1,
    throughput: float | None = None,
) -> list[StagePlan]:
    """Plan stages on a base model.

    Args:
        base: a folder or a name on the hub; only its config is read.
        works: the stages.
        model: how its weights would be loaded; None: as the recipe does, which has no such settings.
        gpus: how many share the work.
        throughput: tokens per second and GPU, forward and backward; of GRPO with its completions written.

    Raises:
        MmrankError: when the config cannot be loaded.
    """
    return [_planned(base, model or ModelSettings(), work, gpus, throughput) for work in works]


def _planned(base: str, model: ModelSettings, work: Work, gpus: int, throughput: float | None) -> StagePlan:
    whole = without_weights(base)
    parameters = sum(weight.numel() for weight in whole.parameters())
    config = whole.config.get_text_config()
    trainable = parameters
    if work.lora is not None:
        from peft import inject_adapter_in_model

        inject_adapter_in_model(language_lora(work.lora, sees=hasattr(whole.config, "vision_config")), whole)
        trainable = sum(weight.numel() for weight in whole.parameters() if weight.requires_grad)
    settings = work.settings
    mean = sum(work.lengths) / len(work.lengths)
    written = work.grpo.completion_tokens if work.grpo else 0
    longest = work.longest + written
    per_step = settings.batch * settings.accumulation
    prompts = per_step * gpus / (work.grpo.completions if work.grpo else 1)
    updates = work.grpo.updates if work.grpo else 1
    steps = math.ceil(len(work.lengths) / prompts * settings.epochs * updates)
    steps = min(steps, settings.max_steps) if settings.max_steps > 0 else steps
    tokens = round(per_step * (mean + written))
    return StagePlan(
        stage=work.name,
        parameters=parameters,
        trainable=trainable,
        examples=len(work.lengths),
        longest=longest,
        tokens_per_step=tokens,
        memory=_memory(model, work, parameters, trainable, config, max(longest, round(mean + written)), gpus),
        steps=steps,
        hours=steps * tokens / throughput / 3600 if throughput else None,
    )


def _memory(
    model: ModelSettings, work: Work, parameters: int, trainable: int, config: Any, longest: int, gpus: int
) -> int:
    adapted = work.lora is not None
    half = adapted if model.dtype == "auto" else model.dtype != "float32"
    each = {"4bit": 0.55, "8bit": 1.05, None: 2.0 if half else 4.0}[model.quantise]
    shared = gpus if splits(work.settings) else 1
    # Gradient and two moments of AdamW in the precision of what is trained; GRPO without an adapter keeps a reference.
    weights = parameters * each * (2 if work.grpo is not None and not adapted and work.grpo.beta else 1)
    trained = trainable * (16 if adapted else each + 8 + each)
    tokens = work.settings.batch * longest
    width, layers = config.hidden_size, config.num_hidden_layers
    kept = layers * 2 + PER_LAYER if work.settings.gradient_checkpointing else layers * PER_LAYER
    logits = tokens * config.vocab_size * (4 if work.grpo or work.name == "sft" else 0)
    return round((weights + trained) / shared + tokens * width * kept + logits)


def without_weights(base: str) -> Any:
    """The model of a checkpoint's config, on no device."""
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText

    from mmrank.checkpoints import find_checkpoint, load_config, loading

    checkpoint = find_checkpoint(base)
    config = load_config(checkpoint)
    kinds = (AutoModelForImageTextToText, AutoModelForCausalLM)
    # What writes no text (BERT and its like) is in neither table.
    kind = next((one for one in kinds if type(config) in one._model_mapping), AutoModel)
    with torch.device("meta"), loading(checkpoint):
        return kind.from_config(config)


def tokenizer_of(base: str, *, sees: bool = False) -> Any:
    """The tokenizer of a checkpoint, or its processor if it shows pictures."""
    from transformers import AutoTokenizer

    from mmrank.checkpoints import find_checkpoint, loading
    from mmrank.processors import load_processor

    checkpoint = find_checkpoint(base)
    with loading(checkpoint):
        if sees:
            return load_processor(checkpoint.source, **checkpoint.options)
        return AutoTokenizer.from_pretrained(checkpoint.source, **checkpoint.options)
