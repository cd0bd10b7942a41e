"""A process in which foreign files are handled, watched from outside: what happens in it cannot harm this process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from mmrank.errors import MmrankError
from mmrank.sandbox.confinement import clean_environment
from mmrank.sandbox.messages import LARGEST, Inbox, Message, NotAMessageError, Unpacker, send
from mmrank.sandbox.template import PARENT_PIPE

START_SECONDS = 60.0
"""A process that has not begun a task after this long is given up."""


class WorkerDiedError(MmrankError):
    """The process crashed, hung or was stopped. The message says how.

    Attributes:
        reason: the message, without the page.
        page: the page that was read, from 0; None where none was.
        pages: how many the file has, where a page was read.
    """

    def __init__(self, reason: str, page: int | None = None, pages: int = 0) -> None:
        super().__init__(reason if page is None else f"{reason} on page {page + 1}")
        self.reason, self.page, self.pages = reason, page, pages


class ConfusedError(MmrankError):
    """The process of a file did not answer as it was asked to. The message names the file and says how."""


class Sandbox:
    """A template process (see `mmrank.sandbox.template`), started when first needed and again after it ended.

    It ends with this process, however that ends. Not for use by several threads at once.

    Args:
        command: what to start; a program that calls `mmrank.sandbox.template.serve`.
        parts: names of models that an answer may report as "used"; they are loaded beforehand for later tasks.
    """

    def __init__(self, command: Sequence[str], *, parts: frozenset[str] = frozenset()) -> None:
        self._command = list(command)
        self._parts = parts
        self._used: set[str] = set()
        self._process: Any = None
        self._pipe = -1
        self._stopped = False
        self.on_page: Callable[[str, int], None] = lambda path, pages: None
        """Called before each page with the path of its file, and how many pages that has."""
        _LIVE.add(self)

    def perform(self, task: dict[str, Any], body: bytes = b"") -> Message:
        """Perform a task; waits at most the task's time limit for each of its pages.

        Args:
            task: what to do. `task["options"]["limits"]` holds "seconds" and "file_seconds"; "start" and "stop" are
                the pages that may be reported as begun.
            body: bytes that the task works on.

        Raises:
            WorkerDiedError: when the process crashed, ran out of time or was killed.
            ConfusedError: when it answered other than once, or with what is no answer.
        """
        watch = _Watch(task, self.on_page)
        try:
            answer = self._exchange({**task, "used": sorted(self._used)}, body, watch)
        except NotAMessageError as error:
            self.close()
            raise ConfusedError(f"{task['path']} confused the reading process: it {error}") from error
        except TimeoutError:
            self.close()
            raise watch.died(watch.complaint()) from None
        except (OSError, EOFError):
            raise watch.died(self._how_it_ended()) from None
        except WorkerDiedError:
            raise
        except BaseException:
            self.close()
            raise
        used = answer[0].pop("used", [])
        if isinstance(used, list):
            self._used |= self._parts.intersection(part for part in used if isinstance(part, str))
        return answer

    def _exchange(self, task: dict[str, Any], body: bytes, watch: _Watch) -> Message:
        process = self._running()
        send(process.stdin.fileno(), task, body, seconds=START_SECONDS)
        while message := self._inbox.receive(watch.patience()):
            header, data = message
            if header.get("kind") == "ended":
                return watch.answer(header.get("status"))
            if header.get("kind") == "started":
                watch.start()
            elif header.get("kind") == "output":
                watch.feed(data)
            else:
                raise NotAMessageError("sent something that is not a message")
        raise EOFError

    def stop(self) -> None:
        """Stop the process for good; the thread that waits for its answer is told. May be called in another thread.

        The pipes stay open: one that is closed while a thread waits for it would never be ready.
        """
        self._stopped = True
        if process := self._process:
            _kill(process)

    def close(self) -> None:
        """Stop the process and all that it started, at once."""
        process, self._process = self._process, None
        if process:
            _kill(process)
            self._close_pipes(process)
            process.wait()

    def _close_pipes(self, process: Any) -> None:
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                stream.close()
        with suppress(OSError):
            os.close(self._pipe)

    def forget(self) -> None:
        """Let go of a process that belongs to the process this one was copied from."""
        process, self._process = self._process, None
        if process:
            self._close_pipes(process)
            process.returncode = 0

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> Any:
        if self._process is None or self._process.poll() is not None:
            self.close()
            if self._stopped:
                raise EOFError
            watched, self._pipe = os.pipe()
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    bufsize=0,
                    stderr=subprocess.DEVNULL,
                    env={**clean_environment(), PARENT_PIPE: str(watched)},
                    pass_fds=(watched,),
                    start_new_session=True,
                )
            finally:
                os.close(watched)
            if self._stopped:
                _kill(self._process)
            os.set_blocking(self._process.stdin.fileno(), False)
            self._inbox = Inbox(self._process.stdout.fileno())
        return self._process

    def _how_it_ended(self) -> str:
        """Wait for the process to end and say how it did."""
        process = self._process
        if process is None:
            return "was given up with the reading process"
        try:
            code = process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        self.close()
        return _reason(code)


def _kill(process: Any) -> None:
    if process.returncode is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()


class _Watch:
    """What is known of a task that is being performed: how long it may still take, and what was answered."""

    def __init__(self, task: dict[str, Any], on_page: Callable[[str, int], None]) -> None:
        self._path, self._on_page = str(task["path"]), on_page
        self._limits = task["options"]["limits"]
        self._pages = range(task.get("start", 0), task.get("stop", int(self._limits.get("pages", 0))))
        self._granted = START_SECONDS
        self._deadline = time.monotonic() + START_SECONDS
        self._end = float("inf")
        self._page: int | None = None
        self._count = 0
        self._started = False
        self._received = 0
        self._unpacker = Unpacker()
        self._answer: Message | None = None

    def patience(self) -> float:
        """Seconds until the task is given up."""
        return max(0.0, self._deadline - time.monotonic())

    def complaint(self) -> str:
        """Why it is given up."""
        return f"took longer than {self._granted:.3g} s" if self._started else "could not be begun"

    def died(self, reason: str) -> WorkerDiedError:
        """The error of a process that ended on the page that was begun last."""
        return WorkerDiedError(reason, self._page, self._count)

    def start(self) -> None:
        """Count the time from now on."""
        if self._started:
            raise NotAMessageError("began twice")
        self._started = True
        self._end = time.monotonic() + float(self._limits["file_seconds"])
        self._grant()

    def _grant(self) -> None:
        now = time.monotonic()
        self._granted = min(float(self._limits["seconds"]), max(0.0, self._end - now))
        self._deadline = now + self._granted

    def feed(self, data: bytes) -> None:
        """Take in what was written by the process of the task."""
        self._received += len(data)
        if not self._started or self._received > LARGEST:
            raise NotAMessageError("sent more than was asked for")
        self._unpacker.feed(data)
        while message := self._unpacker.next():
            if self._answer:
                raise NotAMessageError("sent more than one answer")
            if "page" in message[0]:
                self._note(message[0]["page"], message[0].get("of"))
            else:
                self._answer = message

    def _note(self, page: object, pages: object) -> None:
        """Take in that a page was begun."""
        if type(page) is not int or type(pages) is not int or page not in self._pages or page >= pages:
            raise NotAMessageError(f"reported page {str(page)[:20]}")
        self._pages = range(page + 1, self._pages.stop)
        self._page, self._count = page, pages
        self._on_page(self._path, pages)
        self._grant()

    def answer(self, status: object) -> Message:
        """The answer of a process that ended."""
        if not self._started or type(status) is not int:
            raise NotAMessageError("ended before it began")
        if status:
            raise self.died(_reason(status))
        if self._unpacker.holds or not self._answer:
            raise NotAMessageError("broke off in its answer")
        return self._answer


def _reason(code: int) -> str:
    if code in {-9, 137}:
        return "the reading process was killed, probably because memory ran out"
    if code == -24:
        return "took more processor time than a file may take"
    if code < 0:
        return f"crashed the reading process (signal {-code})"
    return f"ended the reading process (exit code {code})"


_LIVE: weakref.WeakSet[Sandbox] = weakref.WeakSet()


def _forget_all() -> None:
    for sandbox in list(_LIVE):
        sandbox.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
