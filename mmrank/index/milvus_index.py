"""Another index for the vectors of a collection in Milvus: the old one is dropped, the new one built by Milvus."""

from __future__ import annotations

import re

from mmrank.errors import InputError, MmrankError
from mmrank.index.milvus_server import WRITING, MilvusServer

REINDEXING = "reindexing"
"""The property that says that the index is being changed, so that whoever opens the collection goes on with it."""
TRIAL = "trial"
"""An empty Milvus collection in which an index is tried before the old one is dropped."""


def index_name(index: str) -> str:
    """The name of an index in Milvus.

    Raises:
        InputError: when it is none, such as a factory string of FAISS.
    """
    if index != "auto" and not re.fullmatch("[A-Z][A-Z0-9_]*", index):
        raise InputError(f"{index!r} is no index of Milvus; name it as Milvus does (HNSW, IVF_SQ8, DISKANN) or auto")
    return "AUTOINDEX" if index == "auto" else index


def change_index(server: MilvusServer, index: str, dimension: int) -> None:
    """Give the passages' vectors another index. Searches find nothing to ask until it is loaded, and wait.

    Args:
        server: holds the collection; its caller is its writer.
        index: as Milvus names it.
        dimension: of the vectors.

    Raises:
        InputError: when Milvus knows no such index, or not for such vectors; nothing was changed.
        MmrankError: when Milvus cannot be reached; whoever opens the collection next goes on.
    """
    _try(server, index, dimension)
    name = f"{server.name}_passages"
    server.say(index=index, reindexing="yes")
    server.call("release_collection", name, patience=WRITING)
    for old in server.call("list_indexes", name, "vector"):
        server.call("drop_index", name, old, patience=WRITING)
    put_index(server, index)


def put_index(server: MilvusServer, index: str) -> None:
    """Have Milvus build an index where there is none, and load it."""
    name = f"{server.name}_passages"
    server.call("create_index", name, server.indexed(index), sync=False, patience=WRITING)
    server.call("load_collection", name, patience=WRITING)
    server.say(reindexing="")


def _try(server: MilvusServer, index: str, dimension: int) -> None:
    name = f"{server.name}_{TRIAL}"
    if server.call("has_collection", name):
        server.call("drop_collection", name)
    try:
        server.make(TRIAL, dimension, {}, index)
    except MmrankError as error:
        raise InputError(f"{server.whole_name()} keeps the index it has: {error}") from error
    finally:
        if server.call("has_collection", name):
            server.call("drop_collection", name)
