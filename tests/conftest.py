"""Shared by all rooms: the command line, and small models built from the real classes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
if "PYTEST_XDIST_WORKER" in os.environ:  # read when torch is imported, below
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import tiny_models
from milvus_servers import MilvusProcess, Running
from tiny_models import Tiny


@pytest.fixture(scope="session")
def tiny_qwen2_5_vl() -> Tiny:
    return tiny_models.tiny_qwen2_5_vl()


@pytest.fixture(scope="session")
def tiny_qwen3_vl() -> Tiny:
    return tiny_models.tiny_qwen3_vl()


@pytest.fixture(scope="session")
def tiny_qwen2_vl() -> Tiny:
    return tiny_models.tiny_qwen2_vl()


@pytest.fixture(scope="session")
def tiny_colqwen2() -> Tiny:
    return tiny_models.tiny_colqwen2()


@pytest.fixture(scope="session")
def tiny_smolvlm() -> Tiny:
    return tiny_models.tiny_smolvlm()


@pytest.fixture
def command_line(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command in a process of its own, in the test's folder."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mmrank", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "140", "NO_COLOR": "1"},
        )

    return run


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusProcess | Running]:
    """A real Milvus server, or the one at the address in MMRANK_TEST_MILVUS."""
    if uri := os.environ.get("MMRANK_TEST_MILVUS"):
        yield Running(uri)
        return
    server = MilvusProcess(tmp_path_factory.mktemp("milvus"))
    yield server
    server.stop()


@pytest.fixture
def tmp_path_for_all(tmp_path: Path) -> Path:
    """`tmp_path`, which other users of the machine may read: pytest closes it to them, and the folders above it."""
    for place in (tmp_path, *tmp_path.parents):
        if place == Path(tempfile.gettempdir()) or place.stat().st_uid != os.getuid():
            break
        place.chmod(place.stat().st_mode | 0o055)
    return tmp_path
