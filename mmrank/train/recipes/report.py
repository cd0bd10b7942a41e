"""What a training run hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """Held-out metrics before and after, and where the result is."""

    recipe: str
    out: Path
    before: Mapping[str, float]
    after: Mapping[str, float]
