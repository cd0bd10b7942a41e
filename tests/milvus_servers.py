"""Real Milvus servers for tests, in processes of their own that can be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Running:
    """A server that somebody else runs."""

    uri: str


class MilvusProcess:
    """A server of the package `milvus`. Its data stay in `folder` when it is killed and started again."""

    def __init__(self, folder: Path) -> None:
        milvus = pytest.importorskip("milvus", reason="the Milvus server is a package for Linux on x86-64 only")
        self._milvus, self._folder = milvus, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self._server = self._milvus.MilvusServer()
        self._server.set_base_dir(str(self._folder))
        self._server.listen_port = self.port
        # A server that was killed leaves its lock with etcd for some seconds, and gives up when it finds it.
        for attempt in range(5):
            try:
                self._server.start()
                return
            except (RuntimeError, TimeoutError):
                self._server.stop()
                if attempt == 4:
                    raise
                time.sleep(5)

    @property
    def pid(self) -> int:
        return int(self._server.server_proc.pid)

    def kill(self) -> None:
        """SIGKILL, as when the machine loses power."""
        os.kill(self.pid, signal.SIGKILL)
        self._server.server_proc.wait()

    def pause(self) -> None:
        """As when the network is gone: it is there, and does not answer."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        if self._server.server_proc is not None:
            self._server.server_proc.kill()
            self._server.server_proc.wait()
        self._server.stop()
