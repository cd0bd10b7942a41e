"""Ingestion on Ray: many workers read and encode, and each writes what it made straight into Milvus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError, require
from mmrank.types import Document

Source = TypeVar("Source")
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be put."""

    document: Document
    passage_vectors: Vectors
    document_vectors: Vectors
    metadata: Mapping[str, str] | None = None


@dataclass(slots=True)
class ParallelReport:
    """Names of the documents written, and by source what went wrong."""

    added: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def put_in_parallel(
    address: str,
    name: str,
    sources: Sequence[Source],
    prepare: Callable[[Source], Iterable[Prepared]],
    *,
    workers: int | None = None,
    resources: Mapping[str, Any] | None = None,
) -> ParallelReport:
    """Prepare sources on Ray workers and write them to a collection in Milvus.

    Runs on the Ray cluster this process is connected to, or starts one on this machine. One bad source costs that
    source only.

    Args:
        address: of a Milvus server, as the workers reach it ("http://host:19530"); Milvus Lite as a file takes one
            process only, so run `milvus-lite server` for several.
        name: the collection.
        sources: what each call of `prepare` gets: paths, URLs, …
        prepare: reads and encodes one source; sent to the workers, called once per source.
        workers: how many work at once; as many as Ray has room for where it is not given.
        resources: options of each Ray task, e.g. {"num_gpus": 1}.

    Raises:
        MissingExtraError: when ray is not installed.
    """
    ray = require("ray", "scale")
    if not ray.is_initialized():
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    task = ray.remote(_put_one).options(**{"num_cpus": 1, "max_retries": 2, **(resources or {})})
    shared = ray.put(prepare)
    waiting = {}
    report = ParallelReport()
    todo = iter(sources)
    limit = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    while True:
        for source in todo:
            waiting[task.remote(address, name, source, shared)] = source
            if len(waiting) >= limit:
                break
        if not waiting:
            return report
        done, _ = ray.wait(list(waiting))
        source = waiting.pop(done[0])
        try:
            report.added += ray.get(done[0])
        except (ray.exceptions.RayError, MmrankError) as error:
            report.failed[str(source)] = str(getattr(error, "cause", None) or error)


def _put_one(address: str, name: str, source: Source, prepare: Callable[[Source], Iterable[Prepared]]) -> list[str]:
    from mmrank.index.milvus import MilvusStore

    store = MilvusStore.open(address, name=name)
    try:
        added = []
        with store.write() as writer:
            for prepared in prepare(source):
                writer.put(
                    prepared.document, prepared.passage_vectors, prepared.document_vectors, metadata=prepared.metadata
                )
                added.append(prepared.document.name)
        return added
    finally:
        store.close()
