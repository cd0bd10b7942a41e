"""A real Milvus server that is killed, stopped and started again while collections are written and read.

Run with `pytest -m cluster`; MMRANK_TEST_KILLS says how often the server is killed (3).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from milvus_servers import MilvusProcess, Network, check_whole, records

from mmrank.errors import MmrankError
from mmrank.index import MilvusStore

pytestmark = pytest.mark.cluster
KILLS = int(os.environ.get("MMRANK_TEST_KILLS", "3"))

WRITER = """
import sys, zlib
from pathlib import Path
from mmrank.index import MilvusStore
sys.path.insert(0, sys.argv[1])
from conftest import make_document, vectors_of
store = MilvusStore.open(sys.argv[2])
for at in range(10_000):
    key = f"{sys.argv[3]}-{at}"
    with store.write(wait=120) as writer:
        writer.put(make_document(key, [f"{key} one", f"{key} two"]), vectors_of(key, 2), vectors_of(key, 1))
    print(key, flush=True)
"""


@pytest.fixture
def server(tmp_path):
    process = MilvusProcess(tmp_path / "server")
    yield process
    process.stop()


@pytest.fixture
def store(server, tmp_path, encoder):
    made = MilvusStore.create(tmp_path / "library", uri=server.uri, name="library", encoder=encoder, index="FLAT")
    yield made
    made.close()


def test_a_server_that_is_killed_again_and_again_loses_nothing(server, store, make_document, vectors_of):
    committed: set[str] = set()
    ended = threading.Event()
    failures: list[MmrankError] = []

    def write() -> None:
        at = 0
        while not ended.is_set():
            at += 1
            key = f"document-{at}"
            try:
                with store.write(wait=120) as writer:
                    writer.put(make_document(key, [f"{key} one", "two"]), vectors_of(key, 2), vectors_of(key, 1))
                committed.add(key)
            except MmrankError as error:
                failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    chance = random.Random(1)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.5, 4))
        server.kill()
        time.sleep(chance.uniform(0, 2))
        server.start()
    time.sleep(5)
    ended.set()
    thread.join(300)
    assert not thread.is_alive()
    assert committed
    check_whole(store, committed, vectors_of)


def test_a_network_that_is_gone_for_half_a_minute_is_waited_for(server, store, tmp_path, make_document, vectors_of):
    network = Network(server.port)
    far = MilvusStore.attach(tmp_path / "far", uri=network.uri, name="library")
    network.cut()
    timer = threading.Timer(30, network.mend)
    timer.start()
    with pytest.raises(MmrankError, match="Milvus"), far.snapshot():
        pass
    key = "document"
    with far.write(wait=60) as writer:
        writer.put(make_document(key, [f"{key} one", f"{key} two"]), vectors_of(key, 2), vectors_of(key, 1))
    timer.join()
    check_whole(store, {key}, vectors_of)
    check_whole(far, {key}, vectors_of)
    network.close()


def test_writers_of_two_machines_that_are_killed_leave_nothing_half(server, store, tmp_path, vectors_of):
    def start(name: str) -> subprocess.Popen[str]:
        folder = tmp_path / name
        if not folder.exists():
            MilvusStore.attach(folder, uri=server.uri, name="library").close()
        command = [sys.executable, "-c", WRITER, str(Path(__file__).parent), str(folder), f"{name}{time.time_ns()}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    chance = random.Random(2)
    committed: set[str] = set()
    for _ in range(KILLS):
        writers = [start("one"), start("two")]
        time.sleep(chance.uniform(8, 14))
        for writer in writers:
            writer.kill()
            assert writer.stdout is not None
            committed |= set(writer.stdout.read().split())
    assert committed
    with store.write(wait=60) as writer:
        writer.touch()
    check_whole(store, committed, vectors_of)
    assert store._server.count("passages", 'key > ""') == 2 * len(records(store))  # nothing is left of dead writers
