"""What the trainers of transformers, sentence-transformers and trl have in common."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from mmrank.errors import InputError
from mmrank.train.recipes.config import TrainerSettings

METRICS = "metrics.jsonl"


def common_arguments(settings: TrainerSettings, out: Path) -> dict[str, Any]:
    """Keyword arguments for any `TrainingArguments`."""
    import torch

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
        "gradient_checkpointing": settings.gradient_checkpointing,  # trl's own default is True
        **({"deepspeed": device_settings(settings.deepspeed)} if settings.deepspeed else {}),
        **({"fsdp": True, "fsdp_config": device_settings(settings.fsdp)} if settings.fsdp else {}),
    }


DEVICES = {"zero2": "deepspeed_zero2.json", "zero3": "deepspeed_zero3.json", "fsdp": "fsdp.json"}
"""Settings for several GPUs that come with mmrank. Written by the libraries' documentation, never run by us."""


def device_settings(name: str) -> dict[str, Any]:
    """Settings of DeepSpeed or FSDP: one of `DEVICES`, or a JSON file.

    Raises:
        InputError: when it is neither.
    """
    path = files("mmrank.train.recipes") / "devices" / DEVICES[name] if name in DEVICES else Path(name)
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{name} is none of {', '.join(DEVICES)} and no JSON file ({error})") from error
    return found


class JsonLines(TrainerCallback):
    """Writes what is logged to metrics.jsonl, one line a step; a resumed run goes on where its checkpoint stood."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drop lines that a killed run wrote after its last checkpoint."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        kept = [line for line in lines if json.loads(line)["step"] <= state.global_step]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.global_step, **(logs or {})}) + "\n")


def checkpoint_to_resume(out: Path, resume: bool) -> str | None:
    """The last checkpoint where a run is to be resumed.

    Raises:
        InputError: when there is none, or when a new run would overwrite one.
    """
    folder = out / "checkpoints"
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if resume and last is None:
        raise InputError(f"{folder} holds no checkpoint to resume; start without --resume")
    if not resume and last is not None:
        raise InputError(f"{out} holds a run already; go on with --resume or choose another --out")
    return last if resume else None
