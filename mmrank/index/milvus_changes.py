"""The changes of a collection in Milvus, in their order, as replicas follow them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from mmrank.errors import MmrankError
from mmrank.index.bodies import MOST_TOGETHER, unpack
from mmrank.index.milvus_blobs import CHANGE, Blob, joined, keys
from mmrank.index.milvus_server import MilvusServer
from mmrank.index.replica import Kept


class Listed(NamedTuple):
    """A change as its row lists it."""

    number: int
    token: str
    before: str
    """Token of the change before."""
    rows: int
    """That say what it did."""


class Change(NamedTuple):
    """A change with what it did."""

    number: int
    token: str
    operations: list[dict[str, Any]]
    at: float
    """When it was made, in seconds since 1970."""


def listed_after(server: MilvusServer, version: int) -> list[Listed]:
    """The changes after one.

    Raises:
        MmrankError: when they cannot be read.
    """
    found: dict[int, Listed] = {}
    last = version
    while True:
        rows = server.query("changes", f"number > {last}", ["number", "change", "body"], strong=True)
        for row in rows:
            number, token = int(row["number"]), str(row["change"])
            try:
                said = json.loads(row["body"])
                one = Listed(number, token, str(said["before"]), int(said["rows"]))
            except (ValueError, KeyError, TypeError) as error:
                raise _damaged(token, error) from error
            if number not in found or token < found[number].token:
                found[number] = one
        if not rows:
            return [found[number] for number in sorted(found)]
        last = max(int(row["number"]) for row in rows)


def told(server: MilvusServer, listed: Listed) -> Change:
    """What a change did.

    Raises:
        MmrankError: when Milvus lacks it, or it is damaged.
    """
    one = CHANGE, f"change.{listed.token}", listed.rows
    held = server.by_key("blobs", keys(one), ["body"], strong=True)
    data = joined(one, {row["key"]: row["body"] for row in held})
    if data is None:
        raise MmrankError(f"Milvus at {server.uri} lacks rows of the change {listed.token}; run `mmrank verify`")
    try:
        said = json.loads(unpack(data, f"change {listed.token}", MOST_TOGETHER))
        return Change(listed.number, listed.token, list(said["operations"]), float(said["at"]))
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise _damaged(listed.token, error) from error


def kept_of(server: MilvusServer, documents: Mapping[int, int], dimension: int) -> dict[int, Kept]:
    """What a replica keeps of documents.

    Args:
        server: holds them.
        documents: numbers, and how many rows each takes.
        dimension: of the vectors.

    Raises:
        MmrankError: when Milvus lacks one, or it is damaged.
    """
    wanted: dict[int, Blob] = {number: (number, "replica", rows) for number, rows in documents.items()}
    rows = server.by_key("blobs", [key for one in wanted.values() for key in keys(one)], ["body"], strong=True)
    bodies = {row["key"]: row["body"] for row in rows}
    kept = {}
    for number, one in wanted.items():
        data = joined(one, bodies)
        if data is None:
            raise MmrankError(f"Milvus at {server.uri} lacks rows of document {number:x}; run `mmrank verify`")
        kept[number] = Kept.from_bytes(number, data, dimension)
    return kept


def _damaged(token: str, error: Exception) -> MmrankError:
    return MmrankError(f"the change {token} in Milvus is damaged ({error})")
