"""How reading scales over Ray workers, and what a search through mmrank costs beside a raw Milvus client.

    python benchmarks/cluster.py                            # minutes; starts a Milvus server of its own
    python benchmarks/cluster.py --passages 1000000 --pages 0 --minutes 60   # as many of them as an hour allows
    python benchmarks/cluster.py --uri http://host:19530    # a server that runs already

Ends with one JSON line. `scaling_2_over_1` is pages per second, read and encoded, with two workers over those with one;
it means something where two processors are free. `milvus_search_vs_raw_p50` is the median time of a search for 50
passages through a collection over that of `MilvusClient.search` on the same rows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
WORDS = [f"w{number}" for number in range(20_000)]
PER_DOCUMENT = 50
PER_CHANGE = 100


def made_pdf(folder: Path, name: str, pages: int) -> Path:
    """A PDF of `pages` pages, each with a heading and 60 lines."""
    import pymupdf

    chance = np.random.default_rng(len(name) + pages)
    path = folder / f"{name}.pdf"
    with pymupdf.open() as file:
        for number in range(pages):
            page = file.new_page()
            page.insert_text((72, 60), f"{name}: section {number}", fontsize=16)
            for line in range(60):
                words = " ".join(WORDS[at] for at in chance.integers(0, len(WORDS), 12))
                page.insert_text((72, 84 + 12 * line), words, fontsize=8)
        file.save(path)
    return path


def reading(folder: Path, workers: int, pages: int) -> tuple[float, float]:
    """Pages per second, read and encoded by some workers of a Ray of their own, once these are warm; and seconds of
    processor per page in this process, which hands out the work and commits what comes back.
    """
    import ray

    from mmrank import Collection

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        with Collection.create(folder / f"ray{workers}.mmrank", ocr="never") as library:
            library.add(*(made_pdf(folder, f"warm{workers}{at}", 4) for at in range(2 * workers)), engine="ray")
            files = [made_pdf(folder, f"read{workers}{at}", pages // 8) for at in range(8)]
            started, own = time.monotonic(), time.process_time()
            report = library.add(*files, engine="ray")
            assert len(report.added) == 8, report
            return report.pages / (time.monotonic() - started), (time.process_time() - own) / report.pages
    finally:
        ray.shutdown()


@contextmanager
def milvus(uri: str | None) -> Iterator[tuple[str, int, Path | None]]:
    """The address of a server, its process and the folder of its data; 0 and None where it is not ours."""
    if uri:
        yield uri, 0, None
        return
    from milvus import MilvusServer

    with tempfile.TemporaryDirectory() as folder:
        server = MilvusServer()
        server.set_base_dir(folder)
        server.start()
        try:
            yield f"http://127.0.0.1:{server.listen_port}", server.server_proc.pid, Path(folder) / "data"
        finally:
            server.stop()


def filled(folder: Path, uri: str, passages: int, seconds: float):  # type: ignore[no-untyped-def]
    """A collection of synthetic passages, with the encoder that the CPU profile has; its name, and how many they are.

    It has fewer where the time does not suffice.
    """
    from mmrank import Collection
    from mmrank.retrieve.prepared import ARRAYS_VERSION, prepare
    from mmrank.types import BBox, Document, Element, ElementKind, Page, Part, PartKind, Passage

    name = f"bench{time.time_ns()}"
    library = Collection.create(folder / "bench.mmrank", store="milvus", uri=uri, name=name, index="HNSW")
    dimension = library.store.encoder.dimension
    chance, box = np.random.default_rng(0), BBox(0, 0, 500, 100)
    made, end = 0, time.monotonic() + seconds
    while made < passages and time.monotonic() < end:
        with library.store.write() as writer:
            for _ in range(PER_CHANGE):
                key = f"{made:016x}"
                texts = [
                    " ".join(WORDS[at] for at in row) for row in chance.integers(0, len(WORDS), (PER_DOCUMENT, 30))
                ]
                elements = [Element(f"p{at}e0", ElementKind.TEXT, at, box, text) for at, text in enumerate(texts)]
                document = Document(
                    id=key,
                    name=f"{key}.pdf",
                    path=f"/none/{key}.pdf",
                    pages=tuple(Page(at, 612, 792, (element,)) for at, element in enumerate(elements)),
                    passages=tuple(
                        Passage(
                            f"{key}/{at}",
                            key,
                            at,
                            at,
                            (Part(PartKind.TEXT, text, (f"p{at}e0",)),),
                            (f"p{at}e0",),
                            (box,),
                        )
                        for at, text in enumerate(texts)
                    ),
                )
                vectors = chance.normal(size=(PER_DOCUMENT, dimension)).astype(np.float32)
                vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
                arrays = (prepare(document), ARRAYS_VERSION)
                writer.put(document, vectors, vectors.mean(axis=0, keepdims=True), arrays=arrays)
                made += PER_DOCUMENT
                if made >= passages:
                    break
    return library, name, made


def searching(library, name: str, uri: str, rounds: int) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """Median seconds of a search through the collection, and of one by the raw client, taking turns."""
    from pymilvus import MilvusClient

    client = MilvusClient(uri)
    chance = np.random.default_rng(1)
    ours, theirs = [], []
    with library.store.snapshot() as snapshot:
        for _ in range(rounds):
            vector = chance.normal(size=library.store.encoder.dimension).astype(np.float32)
            started = time.perf_counter()
            snapshot.search_dense(vector, 50)
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            client.search(
                f"{name}_passages",
                data=[vector.tolist()],
                anns_field="vector",
                limit=50,
                output_fields=["number", "position"],
            )
            theirs.append(time.perf_counter() - started)
    client.close()
    return statistics.median(ours), statistics.median(theirs)


def resident(process: int) -> int:
    """Bytes of memory of a process."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, check=False).stdout
    return 1024 * int(said or 0)


