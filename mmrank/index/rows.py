"""Rows of a catalog, checked before they are used: SQLite keeps any type in any column."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from mmrank.errors import MmrankError

MOST = 2**31 - 1
"""Largest count: of pages, passages, or rows of a segment."""
LATEST = 253_402_300_799.0
"""Seconds since 1970 at the end of the year 9999."""

Check = Callable[[Sequence[Any]], bool]
"""Whether all values of a column are as they must be."""


def text(column: Sequence[Any]) -> bool:
    """Texts."""
    return set(map(type, column)) <= {str}


def blob(column: Sequence[Any]) -> bool:
    """Bytes."""
    return set(map(type, column)) <= {bytes}


def number(column: Sequence[Any]) -> bool:
    """Integers above 0: numbers of rows."""
    return set(map(type, column)) <= {int} and min(column, default=1) > 0


def count(column: Sequence[Any]) -> bool:
    """Integers from 0 to `MOST`."""
    return set(map(type, column)) <= {int} and min(column, default=0) >= 0 and max(column, default=0) <= MOST


def size(column: Sequence[Any]) -> bool:
    """Integers from 0 on: bytes, vectors, postings."""
    return set(map(type, column)) <= {int} and min(column, default=0) >= 0


def moment(column: Sequence[Any]) -> bool:
    """Seconds since 1970, up to the year 9999."""
    return set(map(type, column)) <= {int, float} and all(0 <= value <= LATEST for value in column)


def optional(check: Check) -> Check:
    """The same check, for columns that may also hold nothing."""
    return lambda column: check([value for value in column if value is not None])


def check_rows(table: str, rows: Sequence[Sequence[Any]], /, **columns: Check) -> None:
    """Check rows of a table, column by column.

    Args:
        table: in which they stand, for the message.
        rows: each with one value per column.
        columns: what each must be like, by name, in their order.

    Raises:
        MmrankError: names the first column with a value that mmrank does not write.
    """
    if not rows:
        return
    for (name, check), column in zip(columns.items(), zip(*rows, strict=True), strict=True):
        if not check(column):
            wrong = next(value for value in column if not check([value]))
            raise damaged(table, name, wrong)


TABLES: dict[str, dict[str, Check]] = {
    "documents": {
        "number": number,
        "id": text,
        "name": text,
        "path": text,
        "title": text,
        "pages": count,
        "passages": count,
        "added": moment,
        "date": text,
        "body": blob,
        "checksum": blob,
    },
    "metadata": {"document": number, "key": text, "value": text},
    "pages": {"document": number, "page": count},
    "passages": {"document": number, "position": count},
    "placements": {"document": number, "kind": text, "segment": number, "start": count, "rows": count},
    "removed": {"segment": number, "start": count, "rows": count},
}
"""What each column must be like, by table. Others are checked where they are read."""


def check_values(connection: sqlite3.Connection) -> None:
    """Check all rows of a catalog.

    Raises:
        MmrankError: names the first column with a value that mmrank does not write.
    """
    for table, columns in TABLES.items():
        found = connection.execute(f"SELECT {', '.join(columns)} FROM {table}")
        while rows := found.fetchmany(1000):
            check_rows(table, rows, **columns)


def damaged(table: str, column: str, value: object) -> MmrankError:
    """What to say of a value that mmrank does not write."""
    return MmrankError(
        f"the catalog is damaged: {table}.{column} holds {shown(value)}; run `mmrank verify`, and restore it from an"
        " export"
    )


def shown(value: object, length: int = 60) -> str:
    """A value of a catalog for a message: quoted, and not longer than a line."""
    whole = repr(value[: 4 * length] if isinstance(value, str | bytes) else value)
    return whole if len(whole) <= length else f"{whole[:length]}…"


def finite(seconds: float, what: str) -> float:
    """A moment that can be kept.

    Raises:
        MmrankError: when it is not between 1970 and 9999: the clock of the machine is wrong.
    """
    if not math.isfinite(seconds) or not 0 <= seconds <= LATEST:
        raise MmrankError(f"the clock of this machine says {what} {seconds:g} s; set it right and try again")
    return seconds
