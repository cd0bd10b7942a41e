"""Searching the vectors of one segment: exactly, or through a FAISS index that is kept as a cache."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import secrets
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError, MmrankError
from mmrank.index.beneath import is_segment_name, open_file
from mmrank.index.faiss_gpu import MOST, GpuIndex, load_faiss, on_gpus
from mmrank.index.products import inner_products
from mmrank.index.seal import is_sealed, seal
from mmrank.index.segment_data import SegmentData

log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]

SCANNED = 65_536
"""Rows up to which a segment is scanned: exact, and as fast as an index."""

HALVED = 16_384
"""Rows from which a scan reads the vectors in half precision, in a third of the time; the best are scored again."""

GATHERED = 20_000
"""If a filter leaves at most this many rows, they are compared one by one, without the index."""

SHORT = 64
"""Runs of fewer rows, on average, are copied together before they are compared."""

OVERFETCH = 4
"""Candidates per result taken from an index of compressed vectors; they are scored again with the raw ones. From codes
of eight bits per dimension, which are nearly exact, half as many are taken."""

GOAL = 0.95
"""Recall@10 that the search effort of a new index is set for, measured on vectors of the segment."""

SAMPLE = 200_000
"""Vectors that an index is trained on at most."""


def default_factory(rows: int, dimension: int) -> str:
    """The FAISS index for a segment with this many rows; "Flat" where scanning is best."""
    if rows <= HALVED:
        return "Flat"
    if rows <= SCANNED:
        return "SQfp16"
    if rows < 500_000:
        return "HNSW32"
    lists = 2 ** round(np.log2(4 * np.sqrt(rows)))
    if rows < 20_000_000:
        return f"IVF{lists},SQ8"
    codes = next(size for size in range(max(1, dimension // 4), 0, -1) if dimension % size == 0)
    return f"IVF{lists},PQ{codes}"


class VectorIndex:
    """A FAISS index over all rows of a segment, also removed ones; ids are row numbers. On the CPU until `use_gpus`."""

    def __init__(self, index: Any, factory: str) -> None:
        faiss = load_faiss()
        self.factory = factory
        self._index = index
        self._inner = faiss.downcast_index(index)
        self._base = _base_of(self._inner)
        plain = isinstance(self._base, faiss.IndexFlat | faiss.IndexHNSWFlat | faiss.IndexIVFFlat)
        self.exact_scores = plain and self._base is self._inner
        coarse = not isinstance(self._base, faiss.IndexScalarQuantizer | faiss.IndexIVFScalarQuantizer)
        self.overfetch = 1 if self.exact_scores else OVERFETCH if coarse else OVERFETCH // 2
        self._gpu: GpuIndex | None = None

    def use_gpus(self) -> None:
        """Search on the GPUs from now on, where there are any and FAISS can (`mmrank.index.faiss_gpu.has_gpu_form`)."""
        self._gpu = on_gpus(self._inner)

    @property
    def effort(self) -> int:
        """Lists that are visited (IVF) or candidates that are kept (HNSW); 0 where there is no such thing."""
        faiss = load_faiss()
        if isinstance(self._base, faiss.IndexIVF):
            return int(self._base.nprobe)
        return int(self._base.hnsw.efSearch) if isinstance(self._base, faiss.IndexHNSW) else 0

    @effort.setter
    def effort(self, value: int) -> None:
        faiss = load_faiss()
        if isinstance(self._base, faiss.IndexIVF):
            self._base.nprobe = min(value, int(self._base.nlist))
        elif isinstance(self._base, faiss.IndexHNSW):
            self._base.hnsw.efSearch = value
        if self._gpu is not None:
            self.use_gpus()  # a copy keeps the effort that it was made with

    def search(
        self, queries: Vectors, k: int, keep: NDArray[np.bool_] | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Scores and rows, (queries, k) each, row -1 where there are no more; only rows in `keep`."""
        if keep is None:
            if self._gpu is not None and max(k, self.effort) <= MOST:
                return self._gpu.search(queries, k)
            found: tuple[Vectors, NDArray[np.int64]] = self._index.search(queries, k)
            return found
        faiss = load_faiss()
        # A GPU index takes no selector: what is filtered is searched on the CPU, with the same result.
        bits = np.packbits(keep, bitorder="little")
        selector = faiss.IDSelectorBitmap(bits)
        # The fewer rows are left, the further the search must look for k of them.
        effort = round(self.effort * min(8.0, len(keep) / max(1, int(np.count_nonzero(keep)))))
        if isinstance(self._base, faiss.IndexIVF):
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=min(effort, int(self._base.nlist)))
        elif isinstance(self._base, faiss.IndexHNSW):
            parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=max(effort, k))
        else:
            parameters = faiss.SearchParameters(sel=selector)
        if self._base is not self._inner:
            parameters = faiss.SearchParametersPreTransform(index_params=parameters)
        found = self._index.search(queries, k, params=parameters)
        return found

    def save(self, path: Path) -> None:
        """Write it, with a sealed note of its checksum, its factory and the rows it was made of."""
        faiss = load_faiss()
        draft = path.with_name(f".{secrets.token_hex(8)}.new")  # written under a new name: no link is followed
        try:
            faiss.write_index(self._index, str(draft))
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            said = [self.factory, draft.stat().st_size, file_checksum(draft)]
            note = dict(zip(NOTE, [*said, seal(path.name, *said)], strict=True))
            drop_cache(path)
            draft.replace(path)
            with draft.open("x") as file:
                file.write(json.dumps(note))
            draft.replace(path.with_suffix(".json"))
        except RuntimeError as error:  # what FAISS makes of a full disk
            raise OSError(errno.ENOSPC, "no space left for the index, or it cannot be written", str(path)) from error
        finally:
            draft.unlink(missing_ok=True)

    @staticmethod
    def factory_of(path: Path) -> str | None:
        """The factory of an index that `save` wrote on this account; None where there is none."""
        note = read_note(path)
        return None if note is None or not is_sealed(note[3], path.name, *note[:3]) else note[0]

    @classmethod
    def load(cls, path: Path, rows: int, mapped: bool = True) -> VectorIndex | None:
        """An index that `save` wrote, mapped or read into memory, and on the GPUs where there are any.

        None where there is none that fits, that is undamaged, and that was made on this account.

        Raises:
            MmrankError: when there are GPUs and it cannot be copied to them.
        """
        note = read_note(path)
        if note is None:
            return None
        factory, size, checksum, given = note
        if not is_sealed(given, path.name, factory, size, checksum):
            log.info("%s was not made on this account and is not read; `mmrank compact` builds it again", path)
            return None
        try:
            with open_file(path.parent, "", path.name) as file:
                if os.fstat(file.fileno()).st_size != size:
                    return None
                if hashlib.file_digest(file, "sha256").hexdigest() != checksum:
                    return None
                faiss = load_faiss()
                held = f"/proc/self/fd/{file.fileno()}"  # what was checked, whatever has its name by now
                # Not IO_FLAG_MMAP, which maps IVF too but starts prefetching threads for every query: three times as
                # slow.
                index = faiss.read_index(
                    held if Path(held).exists() else str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0
                )
        except (OSError, MmrankError, RuntimeError):
            return None
        if index.ntotal != rows:
            return None
        loaded = cls(index, factory)
        loaded.use_gpus()
        return loaded