def size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=20_000, help="synthetic passages in Milvus")
    parser.add_argument("--minutes", type=float, default=120.0, help="after so long no more passages are written")
    parser.add_argument("--pages", type=int, default=160, help="pages that are read with Ray; 0 for none")
    parser.add_argument("--rounds", type=int, default=200, help="searches")
    parser.add_argument("--uri", help="of a Milvus server that runs")
    chosen = parser.parse_args()
    ratios: dict[str, float] = {}
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
        if chosen.pages:
            figures["load_before"] = round(os.getloadavg()[0], 1)
            (one, _), (two, own) = (reading(folder, workers, chosen.pages) for workers in (1, 2))
            figures["pages_per_s_1"], figures["pages_per_s_2"] = round(one, 2), round(two, 2)
            figures["own_core_ms_per_page"] = round(1000 * own, 1)
            ratios["scaling_2_over_1"] = round(two / one, 2)
            print(f"reading and encoding: {one:.2f} pages/s with one worker, {two:.2f} with two")
        with milvus(chosen.uri) as (uri, process, data):
            started = time.monotonic()
            library, name, passages = filled(folder, uri, chosen.passages, 60 * chosen.minutes)
            figures["passages"] = passages
            figures["passages_per_s_written"] = round(passages / (time.monotonic() - started), 1)
            time.sleep(12)  # until searches need not wait for the last change
            ours, theirs = searching(library, name, uri, chosen.rounds)
            ratios["milvus_search_vs_raw_p50"] = round(ours / theirs, 2)
            figures["search_ms"], figures["raw_search_ms"] = round(1000 * ours, 2), round(1000 * theirs, 2)
            times = []
            chance = np.random.default_rng(2)
            for _ in range(20):
                question = " ".join(WORDS[at] for at in chance.integers(0, len(WORDS), 6))
                started = time.perf_counter()
                library.ask(question)
                times.append(time.perf_counter() - started)
            figures["ask_ms"] = round(1000 * statistics.median(times), 1)
            figures["replica_bytes_per_passage"] = round(size(folder / "bench.mmrank") / passages, 1)
            figures["own_resident_mib"] = round(resident(os.getpid()) / 2**20)
            if data is not None:
                figures["milvus_resident_mib"] = round(resident(process) / 2**20)
                figures["milvus_resident_bytes_per_passage"] = round(resident(process) / passages, 1)
                figures["milvus_stored_bytes_per_passage"] = round(size(data) / passages, 1)
            library.close()
            from mmrank.index.milvus_server import MilvusServer

            MilvusServer(uri, name).drop()
    for what, value in figures.items():
        print(f"{what}: {value}")
    print(json.dumps({"benchmark": "cluster", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    sys.exit(main())
