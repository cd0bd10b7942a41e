"""Systems by name: mmrank itself, and the plain reference to compare it with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mmrank.errors import InputError
from mmrank.evaluate.product import ProductSystem
from mmrank.evaluate.protocol import System
from mmrank.evaluate.reference import ReferenceSystem

SYSTEMS: Mapping[str, Callable[[Path], System]] = {
    "mmrank": lambda cache: ProductSystem(cache / "mmrank"),
    "reference": lambda cache: ReferenceSystem(cache / "reference"),
    "reference-bm25": lambda cache: ReferenceSystem(cache / "reference", signals=("bm25",)),
    "reference-minilm": lambda cache: ReferenceSystem(cache / "reference", signals=("minilm",)),
}
"""What makes each system, given the directory where it may keep what it computes."""


def system_names() -> list[str]:
    """The systems that can be evaluated by name."""
    return list(SYSTEMS)


def load_system(name: str, cache: Path) -> System:
    """A system by its name.

    Args:
        name: one of `system_names()`.
        cache: directory where it may keep what it computes.

    Raises:
        InputError: for an unknown name; lists the known ones.
    """
    if name not in SYSTEMS:
        raise InputError(f"unknown system {name!r}; there are: {', '.join(SYSTEMS)}")
    return SYSTEMS[name](cache)
