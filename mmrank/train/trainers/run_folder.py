"""The folder of a training run: its checkpoints, and its metrics.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from mmrank.errors import InputError
from mmrank.train.trainers import ranks

METRICS = "metrics.jsonl"


class JsonLines(TrainerCallback):
    """Writes what is logged to metrics.jsonl, one line per step; a resumed run continues at its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drop lines that a killed run wrote after its last checkpoint."""
        if not ranks.writes():
            return
        lines = self.path.read_text(encoding="utf-8").split("\n") if self.path.is_file() else []
        kept = [line for line in lines if line and json.loads(line)["step"] <= state.global_step]
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
        if not ranks.writes():
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.global_step, **(logs or {})}) + "\n")


def checkpoint_to_resume(out: Path, resume: bool) -> str | None:
    """The last checkpoint in `out` if the run is to be resumed, otherwise None.

    Raises:
        InputError: when there is nothing to resume, or when a new run would overwrite an old one.
    """
    folder = out / "checkpoints"
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if resume and last is None:
        raise InputError(f"{folder} holds no checkpoint to resume; start without --resume")
    if not resume and last is not None:
        raise InputError(f"{out} holds a run already; continue it with --resume or choose another --out")
    ranks.wait()  # before anything is written
    return last if resume else None


def resumes_stage(out: Path, resume: bool) -> bool:
    """Whether a stage of a resumed run continues: its folder holds checkpoints. Otherwise the stage starts afresh."""
    return resume and (out / "checkpoints").is_dir()
