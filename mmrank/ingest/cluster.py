"""Reading on a Ray cluster: paths and page ranges travel, never pixels."""

from __future__ import annotations

import socket
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mmrank.errors import InputError, MmrankError, require
from mmrank.ingest.options import INGEST_VERSION
from mmrank.ingest.sandbox import Sandbox, WorkerDiedError

Answer = tuple[dict[str, Any], bytes]

RETRIES = 5
"""How often a task is begun again whose worker or machine is lost."""


class Cluster:
    """A connection to a Ray cluster, for as long as the block lasts.

    Args:
        address: "host:6379" or "ray://host:10001" of a cluster, "auto" for the one that this machine belongs to; None
            for the one that this process is connected to, or else one on this machine alone.

    Raises:
        MmrankError: when there is none, or it runs another version of Ray or Python.
        MissingExtraError: when Ray is not installed.
    """

    def __init__(self, address: str | None = None) -> None:
        self.ray = require("ray", "scale")
        self._owns = not self.ray.is_initialized()
        if self._owns:
            try:
                _check_answers(address)
                self.ray.init(
                    address=address, log_to_driver=False, include_dashboard=False if address is None else None
                )
            except (OSError, RuntimeError, ValueError, AssertionError) as error:
                said = " ".join(str(error).split())[:300]
                self.ray.shutdown()  # what it began with, or nothing could be joined afterwards
                if "ersion mismatch" in said:
                    raise MmrankError(
                        f"the Ray cluster at {address} runs another version of Ray or Python ({said}): install the same"
                        " on all machines"
                    ) from error
                raise MmrankError(
                    f"no Ray cluster can be joined at {address or 'this machine'} ({said}); start one with `ray start"
                    " --head`, with the same versions of Ray and Python everywhere"
                ) from error

    @property
    def processors(self) -> int:
        """Of all its machines."""
        return max(1, int(self.ray.cluster_resources().get("CPU", 1)))

    @property
    def gpus(self) -> int:
        """Of all its machines."""
        return int(self.ray.cluster_resources().get("GPU", 0))

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._owns:
            self.ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_answers(address: str | None) -> None:
    """Look whether something answers at an address: Ray itself tries for minutes, and then ends the process.

    Raises:
        OSError, ValueError: when nothing does, or it is no address.
    """
    if address is None or address == "auto":
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not host:
        raise ValueError("it looks like host:6379")
    socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


class RayEngine:
    """An engine on a Ray cluster. Each task is performed by a free processor, and again elsewhere if that is lost.

    All machines must see the files (and the cache directory) under the same paths.

    Args:
        workers: tasks at the same time; 0 for one per processor of the cluster.
        address: see `Cluster`.
    """

    def __init__(self, workers: int = 0, address: str | None = None) -> None:
        self._cluster = Cluster(address)
        ray = self._cluster.ray
        self.width = workers or self._cluster.processors
        self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(_perform)
        self._pool = ThreadPoolExecutor(self.width, thread_name_prefix="ray")

    def submit(self, task: dict[str, Any], body: bytes = b"") -> Future[Answer]:
        """Have one task performed on the cluster."""
        return self._pool.submit(self._run, task, body)

    def _run(self, task: dict[str, Any], body: bytes) -> Answer:
        ray = self._cluster.ray
        try:
            answer = ray.get(self._task.remote(task, body, made_here()))
        except ray.exceptions.RayError as error:
            raise WorkerDiedError(f"was lost on the cluster: {lost(error)}") from error
        if isinstance(answer, str):
            raise InputError(answer)
        if isinstance(answer[0], str):
            raise WorkerDiedError(*answer)
        header, result = answer
        return header, result

    def close(self) -> None:
        """Stop waiting for tasks, and leave the cluster."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._cluster.close()


def made_here() -> tuple[str, int]:
    """What must be the same on all machines, or documents would differ by who read them."""
    return version("mmrank"), INGEST_VERSION


def other_version(expected: tuple[str, int]) -> str:
    """What is wrong where another mmrank is installed on this machine; "" where nothing is."""
    found = made_here()
    if found == tuple(expected):
        return ""
    return (
        f"the machine {socket.gethostname()} has mmrank {found[0]} (reading version {found[1]}), and this one"
        f" {expected[0]} ({expected[1]}): install the same everywhere"
    )


def lost(error: Exception) -> str:
    """What an error of Ray says, in one line."""
    return " ".join(str(getattr(error, "cause", None) or error).split())[:300]


_sandbox: list[Sandbox] = []
"""The one of this process of a cluster, kept from task to task."""


def _perform(
    task: dict[str, Any], body: bytes, expected: tuple[str, int]
) -> Answer | tuple[str, int | None, int] | str:
    """On a machine of the cluster: the answer to a task, or how its process ended, or why it cannot be done there."""
    if wrong := other_version(expected):
        return wrong
    if not Path(task["path"]).exists():
        return (
            f"{task['path']} is not there on the machine {socket.gethostname()}: all machines of the cluster must see"
            " the files under the same paths"
        )
    if not _sandbox:
        _sandbox.append(Sandbox())
    try:
        return _sandbox[0].perform(task, body)
    except WorkerDiedError as error:
        return error.reason, error.page, error.pages
