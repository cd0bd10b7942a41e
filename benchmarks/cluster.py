"""How reading scales over Ray workers, and what a search through mmrank costs beside a raw Milvus client.

    python benchmarks/cluster.py                            # minutes; starts a Milvus server of its own
    python benchmarks/cluster.py --uri http://host:19530    # a server that runs already
    python benchmarks/cluster.py --passages 1000000 --pages 0 --folder DIR     # an hour; goes on where it was cut off

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
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
WORDS = [f"w{number}" for number in range(20_000)]
PER_DOCUMENT = 50
PER_CHANGE = 100
GIB = 2**30


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
def milvus(uri: str | None, folder: Path) -> Iterator[tuple[str, int]]:
    """The address of a server, and its process: 0 where it is not ours."""
    if uri:
        yield uri, 0
        return
    from milvus import MilvusServer

    server = MilvusServer()
    server.set_base_dir(str(folder / "server"))
    server.start()
    try:
        yield f"http://127.0.0.1:{server.listen_port}", server.server_proc.pid
    finally:
        server.stop()


class Memory:
    """Watches how much memory a server takes, once per second."""

    def __init__(self, process: int) -> None:
        self.process, self.most = process, 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self.process:
            self.most = max(self.most, self.now())
            time.sleep(1)

    def now(self) -> int:
        """Bytes of its memory."""
        return resident(self.process) if self.process else 0


def made_document(number: int):  # type: ignore[no-untyped-def]
    """A synthetic document, always the same: `PER_DOCUMENT` pages with a passage of 30 words each."""
    from mmrank.types import BBox, Document, Element, ElementKind, Page, Part, PartKind, Passage

    chance, box, key = np.random.default_rng(number), BBox(0, 0, 500, 100), f"{number:016x}"
    texts = [" ".join(WORDS[at] for at in row) for row in chance.integers(0, len(WORDS), (PER_DOCUMENT, 30))]
    elements = [Element(f"p{at}e0", ElementKind.TEXT, at, box, text) for at, text in enumerate(texts)]
    passages = [
        Passage(f"{key}/{at}", key, at, at, (Part(PartKind.TEXT, text, (f"p{at}e0",)),), (f"p{at}e0",), (box,))
        for at, text in enumerate(texts)
    ]
    return Document(
        id=key,
        name=f"{key}.pdf",
        path=f"/none/{key}.pdf",
        pages=tuple(Page(at, 612, 792, (element,)) for at, element in enumerate(elements)),
        passages=tuple(passages),
    )


def opened(folder: Path, uri: str, index: str):  # type: ignore[no-untyped-def]
    """The collection in a folder, with this index; made where there is none, with the encoder of the CPU profile."""
    from mmrank import Collection

    path = folder / "bench.mmrank"
    if path.exists():
        library = Collection.open(path, uri=uri)
        with library.store.snapshot() as snapshot:
            held = snapshot.index_factory()
        if held != index:
            started = time.monotonic()
            library.store.compact(index=index)
            print(f"{index} instead of {held}: asked for and loaded in {time.monotonic() - started:.0f} s", flush=True)
        return library
    return Collection.create(path, store="milvus", uri=uri, name=f"bench{time.time_ns()}", index=index)


def fill(library, passages: int, memory: Memory, most: float) -> None:  # type: ignore[no-untyped-def]
    """Write documents until there are so many passages; pauses while the server takes more than `most` bytes."""
    from mmrank.retrieve.prepared import ARRAYS_VERSION, prepare

    dimension = library.store.encoder.dimension
    with library.store.snapshot() as snapshot:
        begin = snapshot.count()
    for first in range(begin, -(-passages // PER_DOCUMENT), PER_CHANGE):
        while memory.now() > most:
            flushed(library)
            time.sleep(5)
        started = time.monotonic()
        with library.store.write(wait=60) as writer:
            for number in range(first, min(first + PER_CHANGE, -(-passages // PER_DOCUMENT))):
                document, chance = made_document(number), np.random.default_rng([number, 1])
                vectors = chance.normal(size=(PER_DOCUMENT, dimension)).astype(np.float32)
                vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
                arrays = (prepare(document), ARRAYS_VERSION)
                writer.put(document, vectors, vectors.mean(axis=0, keepdims=True), arrays=arrays)
        took = time.monotonic() - started
        held = f"server {memory.now() / GIB:.2f} GiB"
        print(f"{PER_DOCUMENT * (number + 1)} passages, the last change in {took:.1f} s, {held}", flush=True)


def flushed(library, minutes: float = 600.0) -> int:  # type: ignore[no-untyped-def]
    """Have Milvus write what it holds in memory, and wait for its indexes; how many passages have none in the end."""
    server, end = library.store._server, time.monotonic() + 60 * minutes
    parts = [f"{server.name}_{part}" for part in ("passages", "blobs", "changes")]
    for part in parts:
        server.call("flush", part, patience=600.0)
    for round_ in count():
        said = [server.call("describe_index", part, "vector", patience=600.0) for part in parts]
        # Not what is said to be pending: Milvus counts parts there that it merges while their index is in use.
        left = [max(int(one["total_rows"]) - int(one["indexed_rows"]), 0) for one in said]
        if not any(left) or time.monotonic() > end:
            return left[0]
        if not round_ % 30:
            print(f"{sum(left)} rows wait for their index", flush=True)
        time.sleep(2)
    raise AssertionError


def searching(library, uri: str, rounds: int) -> tuple[list[float], list[float]]:  # type: ignore[no-untyped-def]
    """Seconds of searches through the collection, and of the raw client's, taking turns."""
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
                f"{library.store._server.name}_passages",
                data=[vector.tolist()],
                anns_field="vector",
                limit=50,
                output_fields=["number", "position"],
            )
            theirs.append(time.perf_counter() - started)
    client.close()
    return ours, theirs