def build(vectors: Vectors, factory: str) -> VectorIndex:
    """Train on a sample, add all vectors, and set the effort for a recall@10 of `GOAL`; all on the CPU.

    Raises:
        InputError: when FAISS does not know the factory string, or there are too few vectors for it.
    """
    faiss = load_faiss()
    rows, dimension = vectors.shape
    try:
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
        generator = np.random.default_rng(0)
        base = _base_of(faiss.downcast_index(index))
        if hasattr(base, "do_polysemous_training"):  # an order of the codes that only another kind of search uses
            base.do_polysemous_training = False
        if not index.is_trained:
            at = np.sort(generator.choice(rows, min(rows, SAMPLE), replace=False))
            index.train(np.ascontiguousarray(vectors[at]))
        for begin in range(0, rows, 65_536):
            index.add(np.ascontiguousarray(vectors[begin : begin + 65_536]))
    except RuntimeError as error:
        reason = str(error).rpartition("Error: ")[2].strip() or str(error)
        raise InputError(f"the index {factory!r} does not work for {rows} vectors of {dimension}: {reason}") from error
    built = VectorIndex(index, factory)
    if built.effort and rows:
        _tune(built, vectors, generator)
    return built


def _base_of(index: Any) -> Any:
    """The index below transformations of the vectors; without any, the same object."""
    faiss = load_faiss()
    while isinstance(index, faiss.IndexPreTransform):
        index = faiss.downcast_index(index.index)
    return index


