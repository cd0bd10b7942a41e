"""Collections that somebody else made, and meant harm with."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from made_documents import make_document

from mmrank.errors import MmrankError
from mmrank.index import EncoderIdentity, Store, export_archive, import_archive, repair, verify

MEMORY = Path("/dev/shm")
"""A disk in memory, on Linux."""
ENCODER = EncoderIdentity("tiny", "0123456789abcdef", 16)


def add(path: Path, key: str, count: int = 2) -> None:
    """Add a document."""
    vectors = np.random.default_rng(len(key)).normal(size=(count, 16)).astype(np.float32)
    with Store.open(path) as store, store.write() as writer:
        document = make_document(key, [f"{key} word{at}" for at in range(count)])
        arrays = ({"some": np.arange(3)}, "1")
        writer.put(document, vectors, vectors[:1], metadata={"title": key}, arrays=arrays)


def make(path: Path, documents: int = 2) -> Path:
    """A collection of some documents; one was removed."""
    Store.create(path, encoder=ENCODER, settings={"profile": "cpu"}).close()
    for at in range(documents + 1):
        add(path, f"k{at}")
    with Store.open(path) as store, store.write() as writer:
        writer.remove(make_document(f"k{documents}", []).id)
    return path


def change(path: Path, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    """Run SQL on the catalog of a collection, as somebody who means harm would."""
    connection = sqlite3.connect(path / "catalog.sqlite3")
    try:
        for statement in statements:
            connection.execute(*(statement if isinstance(statement, tuple) else (statement,)))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def tree(path: Path) -> dict[str, object]:
    """Everything below a folder, with contents; SQLite's own files beside a catalog left out."""
    found: dict[str, object] = {}
    for place in sorted(path.rglob("*")):
        if place.name.endswith(("-shm", "-wal")):
            continue
        name = str(place.relative_to(path))
        if place.is_symlink():
            found[name] = ("link", str(place.readlink()))
        else:
            found[name] = hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else "folder"
    return found


def read(path: Path) -> None:
    """Search a collection and list what it holds."""
    with Store.open(path, read_only=True) as store, store.snapshot() as snapshot:
        for record in snapshot.documents():
            snapshot.document(record.id)
            snapshot.passage_vectors(record.id)
            snapshot.arrays(record.id, "1")
        snapshot.search_lexical("word1 k1", 5)
        snapshot.search_dense(np.ones(16, np.float32), 5)


USES: dict[str, Callable[[Path], object]] = {
    "read": read,
    "add": lambda path: add(path, "new"),
    "verify": verify,
    "repair": repair,
    "compact": lambda path: Store.open(path).compact(),
    "export": lambda path: export_archive(Store.open(path, read_only=True), path.with_name("out.tar")),
}
"""What people do with a collection."""


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a disk: thousands of small collections are written, and none has to be kept."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="mmrank-test-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    return make(tmp_path / "library.mmrank")


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """Another collection of the user's and a file, which must stay as they are."""
    folder = tmp_path / "victim"
    make(folder / "other.mmrank", 1)
    (folder / "letter.txt").write_text("dear")
    before = tree(folder)
    yield folder
    assert tree(folder) == before


@pytest.fixture
def refused() -> Callable[..., dict[str, str]]:
    """Does everything that people do with a collection, and returns what was said; only `MmrankError`s are allowed."""

    def use(path: Path, *names: str) -> dict[str, str]:
        said = {}
        for name in names or USES:
            try:
                found = USES[name](path)
                said[name] = "; ".join(map(str, found)) if isinstance(found, list) else ""
            except MmrankError as error:
                said[name] = str(error)
            assert "\n" not in said[name]
            path.with_name("out.tar").unlink(missing_ok=True)
        return said

    return use


@pytest.fixture(name="change")
def _change() -> Callable[..., None]:
    return change


@pytest.fixture(name="make")
def _make() -> Callable[..., Path]:
    return make


@pytest.fixture(name="add")
def _add() -> Callable[..., None]:
    return add


@pytest.fixture(name="tree")
def _tree() -> Callable[[Path], dict[str, object]]:
    return tree


@pytest.fixture(name="read")
def _read() -> Callable[[Path], None]:
    return read


@pytest.fixture
def archive(collection: Path, tmp_path: Path) -> Path:
    """An export of the collection."""
    export_archive(Store.open(collection, read_only=True), tmp_path / "library.tar")
    return tmp_path / "library.tar"


@pytest.fixture
def import_() -> Callable[..., Store]:
    return import_archive
