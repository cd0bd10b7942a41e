"""Training on groups: a question with all its candidates, scored together. The relevant candidate is the first one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import Trainer, TrainingArguments

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample
from mmrank.train.trainers import ranks
from mmrank.train.trainers.arguments import common_arguments, splits
from mmrank.train.trainers.lora import FasterSecondFactor
from mmrank.train.trainers.run_folder import METRICS, JsonLines, checkpoint_to_resume
from mmrank.train.trainers.settings import TrainerSettings

Row = Mapping[str, Any]
"""`query`, `candidates` (the relevant one first), `positives`, `group` and, with a teacher, `teacher` (one score per
candidate)."""


class GroupScorer(Protocol):
    """How a model scores groups."""

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """Model inputs of all candidates, one row each, and `mask` (batch, candidates), False for padding."""
        ...

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, outputs) in float32; scores where the mask is False are ignored."""
        ...


Objective = Callable[[Tensor, Mapping[str, Tensor]], Tensor]
"""(scores (batch, candidates, outputs), batch with `mask` and, with a teacher, `teacher`) → scalar."""


def rows_of(examples: Sequence[RankingExample], candidates: int, seed: int = 0) -> list[Row]:
    """Groups of at most `candidates`: one relevant passage, then negatives. Examples without negatives are left out.

    Raises:
        InputError: when no example has a negative.
    """
    rng = random.Random(seed)
    rows: list[Row] = []
    for example in examples:
        negatives = list(example.negatives[: candidates - 1])
        if negatives:
            rows.append(
                {
                    "query": example.query,
                    "candidates": [rng.choice(example.positives), *negatives],
                    "positives": example.positives,
                    "group": example.group,
                }
            )
    if not rows:
        raise InputError("no example has a negative, so there is nothing to rank; build them with `mmrank train data`")
    return rows


def grouped_mask(rows: Sequence[Row]) -> Tensor:
    """(batch, candidates) boolean, True for real candidates, False for padding."""
    counts = torch.tensor([len(row["candidates"]) for row in rows])
    return torch.arange(int(counts.max())) < counts[:, None]


def ungroup(values: Tensor, mask: Tensor) -> Tensor:
    """(all candidates, outputs) → (batch, candidates, outputs), zeros where the mask is False."""
    placed = values.new_zeros((*mask.shape, values.shape[-1]))
    placed[mask] = values
    return placed


def teacher_scores(rows: Sequence[Row], mask: Tensor) -> dict[str, Tensor]:
    """{"teacher": (batch, candidates)} if the rows have a teacher's scores, otherwise an empty dictionary."""
    if "teacher" not in rows[0]:
        return {}
    flat = torch.tensor([float(score) for row in rows for score in row["teacher"]])
    return {"teacher": ungroup(flat[:, None], mask)[..., 0]}


