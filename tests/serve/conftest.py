"""A small collection, and clients of the service over it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mmrank

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient
from served import HERE, PAGES, write_pdf

from mmrank.serve import ServeSettings, create_app


@pytest.fixture(scope="session")
def made_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of three documents; tests that change it take `library_path`."""
    folder = tmp_path_factory.mktemp("serve")
    for name, pages in PAGES.items():
        write_pdf(folder / "papers" / name, pages)
    path = folder / "library.mmrank"
    with mmrank.Collection.create(path, workers=1, ocr="never") as library:
        assert library.add(folder / "papers").ok
    return path


@pytest.fixture
def library_path(made_library: Path, tmp_path: Path) -> Path:
    """A copy of the collection, to change."""
    path = tmp_path / "library.mmrank"
    shutil.copytree(made_library, path)
    return path


@pytest.fixture(scope="module")
def client(made_library: Path) -> Iterator[TestClient]:
    """A client of the service over the collection, which nothing may change."""
    with TestClient(create_app({"library": made_library}, ServeSettings(read_only=True)), HERE) as made:
        yield made


@pytest.fixture
def serve(library_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Starts a service over a copy of the collection, with settings of the test's choice."""
    opened: list[TestClient] = []

    def start(**settings: object) -> TestClient:
        made = TestClient(create_app({"library": library_path}, ServeSettings(**settings)), HERE)  # type: ignore[arg-type]
        opened.append(made.__enter__())
        return made

    yield start
    for made in opened:
        made.__exit__(None, None, None)
