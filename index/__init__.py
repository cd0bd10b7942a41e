"""The store: catalog, vectors, words, and atomic commits over all three."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmrank.index.archive import export_archive, import_archive
    from mmrank.index.checking import Problem, verify
    from mmrank.index.filters import Filter
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
    "DocumentRecord",
    "DuplicateContentError",
    "EncoderIdentity",
    "Filter",
    "Level",
    "Match",
    "Problem",
    "RepairReport",
    "Snapshot",
    "Store",
    "StoreLockedError",
    "Writer",
    "export_archive",
    "import_archive",
    "repair",
    "tokenize",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
