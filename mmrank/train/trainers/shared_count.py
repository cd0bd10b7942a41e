"""A number that the processes which prepare batches count up together."""

from __future__ import annotations

import multiprocessing


class SharedCount:
    """Counts from 0; processes that are forked or spawned later count on."""

    def __init__(self) -> None:
        self._value = multiprocessing.Value("q", 0)

    def add(self, more: int = 1) -> None:
        """Count up."""
        with self._value:
            self._value.value += more

    def __int__(self) -> int:
        return int(self._value.value)
