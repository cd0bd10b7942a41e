"""The checks of tools/gpu_check.py, by name: each takes a device and returns its figures, or raises."""

from __future__ import annotations

from collections.abc import Callable

from gpu_checks import encoders, machine, rerankers, training
from gpu_checks.made import Figures, LeftOutError

__all__ = ["CHECKS", "LeftOutError"]

CHECKS: dict[str, Callable[[str], Figures]] = {
    "machine": machine.machine,
    "memory": machine.memory,
    "compile": machine.compile_off_and_on,
    "faiss": machine.faiss,
    **{f"encoders.{name}": check for name, check in encoders.CHECKS.items()},
    **{f"rerankers.{name}": check for name, check in rerankers.CHECKS.items()},
    **{f"training.{name}": check for name, check in training.CHECKS.items()},
}
"""Name → check."""
