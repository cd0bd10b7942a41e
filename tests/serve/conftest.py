"""A small collection, and clients of the service over it."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pymupdf
import pytest

import mmrank

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

from mmrank.serve import ServeSettings, create_app

HERE = "http://localhost"

PAGES = {
    "ferry.pdf": [
        "The ferry to Anholt leaves at seven in the morning. A ticket costs 340 crowns.",
        "Bicycles travel for free. Dogs stay on the lower deck.",
    ],
    "harbour/cranes.pdf": ["The blue crane lifts ninety tonnes and was built in 1962."],
    "kitchen.pdf": ["The oven heats to 250 degrees. Bake the rye bread for fifty minutes."],
}


def write_pdf(path: Path, pages: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pymupdf.open() as file:
        for text in pages:
            file.new_page(width=300, height=200).insert_textbox((20, 20, 280, 180), text, fontsize=11)
        file.save(path)
    return path


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
