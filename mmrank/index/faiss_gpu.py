"""FAISS on GPUs, where there are any: the same results except for ties."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError

MOST = 2_048
"""Results, and lists visited, of one search on a GPU."""

CODES = frozenset({1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96})
"""Codes per vector for which FAISS has a GPU form of a product quantizer."""


def load_faiss() -> Any:
    """FAISS, imported when it is first needed; untyped, because its stubs lack much of it."""
    import faiss

    return faiss


class GpuIndex:
    """A copy of an index, split over all GPUs. One search at a time: GPU indexes are not safe for several threads."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self._lock = threading.Lock()

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and rows, (queries, k) each."""
        with self._lock:
            scores, rows = self._index.search(queries, k)
        return scores, rows


def on_gpus(index: Any) -> GpuIndex | None:
    """The index on all GPUs, with the effort it has now; None without a GPU, and for kinds that have no GPU form.

    Raises:
        MmrankError: when it has a GPU form but cannot be copied: most often it does not fit.
    """
    faiss = load_faiss()
    if not hasattr(faiss, "index_cpu_to_all_gpus") or faiss.get_num_gpus() == 0 or not has_gpu_form(index):
        return None
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    options.use_cuvs = False  # cuVS has other limits, and no scalar quantizer
    # In float32 the tables of more than 48 codes exceed a GPU's shared memory; the raw vectors score again anyway.
    options.useFloat16 = isinstance(index, faiss.IndexIVFPQ) and index.pq.M > 48
    try:
        return GpuIndex(faiss.index_cpu_to_all_gpus(index, co=options))
    except RuntimeError as error:
        raise MmrankError(
            f"an index of {index.ntotal:,} vectors cannot be copied to the GPUs: {error};"
            " search on the CPU (set CUDA_VISIBLE_DEVICES to nothing) or on more GPUs"
        ) from error


def has_gpu_form(index: Any) -> bool:
    """Whether FAISS can search an index of this kind on GPUs.

    It can search: Flat; and with a flat list of centroids "IVF…,Flat", "IVF…,SQ8", "SQ6", "SQ4" and "SQfp16", and
    "IVF…,PQ" of 8 bits in one of the numbers of codes that its kernels are compiled for. All others stay on the CPU:
    HNSW, PQ of 4 bits ("PQ…x4fs"), what is transformed first ("PCA…", "OPQ…"), RaBitQ, …
    """
    faiss = load_faiss()
    kind = type(index)  # subclasses store their vectors in other ways
    if kind in {faiss.IndexFlat, faiss.IndexFlatIP, faiss.IndexFlatL2}:
        return True
    if not isinstance(index, faiss.IndexIVF) or not isinstance(faiss.downcast_index(index.quantizer), faiss.IndexFlat):
        return False
    if kind is faiss.IndexIVFScalarQuantizer:
        scalar = faiss.ScalarQuantizer
        return index.sq.qtype in {scalar.QT_8bit, scalar.QT_6bit, scalar.QT_4bit, scalar.QT_fp16}
    if kind is faiss.IndexIVFPQ:
        return index.pq.nbits == 8 and index.pq.M in CODES
    return kind is faiss.IndexIVFFlat
