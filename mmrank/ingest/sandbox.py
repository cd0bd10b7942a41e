"""The process in which files are read."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mmrank.sandbox.process import Sandbox as _Sandbox
from mmrank.sandbox.process import WorkerDiedError

__all__ = ["WORKER", "Sandbox", "WorkerDiedError"]

WORKER = (sys.executable, "-m", "mmrank.ingest.worker")


class Sandbox(_Sandbox):
    """Reads one file at a time in processes of their own: see `mmrank.ingest.worker` for the tasks.

    Args:
        command: what to start; a program that answers as `mmrank.ingest.worker` does.
    """

    def __init__(self, command: Sequence[str] = WORKER) -> None:
        super().__init__(command, parts=frozenset({"recognition"}))
