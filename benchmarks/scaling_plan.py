"""What collections of 10⁶, 10⁸ and 10⁹ passages take: the arithmetic behind docs/scaling.md, with your own figures.

    python benchmarks/scaling_plan.py
    python benchmarks/scaling_plan.py --dimension 1024 --gpus 8 --encode-gpu 2000

Nothing is measured here. What one page, passage and question cost was measured by the other benchmarks, on two
processors; the figures that were not measured are marked "assumed" below.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

GIB = 2**30
SIZES = (10**6, 10**8, 10**9)


@dataclass(frozen=True)
class Costs:
    """What one unit costs."""

    passages_per_page: float = 6.0
    passages_per_document: float = 300.0
    read: float = 0.07
    """Core-seconds per page with a text layer."""
    recognise: float = 1.6
    """Core-seconds per page that is recognised."""
    scanned: float = 0.18
    """Share of the pages that are recognised."""
    encode: float = 1 / 22
    """Core-seconds per passage with the embedded encoder."""
    encode_gpu: float = 1 / 2000
    """GPU-seconds per passage; assumed."""
    dimension: int = 384
    blobs: float = 1500.0
    """Bytes in Milvus per passage beside its vector."""
    replica: float = 600.0
    """Bytes on each machine that asks, per passage."""
    overhead: float = 1.5
    """Memory of Milvus over the bytes of its index; assumed."""


@dataclass(frozen=True)
class Index:
    """An index of Milvus: bytes in memory per passage, and from how many passages on it is worth it."""

    name: str
    per_number: float
    links: float


INDEXES = {
    10**6: Index("HNSW", 4.0, 272.0),
    10**8: Index("IVF_SQ8", 1.0, 8.0),
    10**9: Index("DISKANN", 0.25, 16.0),
}


def plan(passages: int, costs: Costs, node: float) -> dict[str, str]:
    """What a collection of so many passages takes, in machines of `node` GiB."""
    index = INDEXES[passages]
    pages = passages / costs.passages_per_page
    reading = pages * (costs.read + costs.scanned * costs.recognise) / 3600
    memory = passages * (costs.dimension * index.per_number + index.links) * costs.overhead / GIB
    storage = passages * (4 * costs.dimension + costs.blobs) / GIB
    return {
        "pages": f"{pages:,.0f}",
        "read and recognise, core-hours": f"{reading:,.0f}",
        "encode on processors, core-hours": f"{passages * costs.encode / 3600:,.0f}",
        "or on GPUs, GPU-hours": f"{passages * costs.encode_gpu / 3600:,.1f}",
        "index in Milvus": index.name,
        "memory of its query nodes, GiB": f"{memory:,.0f}",
        f"query nodes of {node:.0f} GiB": f"{max(1, -(-memory // (0.7 * node))):,.0f}",
        "storage of Milvus, GiB": f"{storage:,.0f}",
        "replica on each machine that asks, GiB": f"{passages * costs.replica / GIB:,.1f}",
        "records in memory there, GiB": f"{passages / costs.passages_per_document * 3000 / GIB:,.1f}",
    }


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimension", type=int, default=Costs.dimension)
    parser.add_argument("--scanned", type=float, default=Costs.scanned, help="share of pages that are recognised")
    parser.add_argument("--encode-gpu", type=float, default=1 / Costs.encode_gpu, help="passages per second and GPU")
    parser.add_argument("--node", type=float, default=64.0, help="GiB of memory of a query node")
    chosen = parser.parse_args()
    costs = Costs(dimension=chosen.dimension, scanned=chosen.scanned, encode_gpu=1 / chosen.encode_gpu)
    plans = [plan(passages, costs, chosen.node) for passages in SIZES]
    print("| passages | " + " | ".join(f"{passages:,}" for passages in SIZES) + " |")
    print("| --- |" + " --- |" * len(SIZES))
    for row in zip(*(one.items() for one in plans), strict=True):
        print(f"| {row[0][0]} | " + " | ".join(value for _, value in row) + " |")


if __name__ == "__main__":
    main()
