"""Adding files on a Ray cluster of two nodes: the same collection as on one machine, whatever is killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mmrank import Collection
from mmrank.adding import encoders
from mmrank.cli.app import app
from mmrank.errors import InputError, MmrankError
from mmrank.ingest.cluster import Cluster

pytest.importorskip("ray", reason="Ray is an extra: pip install 'mmrank[scale]'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two machines with a processor each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long document, a few short ones, and one that is none."""
    import pymupdf

    folder = tmp_path_factory.mktemp("files")
    with pymupdf.open() as long:
        for number in range(70):
            page = long.new_page()
            page.insert_text((72, 72), f"Section {number}", fontsize=18)
            page.insert_text((72, 120), f"In week {number} the weir let {number * 7} cubic metres pass.")
        long.save(folder / "long.pdf")
    for name in ("ferry", "lighthouse", "harbour"):
        (folder / f"{name}.md").write_text(f"# The {name}\n\nThe {name} was painted in {len(name) + 1990}.")
    (folder / "bad.pdf").write_bytes(b"no pdf at all")
    return folder


@pytest.fixture(scope="module")
def local(files, tmp_path_factory) -> Collection:
    library = Collection.create(tmp_path_factory.mktemp("local") / "library.mmrank")
    library.add(files)
    return library


def check_same(library: Collection, local: Collection) -> None:
    assert [record.name for record in library.documents()] == [record.name for record in local.documents()]
    for record in local.documents():
        assert library.document(record.name) == local.document(record.name)
        with library.store.snapshot() as made, local.store.snapshot() as wanted:
            np.testing.assert_allclose(made.passage_vectors(record.id), wanted.passage_vectors(record.id), atol=2e-6)
            np.testing.assert_allclose(made.document_vectors(record.id), wanted.document_vectors(record.id), atol=2e-6)
    question = "How much did the weir let pass in week 12?"
    assert [(h.document, h.page, h.boxes) for h in library.search(question)] == [
        (h.document, h.page, h.boxes) for h in local.search(question)
    ]


def test_a_cluster_makes_the_same_collection(cluster, files, local, tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "LONG", 32)  # so that the long document is encoded in parts
    library = Collection.create(tmp_path / "library.mmrank")
    report = library.add(files, engine="ray", address=cluster.address)
    assert sorted(report.added) == ["ferry.md", "harbour.md", "lighthouse.md", "long.pdf"]
    assert "cannot be opened" in report.failed["bad.pdf"]
    check_same(library, local)
    again = library.add(files, engine="ray", address=cluster.address)
    assert not again.added
    assert "long.pdf" in again.unchanged


def test_the_command_takes_an_engine_and_an_address(cluster, files, tmp_path):
    words = ["index", files / "ferry.md", "-c", tmp_path / "library.mmrank", "--engine", "ray"]
    result = CliRunner().invoke(app, [*map(str, words), "--address", cluster.address], catch_exceptions=False)
    assert "1 documents" in result.output


def test_a_gpu_is_asked_for_where_the_cluster_has_one(cluster, local, monkeypatch):
    """The GPUs are said to be there, and are not: what is asked for shows, and processors do the work."""
    import ray

    node = cluster.add_node(num_cpus=0, num_gpus=2)
    try:
        with Cluster(cluster.address) as joined:
            encoding = encoders.EncodingOnRay(joined, local.settings, local.store.check_encoder)
            assert sorted(encoding.gpus) == [[0], [1]]
            assert not ray.available_resources().get("GPU")
            documents = [local.document(name) for name in ("ferry.md", "harbour.md", "lighthouse.md")]
            ready = [each for document in documents for each in encoding.take(document, {})]
            ready += encoding.rest()
            for document, each in zip(documents, ready, strict=True):
                assert each.document == document
                with local.store.snapshot() as snapshot:
                    np.testing.assert_allclose(each.encoded[0], snapshot.passage_vectors(document.id), atol=2e-6)
            taken = ray.remote(num_gpus=2, num_cpus=0)(Taking).remote()
            ray.get(taken.begun.remote())
            monkeypatch.setattr(encoders, "GPU_WAIT", 0.5)
            assert encoders.EncodingOnRay(joined, local.settings, local.store.check_encoder).gpus == []
    finally:
        cluster.remove_node(node)


class Taking:
    """Has the GPUs."""

    def begun(self) -> None:
        pass


def test_another_version_of_ray_is_named(cluster, files, local, monkeypatch):
    monkeypatch.setattr("ray.__version__", "2.0.0")
    with pytest.raises(MmrankError, match=r"another version of Ray.*2\.0\.0.*install the same"):
        local.add(files / "ferry.md", engine="ray", address=cluster.address)
    monkeypatch.undo()
    assert local.add(files / "ferry.md", engine="ray", address=cluster.address).unchanged == ["ferry.md"]


def test_what_cannot_be_joined_is_named(files, local, tmp_path):
    for options, said in (
        ({"engine": "dask"}, "local, ray"),
        ({"address": "auto"}, "engine='ray'"),
    ):
        with pytest.raises(InputError, match=said):
            local.add(files, **options)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "nowhere"])
def test_no_cluster_at_the_address(files, local, address, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(MmrankError, match="no Ray cluster can be joined"):
        local.add(files / "ferry.md", engine="ray", address=address)


def own_workers() -> list[int]:
    """Processes of Ray that read or encode, of the clusters that this process has started."""
    said = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    parents, working = {}, []
    for line in said.splitlines():
        process, parent, arguments = line.split(maxsplit=2)
        parents[int(process)] = int(parent)
        if "ray::_" in arguments:
            working.append(int(process))

    def is_own(process: int) -> bool:
        return process == os.getpid() or (process in parents and is_own(parents[process]))

    return [process for process in working if is_own(process)]


@pytest.mark.cluster
def test_workers_and_a_node_are_killed_at_random_moments(files, local, tmp_path):
    from ray.cluster_utils import Cluster

    # Nodes that end with this process can be added by its first thread only.
    head = {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False)
    node = cluster.add_node(num_cpus=1)
    ended = threading.Event()
    killed: list[int] = []
    returned = threading.Event()

    def kill() -> None:
        """Every one or two seconds a worker that reads or encodes, and once a whole node."""
        chance = random.Random(3)
        while not ended.wait(chance.uniform(1, 2)) and len(killed) < 6:
            workers = own_workers()
            if workers:
                killed.append(chance.choice(workers))
                os.kill(killed[-1], signal.SIGKILL)
            if len(killed) >= 3 and not returned.is_set():
                cluster.remove_node(node, allow_graceful=False)
                cluster.add_node(num_cpus=1)
                returned.set()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        library = Collection.create(tmp_path / "library.mmrank")
        while True:
            library.add(files, engine="ray", address=cluster.address)
            if returned.is_set() or not thread.is_alive():
                break
            for record in library.documents():
                library.remove(record.name)
    finally:
        ended.set()
        thread.join()
        cluster.shutdown()
    assert returned.is_set()
    assert len(killed) >= 3
    check_same(library, local)
