"""The store: catalog, vectors, words, and atomic commits over all three.

    with Store.open("library.mmrank") as store, store.snapshot() as snapshot:
        snapshot.search_lexical("current ratio", k=5)

`MilvusStore` is a `Store` whose documents are in Milvus. The
names below are all that other rooms use. Each comes from its file when it is first asked for, so that a search loads
neither what writes nor Milvus; importing them loads neither FAISS nor pymilvus nor Ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmrank.index.archive import export_archive, import_archive, import_into_milvus
    from mmrank.index.creation import is_vacant
    from mmrank.index.filters import Filter, iso_date
    from mmrank.index.milvus import MilvusStore, absolute
    from mmrank.index.milvus_repair import repair_in_milvus
    from mmrank.index.multivector import MaxSim, pool_tokens
    from mmrank.index.products import inner_products
    from mmrank.index.records import (
        DocumentPlace,
        DocumentRecord,
        DuplicateContentError,
        EncoderIdentity,
        FilePlace,
        Level,
        Match,
        StoreLockedError,
        UnreachableError,
    )
    from mmrank.index.remote import is_remote, read_pointer
    from mmrank.index.repairing import RepairReport, repair
    from mmrank.index.saved import delete_saved, is_saved_name, saved_files, saved_folder, saved_name
    from mmrank.index.snapshot import Snapshot
    from mmrank.index.store import Store, check_there
    from mmrank.index.tokenizer import placed_words, tokenize
    from mmrank.index.verification import Problem, verify
    from mmrank.index.writer import Writer

_HOMES = {
    "DocumentPlace": "records",
    "DocumentRecord": "records",
    "DuplicateContentError": "records",
    "EncoderIdentity": "records",
    "FilePlace": "records",
    "Filter": "filters",
    "Level": "records",
    "Match": "records",
    "MaxSim": "multivector",
    "MilvusStore": "milvus",
    "Problem": "verification",
    "RepairReport": "repairing",
    "Snapshot": "snapshot",
    "Store": "store",
    "StoreLockedError": "records",
    "UnreachableError": "records",
    "Writer": "writer",
    "absolute": "milvus",
    "check_there": "store",
    "delete_saved": "saved",
    "export_archive": "archive",
    "import_archive": "archive",
    "import_into_milvus": "archive",
    "inner_products": "products",
    "is_remote": "remote",
    "is_saved_name": "saved",
    "is_vacant": "creation",
    "iso_date": "filters",
    "placed_words": "tokenizer",
    "pool_tokens": "multivector",
    "read_pointer": "remote",
    "repair": "repairing",
    "repair_in_milvus": "milvus_repair",
    "saved_files": "saved",
    "saved_folder": "saved",
    "saved_name": "saved",
    "tokenize": "tokenizer",
    "verify": "verification",
}

__all__ = [
    "DocumentPlace",
    "DocumentRecord",
    "DuplicateContentError",
    "EncoderIdentity",
    "FilePlace",
    "Filter",
    "Level",
    "Match",
    "MaxSim",
    "MilvusStore",
    "Problem",
    "RepairReport",
    "Snapshot",
    "Store",
    "StoreLockedError",
    "UnreachableError",
    "Writer",
    "absolute",
    "check_there",
    "delete_saved",
    "export_archive",
    "import_archive",
    "import_into_milvus",
    "inner_products",
    "is_remote",
    "is_saved_name",
    "is_vacant",
    "iso_date",
    "placed_words",
    "pool_tokens",
    "read_pointer",
    "repair",
    "repair_in_milvus",
    "saved_files",
    "saved_folder",
    "saved_name",
    "tokenize",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"mmrank.index.{_HOMES[name]}"), name)
