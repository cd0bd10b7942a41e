"""Worker processes on a Ray cluster: paths and page ranges travel, never pixels."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from mmrank.errors import require
from mmrank.ingest.sandbox import Sandbox, WorkerDiedError

Answer = tuple[dict[str, Any], bytes]


class _Host:
    """A Ray actor with a sandbox on its machine: a file that kills the worker process does not kill the actor."""

    def __init__(self) -> None:
        self._sandbox = Sandbox()

    def perform(self, task: dict[str, Any], body: bytes) -> Answer | tuple[str, int | None, int]:
        """The answer to a task, or how its worker process ended, on which page of how many."""
        try:
            return self._sandbox.perform(task, body)
        except WorkerDiedError as error:
            return error.reason, error.page, error.pages

    def close(self) -> None:
        """Stop the worker process."""
        self._sandbox.close()


class RayEngine:
    """An engine on the Ray cluster this process is connected to, or on a local one started here.

    All machines must see the files (and the cache directory) under the same paths.

    Args:
        workers: actors; 0 for one per processor of the cluster.
    """

    def __init__(self, workers: int = 0) -> None:
        self._ray = ray = require("ray", "scale")
        self._owns = not ray.is_initialized()
        if self._owns:
            ray.init(log_to_driver=False, include_dashboard=False)
        self.width = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        host = ray.remote(num_cpus=1, max_restarts=3, max_task_retries=1)(_Host)
        self._hosts = [host.remote() for _ in range(self.width)]
        self._free: SimpleQueue[Any] = SimpleQueue()
        for actor in self._hosts:
            self._free.put(actor)
        self._pool = ThreadPoolExecutor(self.width, thread_name_prefix="ray")

    def submit(self, task: dict[str, Any], body: bytes = b"") -> Future[Answer]:
        """Have one task performed by a free actor."""
        return self._pool.submit(self._perform, task, body)

    def _perform(self, task: dict[str, Any], body: bytes) -> Answer:
        actor = self._free.get()
        try:
            answer = self._ray.get(actor.perform.remote(task, body))
        except self._ray.exceptions.RayError as error:
            raise WorkerDiedError(f"was lost with its machine: {error}") from error
        finally:
            self._free.put(actor)
        if isinstance(answer[0], str):
            raise WorkerDiedError(*answer)
        header, result = answer
        return header, result

    def close(self) -> None:
        """Stop the actors, and the cluster if it was started here."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for actor in self._hosts:
            self._ray.kill(actor)
        if self._owns:
            self._ray.shutdown()