def _tune(index: VectorIndex, vectors: Vectors, generator: np.random.Generator) -> None:
    """Set the least effort with which slightly moved copies of some vectors find `GOAL` of their ten nearest."""
    rows, dimension = vectors.shape
    k = min(10, rows)
    queries = vectors[np.sort(generator.choice(rows, min(rows, 64), replace=False))]
    noise = generator.normal(size=queries.shape).astype(np.float32) / np.sqrt(dimension)
    queries = np.ascontiguousarray(queries + 0.5 * noise * np.linalg.norm(queries, axis=1, keepdims=True))
    truth = [set(top.tolist()) for top in nearest(vectors, queries, k)]
    effort = 8
    while True:
        index.effort = effort
        fetch = min(rows, k * index.overfetch)
        _, found = index.search(queries, fetch)
        recall = np.mean([len(set(row.tolist()) & true) / k for row, true in zip(found, truth, strict=True)])
        if recall >= GOAL or index.effort < effort or effort >= 1024:
            return
        effort *= 2


def nearest(vectors: Vectors, queries: Vectors, k: int) -> NDArray[np.int64]:
    """Rows of the k nearest, (queries, k), by exact search in blocks."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    for begin in range(0, len(vectors), 65_536):
        scores = queries @ vectors[begin : begin + 65_536].T  # (queries, block)
        every = np.concatenate([best, scores], axis=1)
        numbers = np.concatenate(
            [rows, np.broadcast_to(np.arange(begin, begin + scores.shape[1]), scores.shape)], axis=1
        )
        top = np.argpartition(-every, k - 1, axis=1)[:, :k]
        best, rows = np.take_along_axis(every, top, 1), np.take_along_axis(numbers, top, 1)
    return rows


class VectorSegment:
    """A segment of vectors, which of its rows are not removed, and its index where it has one."""

    def __init__(self, data: SegmentData, alive: NDArray[np.bool_] | None, cache: CachedIndex) -> None:
        self.data = data
        self.alive = alive
        self._cache = cache

    def search(
        self, query: Vectors, k: int, allowed: list[tuple[int, int]] | None
    ) -> tuple[NDArray[np.int64], Vectors]:
        """The k best rows not removed, with exact inner products, best first; only rows in the runs `allowed`."""
        data = self.data
        if allowed is not None and sum(rows for _, rows in allowed) <= GATHERED:
            starts, counts = np.array(allowed, np.int64).T
            rows = np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
            if len(rows) < SHORT * len(starts):
                return _top(rows, inner_products(data.vectors[rows], query), k)
            scores = np.concatenate(
                [inner_products(data.vectors[start : start + count], query) for start, count in allowed]
            )
            return _top(rows, scores, k)
        keep = self.alive
        if allowed is not None:
            keep = np.zeros(data.info.rows, np.bool_)
            for start, count in allowed:
                keep[start : start + count] = True
        index = self._cache.get() if data.info.rows > HALVED else None
        if index is None:
            scores = inner_products(data.vectors, query)
            if keep is None:
                return _top(np.arange(len(scores)), scores, k)
            rows = np.flatnonzero(keep)
            return _top(rows, scores[rows], k)
        fetch = min(data.info.rows, k * index.overfetch)
        found, rows = index.search(query[None], fetch, keep)
        rows, scores = rows[0], found[0]
        if rows[-1] < 0:
            here = rows >= 0
            rows, scores = rows[here], scores[here]
        if not index.exact_scores:
            scores = inner_products(data.vectors[rows], query)
            return _top(rows, scores, k)
        return rows, scores


class CachedIndex:
    """The FAISS index of a segment, loaded when it is first needed and shared by all versions that hold the segment."""

    def __init__(self, path: Path, rows: int, mapped: bool) -> None:
        self.path = path
        self._rows = rows
        self._mapped = mapped
        self._lock = threading.Lock()
        self._index: VectorIndex | None = None
        self._size = 0
        self._asked = False

    def get(self) -> VectorIndex | None:
        """The index; None where the segment is scanned.

        It is where there is no index on disk; and a segment of at most `SCANNED` rows is for the first question, which
        would take longer to load the index than to do without.
        """
        if self._rows <= SCANNED and not self._asked:
            self._asked = True
            return None
        if self._index is None:  # one that is not there may be on its way: a compaction or a repair is building it
            with self._lock:
                if self._index is None:
                    self._index = VectorIndex.load(self.path, self._rows, self._mapped)
                    self._size = self._length()
        elif self._mapped and 0 < self._length() < self._size:
            with self._lock:
                self._index = None  # it was cut while it was mapped: not looked at again
        return self._index

    def _length(self) -> int:
        try:
            return self.path.lstat().st_size
        except OSError:  # deleted: what is mapped stays whole
            return 0


NOTE = ("factory", "bytes", "sha256", "seal")
"""What the note beside an index says: its factory, its size, its checksum, and the seal of who made it."""
LONGEST_NOTE = 4096


def read_note(path: Path) -> tuple[str, int, str, object] | None:
    """What the note beside an index says; None where there is none, or it cannot be read."""
    try:
        with open_file(path.parent, "", path.with_suffix(".json").name) as file:
            note = json.loads(file.read(LONGEST_NOTE))
        factory, size, checksum = (note[key] for key in NOTE[:3])
    except (OSError, MmrankError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(factory) is not str or type(size) is not int or type(checksum) is not str:
        return None
    return factory, size, checksum, note.get("seal")


def cache_name(segment_file: str) -> str:
    """Name of a segment's cached index."""
    return segment_file.removesuffix(".safetensors") + ".faiss"


def is_cache_name(name: str) -> bool:
    """Whether this is the name of a cached index, its note, or a draft of them, as mmrank makes them."""
    stem, _, kind = name.rpartition(".")
    if kind == "new":
        return re.fullmatch(r"\.[0-9a-f]{16}", stem) is not None
    return kind in ("faiss", "json") and is_segment_name(f"{stem}.safetensors")


def drop_cache(path: Path) -> None:
    """Delete a cached index and its note."""
    path.unlink(missing_ok=True)
    path.with_suffix(".json").unlink(missing_ok=True)


def file_checksum(path: Path) -> str:
    """SHA-256 of a file of a collection.

    Raises:
        OSError: when it cannot be read.
        MmrankError: when it is a link.
    """
    with open_file(path.parent, "", path.name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _top(rows: NDArray[np.int64], scores: Vectors, k: int) -> tuple[NDArray[np.int64], Vectors]:
    if len(scores) > max(k, 256):
        at = np.argpartition(-scores, k - 1)[:k]
        rows, scores = rows[at], scores[at]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]
