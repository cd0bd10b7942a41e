"""Connections to the catalog that readers borrow and give back."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrank.index import catalog

MOST_IDLE = 16
"""Connections that are kept open between uses."""


class Connections:
    """Read connections to one catalog. Safe to use from several threads, and after a fork.

    Args:
        path: the collection.
        read_only: as for `catalog.connect`.
    """

    def __init__(self, path: Path, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        # Reentrant: the garbage collector may give a connection back in the middle of any of these methods.
        self._lock = threading.RLock()
        self._idle: list[sqlite3.Connection] = []
        self._process = os.getpid()

    def borrow(self) -> sqlite3.Connection:
        """A connection outside any transaction, an idle one where there is one."""
        with self._lock:
            if self._process != os.getpid():  # after a fork: SQLite connections do not cross it
                self._process, self._idle = os.getpid(), []
            if self._idle:
                return self._idle.pop()
        return catalog.connect(self._path, read_only=self._read_only)

    def give_back(self, connection: sqlite3.Connection) -> None:
        """End the connection's transaction, and keep it for the next reader."""
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            return
        with self._lock:
            if len(self._idle) < MOST_IDLE and self._process == os.getpid():
                self._idle.append(connection)
                return
        connection.close()

    def rows(self, connection: sqlite3.Connection, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of a query.

        Raises:
            MmrankError: when the catalog cannot be read.
        """
        try:
            return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise catalog.translated(error, self._path) from error

    def close(self) -> None:
        """Close the idle connections; more can be borrowed afterwards."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
