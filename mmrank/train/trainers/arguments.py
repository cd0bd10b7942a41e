"""From `TrainerSettings` to the arguments of the trainers of transformers, sentence-transformers and trl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from mmrank.errors import InputError, require
from mmrank.train.trainers.settings import TrainerSettings


def common_arguments(settings: TrainerSettings, out: Path) -> dict[str, Any]:
    """Keyword arguments for any `TrainingArguments`; checkpoints go to `out/checkpoints`.

    Raises:
        MissingExtraError: for DeepSpeed where it is not installed.
    """
    import torch

    if settings.deepspeed:
        require("deepspeed", "deepspeed")

    sharding = device_settings(settings.fsdp) if settings.fsdp else {}
    # The models recompute by themselves instead: of layers that FSDP wraps to recompute, peft saves no adapter.
    recomputed = sharding.pop("activation_checkpointing", False)
    return {
        "output_dir": str(out / "checkpoints"),
        "seed": settings.seed,
        "data_seed": settings.seed,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps,
        "per_device_train_batch_size": settings.batch,
        "per_device_eval_batch_size": settings.batch,
        "gradient_accumulation_steps": settings.accumulation,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "bf16": settings.bf16,
        "use_cpu": not torch.cuda.is_available(),
        "logging_steps": settings.log_steps,
        "save_strategy": "steps",
        "save_steps": settings.save_steps,
        "save_total_limit": 2,
        "report_to": ["tensorboard"],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "dataloader_num_workers": settings.workers,
        # trl's own default is True.
        "gradient_checkpointing": settings.gradient_checkpointing or recomputed,
        **({"deepspeed": device_settings(settings.deepspeed)} if settings.deepspeed else {}),
        **({"fsdp": True, "fsdp_config": sharding} if sharding else {}),
    }


DEVICES = {"zero2": "deepspeed_zero2.json", "zero3": "deepspeed_zero3.json", "fsdp": "fsdp.json"}
"""Settings for several GPUs that come with mmrank."""


def splits(settings: TrainerSettings) -> bool:
    """Whether each process will hold a part of the weights only (FSDP, ZeRO-3)."""
    if settings.fsdp:
        return True
    zero = device_settings(settings.deepspeed).get("zero_optimization", {}) if settings.deepspeed else {}
    return bool(zero.get("stage") == 3)


def refuse_split(settings: TrainerSettings, stages: Sequence[str]) -> None:
    """Refuse several stages of a model that is split over processes: adapters cannot be merged there.

    Raises:
        InputError: says to run one stage per command.
    """
    if splits(settings) and len(stages) > 1:
        raise InputError(
            f"fsdp and zero3 train one stage per command, not {', '.join(stages)}: name one under stages, then begin"
            " the next from its result, or use zero2"
        )


def device_settings(name: str) -> dict[str, Any]:
    """Settings of DeepSpeed or FSDP, named by a key of `DEVICES` or by a JSON file.

    Raises:
        InputError: when it is neither.
    """
    path = files("mmrank.train.trainers") / "devices" / DEVICES[name] if name in DEVICES else Path(name)
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{name} is none of {', '.join(DEVICES)} and no JSON file ({error})") from error
    return found
