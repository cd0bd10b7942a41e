"""A catalog holds the tables that mmrank makes, or nothing is read."""

from __future__ import annotations

import sqlite3
import time

import pytest

from mmrank.errors import MmrankError
from mmrank.index import Store

ENDLESS = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT"

CHANGES = {
    "a trigger": ["CREATE TRIGGER t AFTER INSERT ON documents BEGIN DELETE FROM documents; END"],
    "a trigger on properties": ["CREATE TRIGGER t BEFORE UPDATE ON segments BEGIN SELECT RAISE(IGNORE); END"],
    "an endless view": [f"CREATE VIEW v AS {ENDLESS} x FROM r"],
    "a view named like a table": [
        "ALTER TABLE metadata RENAME TO kept",
        f"CREATE VIEW metadata AS {ENDLESS} x AS document, 'k' AS key, 'v' AS value FROM r",
    ],
    "a virtual table": ["CREATE VIRTUAL TABLE v USING fts5(x)"],
    "a generated column": ["ALTER TABLE pages ADD COLUMN g GENERATED ALWAYS AS (page + 1) VIRTUAL"],
    "a column with a default": ["ALTER TABLE passages ADD COLUMN d DEFAULT (1)"],
    "an index on an expression": ["CREATE INDEX i ON documents (length(name))"],
    "a partial index": ["CREATE INDEX i ON documents (name) WHERE length(name) > 1"],
    "another table": ["CREATE TABLE more (x)"],
    "a table that is missing": ["DROP TABLE removed"],
    "an index that is missing": ["DROP INDEX documents_by_path"],
    "many tables": [f"CREATE TABLE t{at} (x)" for at in range(3000)],
    "long tables": [f"CREATE TABLE t{at} (x CHECK (x IN ({','.join(['1'] * 90_000)})))" for at in range(20)],
    "a table of another form": [
        "DROP TABLE removed",
        "CREATE TABLE removed (segment, start, rows, PRIMARY KEY (segment, start))",
    ],
}


@pytest.mark.parametrize("kind", list(CHANGES))
def test_a_catalog_with_anything_else_in_its_schema_is_refused_at_once(collection, change, refused, tree, kind):
    change(collection, *CHANGES[kind])
    before = tree(collection)
    begun = time.monotonic()
    for use, text in refused(collection).items():
        assert "its catalog " in text, (use, text)
    assert time.monotonic() - begun < 10
    assert tree(collection) == before


def test_a_trigger_that_comes_while_a_collection_is_open_is_noticed_by_readers_and_writers(collection, change):
    with Store.open(collection) as store:
        with store.snapshot() as snapshot:
            assert snapshot.count() == 2
        change(collection, *CHANGES["a trigger"])
        with pytest.raises(MmrankError, match="trigger"):
            store.snapshot()
        with pytest.raises(MmrankError, match="trigger"), store.write():
            pass


def test_a_schema_that_says_one_thing_and_is_another_is_refused(collection, refused):
    """The text of a table is ours, but it stands where another table does."""
    connection = sqlite3.connect(collection / "catalog.sqlite3")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'pages')"
        " WHERE name = 'metadata'"
    )
    connection.commit()
    connection.close()
    assert all(text for text in refused(collection).values())


def test_nothing_that_a_schema_names_is_trusted(collection):
    from mmrank.index import catalog

    connection = catalog.connect(collection, read_only=True)
    assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    assert connection.execute("PRAGMA mmap_size").fetchone() == (0,)
    connection.close()
