"""Connections to the catalog that readers borrow and give back."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
        self._idle: list[catalog.CatalogConnection] = []
        self._place = catalog.place_of(path, read_only)
        self.replaced = 0
        """Counts how often another catalog took the place of the one that was read."""
        self._process = os.getpid()

    def borrow(self) -> catalog.CatalogConnection:
        """A connection outside any transaction, an idle one where there is one.

        Raises:
            MmrankError: when the catalog cannot be read, or is gone.
        """
        place = catalog.place_of(self._path, self._read_only)
        with self._lock:
            if self._process != os.getpid():  # after a fork: SQLite connections do not cross it
                self._process, self._idle = os.getpid(), []
            if place != self._place:
                self._place = place
                self.replaced += 1
                self.close()
            if self._idle:
                return self._idle.pop()
        connection = catalog.connect(self._path, read_only=self._read_only)
        connection.place = place
        return connection

    def give_back(self, connection: catalog.CatalogConnection) -> None:
        """End the connection's transaction, and keep it for the next reader."""
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            return
        with self._lock:
            same = connection.place == self._place and self._process == os.getpid()
            if same and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def rows(self, connection: sqlite3.Connection, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of a query.

        Raises:
            MmrankError: when the catalog cannot be read.
        """
        with self.reading():
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Errors of SQLite within the block, as those that say what to do.

        Raises:
            MmrankError: when the catalog cannot be read.
        """
        try:
            yield
        except sqlite3.Error as error:
            raise catalog.translated(error, self._path) from error

    def close(self) -> None:
        """Close the idle connections; more can be borrowed afterwards."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