class GroupedTrainer(FasterSecondFactor, Trainer):
    """The trainer of transformers with an objective over groups; it measures the recall of the relevant candidate."""

    control: Any

    def __init__(
        self,
        *,
        scorer: GroupScorer,
        objective: Objective,
        rank_by: int,
        faster: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> None:
        self.faster = faster or {}
        super().__init__(data_collator=scorer.collate, **settings)
        self.scorer = scorer
        self.objective = objective
        self.rank_by = rank_by

    def create_optimizer(self, *arguments: Any, **options: Any) -> Any:
        """The optimizer, with groups of their own for weights that learn faster."""
        begun = self.optimizer is not None
        optimizer = super().create_optimizer(*arguments, **options)
        for name, rate in ({} if begun else self.faster).items():
            weight = self.model.get_parameter(name)
            for group in optimizer.param_groups:
                group["params"] = [other for other in group["params"] if other is not weight]
            optimizer.add_param_group({"params": [weight], "lr": self.args.learning_rate * rate, "weight_decay": 0.0})
        return optimizer

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The objective's value."""
        # Scorers may call inner modules of the model, which the trainer's own mixed precision does not reach.
        with self.accelerator.autocast():
            scores = self.scorer.scores(model, inputs)
        loss = self.objective(scores, inputs)
        return (loss, {"scores": scores}) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """`loss`, `recall` (at 1) and `mrr` over the held-out groups, logged."""
        metrics = {f"{metric_key_prefix}_{k}": v for k, v in self.measure(eval_dataset).items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def measure(self, rows: Any = None) -> dict[str, float]:
        """`loss`, `recall` (at 1) and `mrr` over groups, not logged; a tie counts against the relevant candidate."""
        held = list(self.eval_dataset if rows is None else rows)
        size = self.args.per_device_eval_batch_size
        found = ranks.spread([held[start : start + size] for start in range(0, len(held), size)], self._measured)
        seen = sum(groups for *_, groups in found)
        loss, first, reciprocal = (sum(each) / seen for each in list(zip(*found, strict=True))[:3])
        return {"loss": loss, "recall": first, "mrr": reciprocal}

    def _measured(self, batches: Sequence[Sequence[Row]]) -> list[tuple[float, float, float, int]]:
        """Of each batch: sums over its groups of loss, first places and reciprocal ranks, and their number."""
        self.model.eval()
        made = []
        for rows in batches:
            batch = self._prepare_inputs(self.scorer.collate(rows))
            with torch.no_grad(), self.accelerator.autocast():
                scores = self.scorer.scores(self.model, batch)
                value = self.objective(scores, batch)
            ranked = scores[..., self.rank_by].masked_fill(~batch["mask"], float("-inf"))
            rank = 1 + (ranked[:, 1:] >= ranked[:, :1]).sum(dim=1)
            groups = len(rank)
            made.append((float(value) * groups, float((rank == 1).sum()), float((1 / rank).sum()), groups))
        return made


def fit(
    model: Any,
    *,
    rows: Sequence[Row],
    held_out: Sequence[Row],
    scorer: GroupScorer,
    objective: Objective,
    settings: TrainerSettings,
    out: Path,
    resume: bool,
    rank_by: int = 0,
    baseline: bool = True,
    plus: float | None = None,
    faster: Mapping[str, float] | None = None,
    all_used: bool = False,
) -> tuple[dict[str, float], dict[str, float]]:
    """Train a model in place, and keep the checkpoint with the best held-out recall.

    Args:
        model: any module.
        rows: groups to train on.
        held_out: groups to measure on, at each save.
        scorer: how the model scores groups.
        objective: the loss.
        settings: of the trainer.
        out: folder for checkpoints and metrics.jsonl.
        resume: continue from the last checkpoint.
        rank_by: number of the output that candidates are ranked by.
        baseline: measure before training too; never of a model that will be split over processes.
        plus: see `LoraSettings`.
        faster: weights by name that learn faster, by this multiple of the learning rate.
        all_used: every trained weight has a part in each loss; needed where some do outside the model's forward pass.

    Returns:
        `loss`, `recall` and `mrr` on `held_out` before (nothing without a baseline) and after.
    """
    last = checkpoint_to_resume(out, resume)
    trainer = GroupedTrainer(
        plus=plus,
        faster=faster,
        scorer=scorer,
        objective=objective,
        rank_by=rank_by,
        model=model,
        args=TrainingArguments(
            **common_arguments(settings, out),
            eval_strategy="steps",
            eval_steps=settings.save_steps,
            load_best_model_at_end=not splits(settings),
            metric_for_best_model="eval_recall",
            greater_is_better=True,
            remove_unused_columns=False,
            label_names=["mask"],
            **({"ddp_find_unused_parameters": False} if all_used else {}),
        ),
        train_dataset=list(rows),
        eval_dataset=list(held_out),
        callbacks=[JsonLines(out / METRICS)],
    )
    before = trainer.measure() if baseline and not splits(settings) else {}
    trainer.train(resume_from_checkpoint=last)
    return before, trainer.measure()
