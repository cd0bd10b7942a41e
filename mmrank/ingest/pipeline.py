"""From files through worker processes to documents, as a stream."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, Protocol

from mmrank.errors import InputError, MmrankError
from mmrank.ingest.job import Job, Task
from mmrank.ingest.opening import FileError
from mmrank.ingest.options import IngestOptions
from mmrank.ingest.sandbox import WORKER, Sandbox, WorkerDiedError
from mmrank.ingest.store import DocumentStore
from mmrank.ingest.unfinished import Unfinished
from mmrank.names import UNREAD
from mmrank.types import Document


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one file: a document, or the reason why there is none."""

    path: Path
    name: str
    document: Document | None
    error: str | None
    pages: int
    seconds: float
    """Time since work on it began."""
    cached: bool = False
    """Whether it had been finished by an earlier run."""


ACTIVE = 3
"""Files per worker that may be read at the same time."""
TICK_SECONDS = 0.5
STOP_SECONDS = 5.0
Tick = Callable[[Mapping[str, tuple[int, int]]], None]
"""Called with the files that are being read, by path: how many of their pages were read, and how many they have."""


class TaskEngine(Protocol):
    """Where tasks are performed. `submit` returns at once; a task that kills its worker raises WorkerDiedError."""

    width: int
    """Tasks that run at the same time."""

    def submit(self, task: dict[str, Any], body: bytes = b"") -> Future[tuple[dict[str, Any], bytes]]:
        """Perform one task."""
        ...

    def close(self) -> None:
        """Stop everything that still runs."""
        ...


