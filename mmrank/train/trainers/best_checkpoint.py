"""Keep the checkpoint that does best on held-out examples, for trainers that measure nothing but a loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mmrank.train.trainers import ranks

Measure = Callable[[Any], Mapping[str, float]]
"""Model → its figures on held-out examples; higher is better."""
PREFIX = "held_out_"
"""Before the names of these figures in metrics.jsonl."""


class BestOnHeldOut(TrainerCallback):
    """Measures each checkpoint, writes the figures to metrics.jsonl, and loads the best one at the end.

    Args:
        measure: called at each save.
        by: name of the figure that decides; of equal checkpoints the earlier one is kept.
        metrics: the run's metrics.jsonl, in which a resumed run finds what was best before.
    """

    def __init__(self, measure: Measure, by: str, metrics: Path) -> None:
        self._measure, self._by, self._metrics = measure, by, metrics

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ask the trainer to load the best checkpoint at the end, and look for it among those of an earlier run.

        Of a model that is split over processes the last one stays.
        """
        args.load_best_model_at_end = not is_split_by(args)
        for row in ranks.said_by_first(self._rows):
            if PREFIX + self._by in row and row["step"] <= state.global_step:
                self._note(args, state, row["step"], row[PREFIX + self._by])

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Measure the checkpoint that was just written."""
        found = self._measure(kwargs["model"])
        if ranks.writes():
            with self._metrics.open("a", encoding="utf-8") as file:
                row = {"step": state.global_step, **{PREFIX + name: value for name, value in found.items()}}
                file.write(json.dumps(row) + "\n")
        ranks.wait()
        self._note(args, state, state.global_step, found[self._by])

    def _rows(self) -> list[dict[str, Any]]:
        lines = self._metrics.read_text(encoding="utf-8").split("\n") if self._metrics.is_file() else []
        return [json.loads(line) for line in lines if line]

    @staticmethod
    def _note(args: TrainingArguments, state: TrainerState, step: int, value: float) -> None:
        folder = Path(str(args.output_dir)) / f"checkpoint-{step}"
        if folder.is_dir() and (state.best_metric is None or value > state.best_metric):
            state.best_metric, state.best_model_checkpoint, state.best_global_step = value, str(folder), step


def is_split_by(args: TrainingArguments) -> bool:
    """Whether a trainer's arguments spread the weights over processes (FSDP, ZeRO-3)."""
    stage = args.deepspeed.get("zero_optimization", {}).get("stage") if isinstance(args.deepspeed, dict) else None
    return bool(args.fsdp) or stage == 3