def asking(library, times: int) -> list[float]:  # type: ignore[no-untyped-def]
    """Seconds of questions of six words."""
    chance, taken = np.random.default_rng(2), []
    for _ in range(times):
        question = " ".join(WORDS[at] for at in chance.integers(0, len(WORDS), 6))
        started = time.perf_counter()
        library.ask(question)
        taken.append(time.perf_counter() - started)
    return taken


def resident(process: int) -> int:
    """Bytes of memory of a process."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, check=False).stdout
    return 1024 * int(said or 0)


def size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def milliseconds(seconds: list[float], share: float) -> float:
    """A quantile of some times."""
    return round(1000 * float(np.quantile(seconds, share)), 2)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=20_000, help="synthetic passages in Milvus")
    parser.add_argument("--pages", type=int, default=160, help="pages that are read with Ray; 0 for none")
    parser.add_argument("--rounds", type=int, default=200, help="searches")
    parser.add_argument("--questions", type=int, default=100, help="questions asked")
    parser.add_argument("--uri", help="of a Milvus server that runs")
    parser.add_argument("--folder", type=Path, help="for all data, kept; a run that was cut off goes on with it")
    parser.add_argument(
        "--index", default="HNSW", help="Milvus's index of the vectors; another one than before is built"
    )
    parser.add_argument("--minutes", type=float, default=600.0, help="to wait for the index, then search without")
    parser.add_argument("--memory", type=float, default=8.0, help="GiB of our server's memory beyond which it rests")
    chosen = parser.parse_args()
    ratios: dict[str, float] = {}
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = chosen.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
        if chosen.pages:
            figures["load_before"] = round(os.getloadavg()[0], 1)
            (one, _), (two, own) = (reading(Path(place), workers, chosen.pages) for workers in (1, 2))
            figures["pages_per_s_1"], figures["pages_per_s_2"] = round(one, 2), round(two, 2)
            figures["own_core_ms_per_page"] = round(1000 * own, 1)
            ratios["scaling_2_over_1"] = round(two / one, 2)
            print(f"reading and encoding: {one:.2f} pages/s with one worker, {two:.2f} with two")
        with milvus(chosen.uri, folder) as (uri, process):
            memory = Memory(process)
            started = time.monotonic()
            library = opened(folder, uri, chosen.index)
            figures["opened_s"] = round(time.monotonic() - started, 1)
            started = time.monotonic()
            fill(library, chosen.passages, memory, chosen.memory * GIB)
            figures["filled_s"] = round(time.monotonic() - started)
            figures["passages_without_index"] = flushed(library, chosen.minutes)
            figures["indexed_s"] = round(time.monotonic() - started)
            with library.store.snapshot() as snapshot:
                passages = snapshot.count("passage")
            figures["passages"] = passages
            time.sleep(20)  # until searches need not wait for the last change, and Milvus has let go of memory
            figures["load_searching"] = round(os.getloadavg()[0], 1)
            ours, theirs = searching(library, uri, chosen.rounds)
            ratios["milvus_search_vs_raw_p50"] = round(statistics.median(ours) / statistics.median(theirs), 2)
            taken = asking(library, chosen.questions)
            for share in (0.5, 0.95):
                name = f"{100 * share:.0f}"
                figures[f"search_ms_p{name}"] = milliseconds(ours, share)
                figures[f"raw_search_ms_p{name}"] = milliseconds(theirs, share)
                figures[f"ask_ms_p{name}"] = milliseconds(taken, share)
            figures["replica_bytes_per_passage"] = round(size(folder / "bench.mmrank") / passages, 1)
            figures["own_resident_mib"] = round(resident(os.getpid()) / 2**20)
            if process:
                data = size(folder / "server" / "data")
                figures["milvus_resident_mib"] = round(memory.now() / 2**20)
                figures["milvus_most_mib"] = round(memory.most / 2**20)
                figures["milvus_resident_bytes_per_passage"] = round(memory.now() / passages, 1)
                figures["milvus_stored_bytes_per_passage"] = round(data / passages, 1)
            started = time.monotonic()
            from mmrank import Collection

            name = library.store._server.name
            with Collection.open(Path(place) / "other.mmrank", uri=uri, name=name) as other:
                other.ask(WORDS[0])
            figures["first_answer_elsewhere_s"] = round(time.monotonic() - started, 1)
            if not chosen.folder:
                library.store.drop()
            library.close()
    for what, value in figures.items():
        print(f"{what}: {value}")
    print(json.dumps({"benchmark": "cluster", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    sys.exit(main())