class LocalEngine:
    """Worker processes on this machine.

    Args:
        workers: how many; 0 for one per core.
        command: what to start as a worker.
    """

    def __init__(self, workers: int = 0, command: Sequence[str] = WORKER) -> None:
        self.width = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or 2
        self._pool = ThreadPoolExecutor(self.width, thread_name_prefix="ingest")
        self._free: SimpleQueue[Sandbox] = SimpleQueue()
        self._all = [Sandbox(command) for _ in range(self.width)]
        self.seen: dict[str, tuple[int, int]] = {}
        """By path, how many pages of a file were begun, and how many it has."""
        self._performed: set[Future[tuple[dict[str, Any], bytes]]] = set()
        for sandbox in self._all:
            sandbox.on_page = self._note
            self._free.put(sandbox)

    def submit(self, task: dict[str, Any], body: bytes = b"") -> Future[tuple[dict[str, Any], bytes]]:
        """Perform one task in a free worker process."""
        future = self._pool.submit(self._perform, task, body)
        self._performed.add(future)
        future.add_done_callback(self._performed.discard)
        return future

    def _note(self, path: str, pages: int) -> None:
        self.seen[path] = (self.seen.get(path, (0, 0))[0] + 1, pages)

    def _perform(self, task: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        sandbox = self._free.get()
        try:
            return sandbox.perform(task, body)
        finally:
            self._free.put(sandbox)

    def close(self) -> None:
        """Kill the workers."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for sandbox in self._all:
            sandbox.stop()
        wait(list(self._performed), timeout=STOP_SECONDS)
        for sandbox in self._all:
            sandbox.close()


def read_documents(
    files: Iterable[tuple[str | Path, str]],
    *,
    options: IngestOptions | None = None,
    workers: int = 0,
    engine: Literal["local", "ray"] | TaskEngine = "local",
    cache: Path | None = None,
    resume: bool = False,
    tick: Tick | None = None,
) -> Iterator[Outcome]:
    """Read files in worker processes. Outcomes come as they are finished, a bounded number at a time.

    Args:
        files: (path, name in the collection) of each file.
        options: how to read them.
        workers: processes; 0 for one per core (with Ray: one per processor of the cluster).
        engine: "local" for processes on this machine, "ray" for a Ray cluster that sees the same paths, or an
            engine made by the caller; it is closed at the end.
        tick: called about once per second while outcomes are waited for, in the thread that asks for them.
        cache: directory of finished documents and recognised pictures; a run that was interrupted continues from there.
        resume: keep the pages of files that are being read in mmrank's cache folder; where a run with the same options
            was interrupted, go on from there.

    Raises:
        InputError: for an unknown engine.
    """
    options = options or IngestOptions()
    store = DocumentStore(Path(cache), options) if cache else None
    machine = _engine(engine, workers)
    try:
        begun = Unfinished(options) if resume else None
        yield from _stream(iter(files), options, machine, store, begun, tick)
    finally:
        machine.close()


def _engine(engine: str | TaskEngine, workers: int) -> TaskEngine:
    if workers < 0:
        raise InputError(f"workers must be 0 (one per core) or more, got {workers}")
    if not isinstance(engine, str):
        return engine
    if engine == "local":
        return LocalEngine(workers)
    if engine == "ray":
        from mmrank.ingest.cluster import RayEngine

        return RayEngine(workers)
    raise InputError(f"unknown engine {engine!r}; there are: local, ray")


def _stream(
    files: Iterator[tuple[str | Path, str]],
    options: IngestOptions,
    engine: TaskEngine,
    store: DocumentStore | None,
    unfinished: Unfinished | None,
    tick: Tick | None,
) -> Iterator[Outcome]:
    running: dict[Future[tuple[dict[str, Any], bytes]], tuple[Job, Task, float]] = {}
    turns: deque[Job] = deque()  # files that have tasks which are not running, the next one first
    active: set[Job] = set()
    more, opened = True, False
    while more or active:
        while len(running) < engine.width + 1:
            # Files take turns, and a new one is one of them: a long file does not keep those behind it waiting.
            if more and len(active) < ACTIVE * engine.width and not (opened and turns):
                opened = True
                entry = next(files, None)
                if entry is None:
                    more = False
                    continue
                path, name = Path(entry[0]), entry[1]
                begun = time.monotonic()
                try:
                    job = Job(path, name, options, store, unfinished)
                except FileError as error:
                    yield Outcome(path, name, None, str(error), 0, time.monotonic() - begun)
                    continue
                if job.document:
                    yield _outcome(job, cached=True)
                    continue
                active.add(job)
                turns.append(job)
            elif turns:
                opened = False
                job = turns.popleft()
                task = job.next_task() if job in active else None
                if task is None:
                    continue
                running[engine.submit(*task)] = (job, task, time.monotonic())
                turns.append(job)
            else:
                break
        finished, _ = wait(running, timeout=None if tick is None else TICK_SECONDS, return_when=FIRST_COMPLETED)
        if tick is not None:
            tick(_pages_read(engine, active))
        for future in finished:
            job, task, begun = running.pop(future)
            if job not in active:
                continue  # it was given up
            job.spent += time.monotonic() - begun
            try:
                job.advance(task[0], *future.result())
            except WorkerDiedError as error:
                if job.lose_page(task[0], error, time.monotonic() - begun):
                    if job not in turns:
                        turns.append(job)
                    continue
                active.remove(job)
                yield _outcome(job, error=f"{job.path} {error}")
            except MmrankError as error:
                active.remove(job)
                yield _outcome(job, error=str(error))
            else:
                if job.document is None:
                    if job not in turns:
                        turns.append(job)
                    continue
                active.remove(job)
                if store and UNREAD not in job.document.metadata:
                    store.put(job.document)
                yield _outcome(job)


def _pages_read(engine: TaskEngine, active: set[Job]) -> dict[str, tuple[int, int]]:
    """By path of a file that is being read, how many of its pages were read, and how many it has."""
    seen: Mapping[str, tuple[int, int]] = getattr(engine, "seen", {})
    found = {str(job.path): (job.kept, *seen[str(job.path)]) for job in active if str(job.path) in seen}
    return {
        path: (min(max(0, kept + begun - 1), pages), pages) for path, (kept, begun, pages) in found.items() if pages
    }


def _outcome(job: Job, *, error: str | None = None, cached: bool = False) -> Outcome:
    document = None if error else job.document
    pages = len(document.pages) if document else 0
    return Outcome(job.path, job.name, document, error, pages, time.monotonic() - job.started, cached)
