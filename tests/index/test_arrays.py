"""Arrays are kept with their document, and found in one version only."""

from __future__ import annotations

import numpy as np

from mmrank.index import Store, repair, verify


def test_arrays_are_found_in_their_version_and_go_with_the_document(store, put) -> None:
    document = put(store, "a", ["one"], arrays=({"x": np.arange(3, dtype=np.uint16)}, "1"))
    with store.snapshot() as snapshot:
        assert snapshot.arrays(document.id, "1")["x"].tolist() == [0, 1, 2]
        assert snapshot.arrays(document.id, "2") is None
        assert snapshot.without_arrays("2") == [document.id]
        assert snapshot.without_arrays("1") == []
        assert snapshot.page(document.id, 0) == document.pages[0]
        assert snapshot.passage(document.id, 0) == document.passages[0]
    with store.write() as writer:
        writer.put_arrays(document.id, {"y": np.zeros(0)}, "2")
    with store.snapshot() as snapshot:
        assert set(snapshot.arrays(document.id, "2")) == {"y"}


def test_damaged_arrays_are_reported_and_dropped(store, put) -> None:
    import sqlite3

    document = put(store, "a", ["one"], arrays=({"x": np.arange(3)}, "1"))
    store.close()
    with sqlite3.connect(store.path / "catalog.sqlite3") as connection:
        connection.execute("UPDATE arrays SET crc = crc + 1")
    connection.close()
    assert [problem.kind for problem in verify(store.path)] == ["arrays"]
    repair(store.path)
    assert verify(store.path) == []
    with Store.open(store.path).snapshot() as snapshot:
        assert snapshot.arrays(document.id, "1") is None
