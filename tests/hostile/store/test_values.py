"""Any value in any column of a catalog is read, or is one sentence; never a traceback, never a change outside."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

WRONG: list[object] = [
    None,
    -1,
    0,
    2**31,
    2**63 - 1,
    -(2**63),
    1e308,
    float("inf"),
    0.5,
    "",
    "word",
    "../../victim/letter.txt",
    "\x1b]0;title\x07",
    "x" * 300_000,
    "[" * 100_000,
    '{"a": ' * 5_000,
    b"",
    b"\xff\x00" * 20,
    b"x\x9c" + bytes(50),
]
RAW = ("CAST(x'ff00fe' AS TEXT)",)
"""Values that no parameter can carry: a text that is no UTF-8."""


def columns(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path / "catalog.sqlite3")
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]
    finally:
        connection.close()


def set_value(path: Path, table: str, column: str, value: object, where: str) -> bool:
    connection = sqlite3.connect(path / "catalog.sqlite3")
    try:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        given, values = (value, ()) if value in RAW else ("?", (value,))
        connection.execute(f"UPDATE {table} SET {column} = {given} {where}", values)
        if table == "properties" and column == "value":
            import zlib

            rows = connection.execute("SELECT key, value FROM properties").fetchall()
            for key, text in rows:
                if isinstance(text, str):  # somebody who means harm keeps the checksum right
                    crc = zlib.crc32(f"{key}={text}".encode())
                    connection.execute("UPDATE properties SET crc = ? WHERE key = ?", (crc, key))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return True
    except sqlite3.Error:
        return False  # SQLite itself does not keep this one there
    finally:
        connection.close()


def cases(path: Path) -> list[tuple[str, str, object, str]]:
    found = []
    for table, column in columns(path):
        keys = ["version", "encoder", "settings", "index", "identity"] if table == "properties" else [None]
        for key in keys:
            where = f"WHERE key = '{key}'" if key else ""
            found += [(table, column, value, where) for value in (*WRONG, *RAW)]
        for value in (None, -1, 2**62, "word", b"\xff", 1e300):
            found.append((table, column, value, f"WHERE rowid = (SELECT max(rowid) FROM {table})"))
    return found


def check(tmp_path: Path, collection: Path, refused, chosen) -> None:  # type: ignore[no-untyped-def]
    for table, column, value, where in chosen:
        trial = Path(shutil.copytree(collection, tmp_path / "trial"))
        if set_value(trial, table, column, value, where):
            begun = time.monotonic()
            said = refused(trial)
            assert all(len(text) < 3000 for text in said.values()), (table, column, value)
            assert time.monotonic() - begun < 30, (table, column, value)
        shutil.rmtree(trial)


def test_some_values_in_some_columns(tmp_path, collection, victim, refused):
    check(tmp_path, collection, refused, random.Random(7).sample(cases(collection), 12))


@pytest.mark.slow
def test_each_wrong_value_in_each_column(tmp_path, collection, victim, refused):
    check(tmp_path, collection, refused, cases(collection))
