"""A worker process, watched from outside: what happens in it cannot harm this process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from mmrank.errors import MmrankError
from mmrank.ingest.messages import Inbox, Message, send

WORKER = (sys.executable, "-m", "mmrank.ingest.worker")


class WorkerDiedError(MmrankError):
    """The worker crashed, hung or was stopped. The message says how.

    Attributes:
        reason: the message, without the page.
        page: the page that was read, from 0; None where none was.
        pages: how many the file has, where a page was read.
    """

    def __init__(self, reason: str, page: int | None = None, pages: int = 0) -> None:
        super().__init__(reason if page is None else f"{reason} on page {page + 1}")
        self.reason, self.page, self.pages = reason, page, pages


class Sandbox:
    """One worker process, started when first needed and again after it ended.

    Not for use by several threads at once.

    Args:
        command: what to start; a program that answers as `mmrank.ingest.worker` does.
        tasks_per_process: a process is replaced after this many tasks, whatever state they left it in.
    """

    def __init__(self, command: Sequence[str] = WORKER, *, tasks_per_process: int = 100) -> None:
        self._command = list(command)
        self._tasks_per_process = tasks_per_process
        self._process: Any = None
        self._done = 0
        self.on_page: Callable[[str, int], None] = lambda path, pages: None
        """Called before each page with the path of its file, and how many pages that has."""

    def perform(self, task: dict[str, Any], body: bytes = b"") -> Message:
        """Perform a task; waits at most the task's time limit for each of its pages.

        Raises:
            WorkerDiedError: when the process crashed, ran out of time or was killed.
        """
        process = self._running()
        limits = task["options"]["limits"]
        end = time.monotonic() + float(limits["file_seconds"])
        page, pages = None, 0
        try:
            send(process.stdin.fileno(), task, body)
            while True:
                patience = min(float(limits["seconds"]), end - time.monotonic())
                answer = self._inbox.receive(patience)
                if answer is None or "page" not in answer[0]:
                    break
                page, pages = int(answer[0]["page"]), int(answer[0].get("of", 0))
                self.on_page(str(task["path"]), pages)
        except TimeoutError:
            self.close()
            raise WorkerDiedError(f"took longer than {patience:.3g} s", page, pages) from None
        except (OSError, MmrankError):
            answer = None
        if answer is None:
            raise WorkerDiedError(self._how_it_ended(), page, pages)
        self._done += 1
        if self._done >= self._tasks_per_process:
            self.close()
        return answer

    def close(self) -> None:
        """Stop the process, at once."""
        if self._process:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream:
                    _close(stream)
        self._process, self._done = None, 0

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> Any:
        if self._process is None or self._process.poll() is not None:
            self.close()
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self._inbox = Inbox(self._process.stdout.fileno())
        return self._process

    def _how_it_ended(self) -> str:
        """Wait for the process to end and say how it did."""
        assert self._process
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        self.close()
        if code in {-9, 137}:
            return "the reading process was killed, probably because memory ran out"
        if code == -24:
            return "took more processor time than a file may take"
        if code < 0:
            return f"crashed the reading process (signal {-code})"
        return f"ended the reading process (exit code {code})"


def _close(stream: BinaryIO) -> None:
    try:
        stream.close()
    except OSError:
        return
