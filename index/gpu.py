"""FAISS on GPUs, where there are any: the same results up to ties."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray


def load_faiss() -> Any:
    """FAISS, imported when it is first needed (its type stubs do not know the half of it)."""
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
    """The index on all GPUs; None without a GPU, and for kinds that have no GPU form (HNSW)."""
    faiss = load_faiss()
    if not hasattr(faiss, "index_cpu_to_all_gpus") or faiss.get_num_gpus() == 0:
        return None
    if not isinstance(index, faiss.IndexFlat | faiss.IndexIVF):
        return None
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    return GpuIndex(faiss.index_cpu_to_all_gpus(index, co=options))
