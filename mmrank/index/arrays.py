"""Named arrays of single documents, kept in the catalog: what a reader prepared once, to find it again.

The index does not know what is in them. Who makes them gives them a version; arrays of another version are not found.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.index.schema import ARRAYS


def write_arrays(connection: sqlite3.Connection, number: int, arrays: Mapping[str, NDArray[Any]], version: str) -> None:
    """Keep the arrays of a document, by its number in the catalog, in the place of those it had."""
    from safetensors.numpy import save

    body = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    connection.execute(ARRAYS)
    connection.execute("INSERT OR REPLACE INTO arrays VALUES (?, ?, ?, ?)", (number, version, zlib.crc32(body), body))


def read_arrays(connection: sqlite3.Connection, number: int, version: str) -> dict[str, NDArray[Any]] | None:
    """The arrays of a document; None where there are none of this version.

    Raises:
        MmrankError: when they are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if not has_arrays(connection):
        return None
    row = connection.execute(
        "SELECT crc, body FROM arrays WHERE document = ? AND version = ?", (number, version)
    ).fetchone()
    if row is None:
        return None
    crc, body = row
    try:
        if not isinstance(body, bytes) or zlib.crc32(body) != crc:
            raise ValueError("they do not match their checksum")
        return dict(load(body))
    except (SafetensorError, ValueError, KeyError) as error:
        raise MmrankError(f"the arrays of document {number} are damaged ({error}); run `mmrank repair`") from error


def arrays_version(connection: sqlite3.Connection, number: int) -> str | None:
    """Of the arrays of a document; None where there are none."""
    if not has_arrays(connection):
        return None
    row = connection.execute("SELECT version FROM arrays WHERE document = ?", (number,)).fetchone()
    return None if row is None else str(row[0])


def without_arrays(connection: sqlite3.Connection, version: str) -> list[str]:
    """Ids of the documents that have no arrays of this version, by name."""
    condition = "number NOT IN (SELECT document FROM arrays WHERE version = ?)" if has_arrays(connection) else "? != ''"
    rows = connection.execute(f"SELECT id FROM documents WHERE {condition} ORDER BY name", (version,))
    return [row[0] for row in rows]


def damaged_arrays(connection: sqlite3.Connection) -> list[int]:
    """Numbers of the documents whose arrays do not match their checksum."""
    if not has_arrays(connection):
        return []
    rows = connection.execute("SELECT document, crc, body FROM arrays")
    return [document for document, crc, body in rows if not isinstance(body, bytes) or zlib.crc32(body) != crc]


def has_arrays(connection: sqlite3.Connection) -> bool:
    """Whether the catalog has room for arrays."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'arrays'").fetchone() is not None
