"""What a recipe promises, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """Figures on held-out examples before and after training, and the folder of the run.

    `counts` says what was shortened or left out to fit the limits.
    """

    recipe: str
    out: Path
    before: Mapping[str, float]
    after: Mapping[str, float]
    counts: Mapping[str, int] = field(default_factory=dict)


class Recipe(Protocol):
    """The function `train` of a recipe's module."""

    def __call__(self, config: Any, out: Path, *, resume: bool = False) -> TrainingReport:
        """Train, and write checkpoints, metrics.jsonl, TensorBoard's files and the result into `out`.

        Args:
            config: the recipe's own settings, a `mmrank.train.trainers.settings.RecipeConfig`.
            out: folder of the run; a finished or stopped run in it is never overwritten.
            resume: continue from the last checkpoint in `out`; the losses are those of a run that was not stopped.

        Raises:
            InputError: when the examples do not fit the recipe, or `out` holds a run and `resume` is False.
        """
        ...
