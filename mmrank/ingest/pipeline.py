"""From files through worker processes to documents, as a stream."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, Protocol

from mmrank import codec
from mmrank.errors import InputError, MmrankError
from mmrank.ingest.opening import FileError, stamp
from mmrank.ingest.options import IngestOptions
from mmrank.ingest.sandbox import WORKER, Sandbox, WorkerDiedError
from mmrank.ingest.store import DocumentStore
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


TICK_SECONDS = 0.5
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
        for sandbox in self._all:
            self._free.put(sandbox)

    def submit(self, task: dict[str, Any], body: bytes = b"") -> Future[tuple[dict[str, Any], bytes]]:
        """Perform one task in a free worker process."""
        return self._pool.submit(self._perform, task, body)

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
            sandbox.close()


class _Job:
    """One file that is being read, and which tasks it still needs."""

    def __init__(self, path: Path, name: str, options: IngestOptions, store: DocumentStore | None) -> None:
        self.path, self.name = path, name
        self.started = time.monotonic()
        self.pages = 0
        self.dropped = False
        self.digest = stamp(path).digest
        self.document = store.get(self.digest, name=name, path=str(path)) if store else None
        self._options = options
        self._ocr = str(store.ocr_folder) if store else ""
        self._parts: dict[int, bytes] = {}
        self._metadata: dict[str, str] = {}
        self._waiting = 0

    def task(self, kind: str, **more: Any) -> dict[str, Any]:
        """A task on this file."""
        return {
            "kind": kind,
            "path": str(self.path),
            "name": self.name,
            "digest": self.digest,
            "options": asdict(self._options),
            "ocr_cache": self._ocr,
            **more,
        }

    def advance(self, task: dict[str, Any], header: dict[str, Any], body: bytes) -> list[tuple[dict[str, Any], bytes]]:
        """Take in the answer to a task; returns the tasks that follow from it."""
        if "error" in header:
            raise FileError(str(header["error"]))
        if header.get("split"):
            self.pages, self._metadata = int(header["pages"]), header["metadata"]
            size = self._options.limits.pages_per_task
            ranges = [(start, min(self.pages, start + size)) for start in range(0, self.pages, size)]
            self._waiting = len(ranges)
            return [(self.task("pages", start=start, stop=stop), b"") for start, stop in ranges]
        if task["kind"] == "pages":
            self._parts[task["start"]] = body
            self._waiting -= 1
            if self._waiting:
                return []
            # Each part is a JSON list of pages: together they are one list.
            drafts = b"[" + b",".join(self._parts[start][1:-1] for start in sorted(self._parts)) + b"]"
            self._parts.clear()
            return [(self.task("assemble", metadata=self._metadata), drafts)]
        self.document = codec.from_json(Document, body)
        self.pages = len(self.document.pages)
        return []


def read_documents(
    files: Iterable[tuple[str | Path, str]],
    *,
    options: IngestOptions | None = None,
    workers: int = 0,
    engine: Literal["local", "ray"] | TaskEngine = "local",
    cache: Path | None = None,
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

    Raises:
        InputError: for an unknown engine.
    """
    options = options or IngestOptions()
    store = DocumentStore(Path(cache), options) if cache else None
    machine = _engine(engine, workers)
    try:
        yield from _stream(iter(files), options, machine, store, tick)
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
    tick: Tick | None,
) -> Iterator[Outcome]:
    running: dict[Future[tuple[dict[str, Any], bytes]], tuple[_Job, dict[str, Any]]] = {}
    waiting: deque[tuple[_Job, dict[str, Any], bytes]] = deque()
    more = True
    while more or running or waiting:
        while len(running) < engine.width + 1 and waiting:
            job, task, body = waiting.popleft()
            if not job.dropped:
                running[engine.submit(task, body)] = (job, task)
        while more and len(running) < engine.width + 1:
            entry = next(files, None)
            if entry is None:
                more = False
                break
            path, name = Path(entry[0]), entry[1]
            begun = time.monotonic()
            try:
                job = _Job(path, name, options, store)
            except FileError as error:
                yield Outcome(path, name, None, str(error), 0, time.monotonic() - begun)
                continue
            if job.document:
                yield _outcome(job, cached=True)
                continue
            task = job.task("document")
            running[engine.submit(task)] = (job, task)
        if not running:
            continue
        finished, _ = wait(running, timeout=None if tick is None else TICK_SECONDS, return_when=FIRST_COMPLETED)
        if tick is not None:
            tick({})
        for future in finished:
            job, task = running.pop(future)
            if job.dropped:
                continue
            try:
                waiting.extend((job, *step) for step in job.advance(task, *future.result()))
            except WorkerDiedError as error:
                job.dropped = True
                yield _outcome(job, error=f"{job.path} {error}")
            except MmrankError as error:
                job.dropped = True
                yield _outcome(job, error=str(error))
            else:
                if job.document:
                    if store:
                        store.put(job.document)
                    yield _outcome(job)


def _outcome(job: _Job, *, error: str | None = None, cached: bool = False) -> Outcome:
    document = None if error else job.document
    pages = len(document.pages) if document else 0
    return Outcome(job.path, job.name, document, error, pages, time.monotonic() - job.started, cached)
