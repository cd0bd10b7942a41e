"""Processes that serve, watched by a parent that starts a dead one again."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

log = logging.getLogger("mmrank.serve")

Work = Callable[[list[socket.socket]], None]
"""Serves on the sockets until SIGTERM. It is looked up by name in the new process, so it is a function of a module."""

SHORT_LIFE = 10.0
LONGEST_PAUSE = 30.0
"""A worker that died within the first seconds is started again after a pause that doubles up to the second."""


def supervise(count: int, work: Work, sockets: list[socket.socket], grace: float) -> None:
    """Run workers until SIGTERM or SIGINT, and start those again that die.

    Args:
        count: how many.
        work: what each does.
        sockets: that are listened on; all workers share them.
        grace: seconds that workers have to end before they are killed.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    workers = [_Worker(work, sockets) for _ in range(count)]
    while not stop.is_set():
        wait([worker.process.sentinel for worker in workers if worker.process.is_alive()], timeout=0.5)
        for worker in workers:
            if not worker.process.is_alive() and not stop.is_set():
                worker.again()
    for worker in workers:
        worker.process.terminate()
    end = time.monotonic() + grace
    for worker in workers:
        worker.process.join(max(0.0, end - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


class _Worker:
    """One worker, which has a new process after each death."""

    def __init__(self, work: Work, sockets: list[socket.socket]) -> None:
        self._work, self._sockets = work, sockets
        self._pause = 0.0
        self._due: float | None = None
        self.process = self._start()

    def again(self) -> None:
        """Start a new process, or wait until that is due."""
        now = time.monotonic()
        if self._due is None:
            lived = now - self._begun
            self._pause = min(max(1.0, 2 * self._pause), LONGEST_PAUSE) if lived < SHORT_LIFE else 0.0
            self._due = now + self._pause
            fields = {"pid": self.process.pid, "exit": self.process.exitcode, "pause_seconds": self._pause}
            log.error("worker died; it is started again", extra={"fields": fields})
        if now >= self._due:
            self.process.close()
            self._due, self.process = None, self._start()

    def _start(self) -> SpawnProcess:
        self._begun = time.monotonic()
        process = multiprocessing.get_context("spawn").Process(target=_live, args=(self._work, self._sockets))
        process.start()
        return process


def _live(work: Work, sockets: list[socket.socket]) -> None:
    """In the worker: work, and end when the parent does, however it ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    work(sockets)
