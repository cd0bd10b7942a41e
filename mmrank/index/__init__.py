"""The store: catalog, vectors, words, and atomic commits over all three.

    with Store.open("library.mmrank") as store, store.snapshot() as snapshot:
        snapshot.search_lexical("current ratio", k=5)

`MilvusStore` is a `Store` whose documents are in Milvus. The
names below are all that other rooms use. Importing them loads neither FAISS nor pymilvus nor Ray.
"""

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
