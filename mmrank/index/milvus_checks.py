"""Whether everything that a replica lists is in Milvus, undamaged."""

from __future__ import annotations

from collections.abc import Iterator

from mmrank.errors import MmrankError
from mmrank.index.milvus_blobs import Layout, joined, keys
from mmrank.index.milvus_changes import listed_after, told
from mmrank.index.milvus_server import MilvusServer
from mmrank.index.verification import Problem

Listed = tuple[int, str, int, bytes]
"""Number, name, passages and layout of a document."""


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
