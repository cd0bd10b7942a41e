"""The disk of a real Milvus server fills while a collection is written; it is started again with more room.

Run with `pytest -m cluster`, as root on Linux: the server's data are on a small file system of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from milvus_servers import MilvusProcess, check_whole, records

from mmrank.errors import MmrankError
from mmrank.index import MilvusStore, milvus_server
from mmrank.index.records import UnreachableError

pytestmark = pytest.mark.cluster
MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Where the server keeps its data."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs to mount a tmpfs, as root on Linux")
    path = tmp_path / "server" / "data"
    path.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(path)], check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=False)


@pytest.fixture
def server(disk):
    process = MilvusProcess(disk.parent)
    yield process
    process.stop()


@pytest.fixture
def store(server, tmp_path, encoder):
    made = MilvusStore.create(tmp_path / "library", uri=server.uri, name="library", encoder=encoder, index="FLAT")
    yield made
    made.close()


@pytest.fixture
def write(store, make_document, vectors_of):
    """Commit a document with so many letters."""
    chance = np.random.default_rng(0)

    def commit(key: str, letters: int) -> str:
        text = chance.integers(97, 123, letters, np.uint8).tobytes().decode()
        with store.write(wait=60) as writer:
            writer.put(make_document(key, [f"{key} {text}", "two"]), vectors_of(key, 2), vectors_of(key, 1))
        return key

    return commit


def fill(disk: Path, left: int) -> None:
    """Leave so many bytes."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "ballast").write_bytes(bytes(max(free - left, 0)))


def start_with_room(disk: Path, server: MilvusProcess) -> None:
    server.stop()
    (disk / "ballast").unlink()
    server.start()


def once_loaded(check: Callable[[], None]) -> None:
    """A server that has started loads its collections for a while."""
    end = time.monotonic() + 180
    while True:
        try:
            return check()
        except UnreachableError:
            if time.monotonic() > end:
                raise


def check_goes_on(store: MilvusStore, committed: set[str], write, vectors_of) -> None:
    """Everything that was committed is there, nothing of the rest half, and more can be written."""
    once_loaded(lambda: check_whole(store, committed, vectors_of))
    committed.add(write("after", 1000))
    check_whole(store, committed, vectors_of)
    assert store._server.count("passages", 'key > ""') == 2 * len(records(store))  # nothing is left of what failed


def test_a_disk_that_fills_loses_nothing_and_is_written_after_a_restart(disk, server, store, write, vectors_of):
    committed = {write("before", 1000)}
    fill(disk, left=16 * MIB)
    with pytest.raises(MmrankError, match=r"the disk of Milvus .* is full.*make room there, start it again"):
        for at in range(100):
            committed.add(write(f"while-{at}", MIB))
    start_with_room(disk, server)
    check_goes_on(store, committed, write, vectors_of)


def test_a_server_that_ends_as_its_disk_is_full_goes_on_after_a_restart(
    disk, server, store, write, vectors_of, monkeypatch
):
    """Not a byte is left, for its metadata either: it ends itself."""
    monkeypatch.setattr(milvus_server, "WRITING", 15.0)
    patient = store._server.patient
    monkeypatch.setattr(store._server, "patient", lambda seconds=15.0: patient(seconds))
    committed = {write("before", 1000)}
    fill(disk, left=0)
    with pytest.raises(MmrankError, match=r"is full|its log says why, such as a full disk"):
        for at in range(100):
            committed.add(write(f"while-{at}", MIB))
    start_with_room(disk, server)
    check_goes_on(store, committed, write, vectors_of)
