"""The store: catalog, vectors, words, and atomic commits over all three."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmrank.index.archive import export_archive, import_archive
    from mmrank.index.checking import Problem, verify
    from mmrank.index.filters import Filter
    from mmrank.index.milvus import MilvusStore
    from mmrank.index.multivector import MaxSim, pool_tokens
    from mmrank.index.parallel import Prepared, put_in_parallel
    from mmrank.index.protocol import Backend, Searcher
    from mmrank.index.records import (
        DocumentRecord,
        DuplicateContentError,
        EncoderIdentity,
        Level,
        Match,
        StoreLockedError,
    )
    from mmrank.index.repairing import RepairReport, repair
    from mmrank.index.snapshot import Snapshot
    from mmrank.index.store import Store
    from mmrank.index.words import tokenize
    from mmrank.index.writer import Writer

_HOMES = {
    "Searcher": "protocol",
    "Backend": "protocol",
    "pool_tokens": "multivector",
    "put_in_parallel": "parallel",
    "Prepared": "parallel",
    "MilvusStore": "milvus",
    "MaxSim": "multivector",
    "DocumentRecord": "records",
    "DuplicateContentError": "records",
    "EncoderIdentity": "records",
    "Filter": "filters",
    "Level": "records",
    "Match": "records",
    "Problem": "checking",
    "RepairReport": "repairing",
    "Snapshot": "snapshot",
    "Store": "store",
    "StoreLockedError": "records",
    "Writer": "writer",
    "export_archive": "archive",
    "import_archive": "archive",
    "repair": "repairing",
    "tokenize": "words",
    "verify": "checking",
}

__all__ = [
    "Backend",
    "DocumentRecord",
    "DuplicateContentError",
    "EncoderIdentity",
    "Filter",
    "Level",
    "Match",
    "MaxSim",
    "MilvusStore",
    "Prepared",
    "Problem",
    "RepairReport",
    "Searcher",
    "Snapshot",
    "Store",
    "StoreLockedError",
    "Writer",
    "export_archive",
    "import_archive",
    "pool_tokens",
    "put_in_parallel",
    "repair",
    "tokenize",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
