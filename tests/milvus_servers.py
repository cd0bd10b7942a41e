"""Real Milvus servers for tests, in processes of their own that can be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mmrank.errors import MmrankError
from mmrank.index import DocumentRecord, MilvusStore


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def probe(port: int) -> socket.socket | None:
    """Whether a server can listen at a port. The package's own probe minds connections that are still being closed,
    and starts a server that was killed at another port.
    """
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return None


@dataclass(frozen=True)
class Running:
    """A server that somebody else runs."""

    uri: str


class MilvusProcess:
    """A server of the package `milvus`. Its data stay in `folder` when it is killed and started again.

    Args:
        folder: for its data.
        authorised: let in only who has a password; that of "root" is "Milvus" at first.
    """

    def __init__(self, folder: Path, authorised: bool = False) -> None:
        milvus = pytest.importorskip("milvus", reason="the Milvus server is a package for Linux on x86-64 only")
        self._milvus, self._folder, self._authorised = milvus, folder, authorised
        [self.port] = free_ports(1)
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self._server = self._milvus.MilvusServer()
        self._server.set_base_dir(str(self._folder))
        self._server.listen_port = self.port
        self._server.config.try_bind_port = probe
        self._server.config.set("authorization_enabled", self._authorised)
        # A server that was killed leaves its lock with etcd for some seconds, and gives up when it finds it.
        for attempt in range(5):
            try:
                with self._own_etcd():
                    self._server.start()
                return
            except (RuntimeError, TimeoutError):
                self._server.stop()
                if attempt == 4:
                    raise
                time.sleep(5)

    @contextmanager
    def _own_etcd(self) -> Iterator[None]:
        """Ports of its own for the etcd inside: without them a second server finds those of the first taken."""
        client, peer = free_ports(2)
        at, among = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        lines = {
            "listen-client-urls": at,
            "advertise-client-urls": at,
            "listen-peer-urls": among,
            "initial-advertise-peer-urls": among,
            "initial-cluster": f"default={among}",
        }
        self._folder.mkdir(exist_ok=True)
        path = self._folder / "etcd.yaml"
        path.write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
        self._server.config.update(etcd_port=client)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ETCD_CONFIG_PATH", str(path))  # for the process that is started
            yield

    @property
    def pid(self) -> int:
        return int(self._server.server_proc.pid)

    def kill(self) -> None:
        """SIGKILL, as when the machine loses power."""
        os.kill(self.pid, signal.SIGKILL)
        self._server.server_proc.wait()

    def stop(self) -> None:
        if self._server.server_proc is not None:
            self._server.server_proc.kill()
            self._server.server_proc.wait()
        self._server.stop()


class Network:
    """A way to a server that can be cut: what is sent then arrives once it is whole again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = threading.Event()
        self._whole.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._whole.wait()
                target.sendall(data)
        for end in (source, target):
            end.close()


def records(store: MilvusStore, patience: float = 120.0) -> list[DocumentRecord]:
    """The documents, as soon as Milvus answers again."""
    end = time.monotonic() + patience
    while True:
        try:
            with store.snapshot() as snapshot:
                return snapshot.documents()
        except MmrankError:
            if time.monotonic() > end:
                raise


def check_whole(store: MilvusStore, committed: set[str], vectors_of) -> None:
    """Everything that was committed is there, whole, and of the rest nothing or all."""
    found = {record.name.removesuffix(".pdf"): record.id for record in records(store)}
    assert committed <= found.keys()
    with store.snapshot() as snapshot:
        for key, identifier in found.items():
            assert len(snapshot.document(identifier).passages) == 2
            np.testing.assert_array_equal(snapshot.passage_vectors(identifier), vectors_of(key, 2))
        assert store.problems() == []
        matches = snapshot.search_dense(vectors_of("x", 1)[0], 10_000)
        assert {match.document_id for match in matches} == set(found.values())
