"""The sample collection, made and indexed once."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import mmrank

Run = Callable[..., subprocess.CompletedProcess[str]]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def make_samples() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", EXAMPLES / "make_samples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def samples(make_samples: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    make_samples.make_samples(folder)
    return folder


@pytest.fixture(scope="session")
def library_path(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of the samples; tests that change it copy it first."""
    path = tmp_path_factory.mktemp("library") / "samples.mmrank"
    with mmrank.Collection.create(path) as library:
        report = library.add(samples)
    assert report.ok and len(report.added) == 5
    return path


@pytest.fixture
def library(library_path: Path) -> mmrank.Collection:
    return mmrank.Collection.open(library_path, read_only=True)
