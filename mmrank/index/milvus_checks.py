"""Whether a collection in Milvus is as mmrank made it, and everything that a replica lists is there, undamaged."""

from __future__ import annotations

from collections.abc import Iterator

from mmrank.errors import MmrankError
from mmrank.index.milvus_blobs import Layout, joined, keys
from mmrank.index.milvus_changes import listed_after, told
from mmrank.index.milvus_index import REINDEXING, put_index
from mmrank.index.milvus_server import FIELDS, WRITING, MilvusServer
from mmrank.index.properties import Properties
from mmrank.index.verification import Problem

Listed = tuple[int, str, int, bytes]
"""Number, name, passages and layout of a document."""


def check_made(server: MilvusServer, held: Properties) -> None:
    """Refuse Milvus collections that are not as mmrank makes them, and load them where they are not.

    An index whose change was cut off is made.

    Raises:
        MmrankError: says what somebody changed.
    """
    whole = server.whole_name()
    for part, fields in FIELDS.items():
        name, dimension = f"{server.name}_{part}", held.encoder.dimension if part == "passages" else 2
        if not server.call("has_collection", name):
            raise MmrankError(f"{whole} lacks {name}: somebody deleted it; nothing was read")
        found = {field["name"]: field for field in server.call("describe_collection", name)["fields"]}
        kinds = {key: getattr(field["type"], "name", "") for key, field in found.items()}
        if kinds != fields or int(found["vector"].get("params", {}).get("dim", 0)) != dimension:
            raise MmrankError(
                f"{whole}: the fields of {name} are not those that mmrank makes: somebody changed it; nothing was read"
            )
        indexes = server.call("list_indexes", name, "vector")
        if not indexes and part == "passages" and server.said(REINDEXING):
            put_index(server, held.index)
            continue
        if not indexes or server.call("describe_index", name, indexes[0])["metric_type"] != "IP":
            raise MmrankError(
                f"{whole}: the index of {name} is not the one that mmrank makes: somebody changed it; nothing was read"
            )
        if "Loaded" not in str(server.call("get_load_state", name)["state"]):
            server.call("load_collection", name, patience=WRITING)


def missing(server: MilvusServer, documents: list[Listed]) -> Iterator[Problem]:
    """What Milvus lacks of documents, one problem per document."""
    put = {
        operation["put"]: operation["rows"]
        for listed in listed_after(server, 0)
        for operation in told(server, listed).operations
        if "put" in operation
    }
    for number, name, passages, body in documents:
        held = server.count("passages", f"number == {number}")
        if held != passages:
            yield _problem(server, "passages", f"holds {held} of {passages} passages", name)
            continue
        blobs = [*Layout.from_json(body).blobs(number), (number, "replica", put.get(number, 1))]
        rows = server.by_key("blobs", [key for blob in blobs for key in keys(blob)], ["body"], strong=True)
        bodies = {row["key"]: row["body"] for row in rows}
        try:
            lacking = [blob[1] for blob in blobs if joined(blob, bodies) is None]
        except MmrankError as error:
            yield _problem(server, "blobs", str(error), name)
            continue
        if lacking:
            yield _problem(server, "blobs", f"lacks {', '.join(lacking[:5])}", name)


def _problem(server: MilvusServer, part: str, what: str, name: str) -> Problem:
    return Problem("document", f"{server.name}_{part} in Milvus", what, (name,))
