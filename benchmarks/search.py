"""Our search against raw FAISS with the same index, and what adding, removing and opening cost as a collection grows.

    python benchmarks/search.py                       10^5 and 10^6 passages of 384 dimensions
    python benchmarks/search.py --sizes 10000 100000  smaller
    python benchmarks/search.py --parts maxsim words  some parts only
    python benchmarks/search.py --parts tiny          a million documents of one passage

Vectors are synthetic: points around cluster centres, as passages stand around their topics. Everything is timed in one
run, ours and FAISS's queries in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

DIMENSION = 384
PASSAGES_A_DOCUMENT = 100
QUERIES = 1000


def clustered(count: int, seed: int, clusters: int = 2000) -> Iterator[np.ndarray]:
    """Blocks of (PASSAGES_A_DOCUMENT, 384) unit vectors around cluster centres."""
    centres = np.random.default_rng(7).normal(size=(clusters, DIMENSION)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    generator = np.random.default_rng(seed)
    for begin in range(0, count, PASSAGES_A_DOCUMENT):
        size = min(PASSAGES_A_DOCUMENT, count - begin)
        noise = generator.normal(size=(size, DIMENSION)).astype(np.float32) / np.sqrt(DIMENSION)
        block = centres[generator.integers(0, clusters, size)] + 0.8 * noise
        yield block / np.linalg.norm(block, axis=1, keepdims=True)


def document(number: int, words: np.ndarray):
    """A document of short passages whose words follow Zipf's law."""
    from mmrank.types import BBox, Document, Page, Part, PartKind, Passage

    identifier = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    box = (BBox(50, 50, 500, 100),)
    runs = tuple(
        Passage(
            f"{identifier}/{at}", identifier, at, 0, (Part(PartKind.TEXT, " ".join(row), ("p0e0",)),), ("p0e0",), box
        )
        for at, row in enumerate(words)
    )
    return Document(identifier, f"{number:07d}.pdf", f"/library/{number:07d}.pdf", (Page(0, 612, 792, ()),), runs)


class Vocabulary:
    """Words by Zipf's law."""

    def __init__(self, size: int = 60_000, length: int = 40) -> None:
        weights = 1 / np.arange(1, size + 1)
        self._cumulative = np.cumsum(weights / weights.sum())
        self._words = np.array([f"w{at}" for at in range(size)])
        self._generator = np.random.default_rng(3)
        self.length = length

    def draw(self, rows: int, length: int | None = None) -> np.ndarray:
        """(rows, length) words."""
        at = np.searchsorted(self._cumulative, self._generator.random((rows, length or self.length)))
        return self._words[np.minimum(at, len(self._words) - 1)]


def fill(store, passages: int, vocabulary: Vocabulary, first: int = 0) -> float:
    """Add documents of 100 passages in one change; seconds."""
    started = time.perf_counter()
    with store.write() as writer:
        for at, block in enumerate(clustered(passages, seed=first + 1)):
            writer.put(document(first + at, vocabulary.draw(len(block))), block, block.mean(0, keepdims=True))
    return time.perf_counter() - started


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def queries_like(seed: int) -> np.ndarray:
    """(QUERIES, 384) queries from the same clusters."""
    return np.concatenate(list(clustered(QUERIES, seed=seed)))


def against_faiss(store, label: str) -> dict[str, float]:
    """p50 and p99 of single queries, ours through snapshot().search_dense and FAISS's on the same index file's twin."""
    import faiss

    from mmrank.index import Match
    from mmrank.index.vector_index import VectorIndex, nearest

    faiss.omp_set_num_threads(1)
    snapshot = store.snapshot()
    segment = max((s for s in snapshot.segments() if s.info.kind == "passage"), key=lambda s: s.info.rows)
    cache = store.path / "cache" / segment.info.file.replace(".safetensors", ".faiss")
    index = VectorIndex.load(cache, segment.info.rows)
    assert index is not None, f"no index for {segment.info.rows} rows"
    raw = faiss.read_index(str(cache))  # raw FAISS, in memory, with the effort it was saved with
    if index.overfetch > 1:
        # We score what compressed vectors found again with the raw ones; FAISS reaches that recall by its own refining.
        raw = refined(raw, segment.vectors, index.overfetch)
    queries = queries_like(99)
    truth = nearest(segment.vectors, queries, 10)
    ours, theirs, our_hits, their_hits = [], [], 0, 0
    places = {}
    for row, (number, position) in enumerate(zip(segment.documents.tolist(), segment.positions.tolist(), strict=True)):
        places[number, position] = row
    ids = {identifier: number for number, identifier in snapshot._rows("SELECT number, id FROM documents")}
    for query in queries:  # touches every page that is needed, on both sides
        store.snapshot().search_dense(query, 10)
        raw.search(query[None], 10)
    for turn, (query, best) in enumerate(zip(queries, truth, strict=True)):

        def ask_us(query: np.ndarray = query) -> list[Match]:
            started = time.perf_counter()
            found = store.snapshot().search_dense(query, 10)
            ours.append(time.perf_counter() - started)
            return found

        def ask_faiss(query: np.ndarray = query) -> np.ndarray:
            started = time.perf_counter()
            _, rows = raw.search(query[None], 10)
            theirs.append(time.perf_counter() - started)
            return rows

        if turn % 2:  # in turn first and second: the one leaves the processor's caches to the other
            rows, found = ask_faiss(), ask_us()
        else:
            found, rows = ask_us(), ask_faiss()
        goal = set(best.tolist())
        our_hits += len(goal & {places[ids[match.document_id], match.position] for match in found})
        their_hits += len(goal & set(rows[0].tolist()))
    p50, p99 = (float(np.quantile(ours, q) / np.quantile(theirs, q)) for q in (0.5, 0.99))
    print(
        f"{label}: {index.factory} (effort {index.effort}): ours p50 {np.median(ours) * 1e3:.3f} ms,"
        f" p99 {np.quantile(ours, 0.99) * 1e3:.3f} ms, recall@10 {our_hits / 10 / len(queries):.3f};"
        f" FAISS p50 {np.median(theirs) * 1e3:.3f} ms, p99 {np.quantile(theirs, 0.99) * 1e3:.3f} ms,"
        f" recall@10 {their_hits / 10 / len(queries):.3f}; p50 ratio {p50:.2f}, p99 ratio {p99:.2f}",
        flush=True,
    )
    return {f"p50_vs_faiss_{label}": p50, f"p99_vs_faiss_{label}": p99}


def refined(index, vectors: np.ndarray, factor: int):
    """FAISS's IndexRefineFlat over an index."""
    import faiss

    flat = faiss.IndexFlatIP(DIMENSION)
    for begin in range(0, len(vectors), 65_536):
        flat.add(np.ascontiguousarray(vectors[begin : begin + 65_536]))
    joined = faiss.IndexRefine(index, flat)
    joined.k_factor = factor
    return joined


def throughput(store, label: str) -> None:
    """Queries a second with 1, 2 and 8 readers (threads of one process)."""
    queries = queries_like(98)
    for readers in (1, 2, 8):

        def read() -> None:
            for query in queries:
                store.snapshot().search_dense(query, 10)

        threads = [threading.Thread(target=read) for _ in range(readers)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = readers * len(queries) / (time.perf_counter() - started)
        print(f"{label}: {readers} readers: {rate:,.0f} dense queries/s", flush=True)


def words(store, label: str, vocabulary: Vocabulary) -> None:
    """Time of a BM25 search of eight words at both levels."""
    asked = [" ".join(row) for row in vocabulary.draw(60, 8)]
    for level in ("passage", "document"):
        store.snapshot().search_lexical(asked[0], 10, level)
        spent = [
            timed(lambda text=text, level=level: store.snapshot().search_lexical(text, 10, level)) for text in asked
        ]
        print(
            f"{label}: BM25 over {level}s, eight words: p50 {np.median(spent) * 1e3:.1f} ms,"
            f" p99 {np.quantile(spent, 0.99) * 1e3:.1f} ms",
            flush=True,
        )


def changes(store, label: str, vocabulary: Vocabulary) -> tuple[float, float]:
    """Median seconds to add, and to remove, 1,000 passages."""
    added, removed = [], []
    for turn in range(5):
        first = 1_000_000 + 100 * turn
        added.append(fill(store, 1000, vocabulary, first))
        names = {f"{first + at:07d}.pdf" for at in range(10)}
        from mmrank.index import Filter

        chosen = [record.id for record in store.snapshot().documents(Filter(names=tuple(names)))]

        def remove(chosen: list[str] = chosen) -> None:
            with store.write() as writer:
                for identifier in chosen:
                    writer.remove(identifier)

        removed.append(timed(remove))
    add, remove = statistics.median(added), statistics.median(removed)
    print(f"{label}: 1,000 passages: added in {add * 1e3:.0f} ms, removed in {remove * 1e3:.0f} ms", flush=True)
    return add, remove


def opening(store, label: str) -> None:
    """Seconds from nothing to the first answer, and bytes on disk."""
    from mmrank.index import Store

    query = queries_like(97)[0]

    def first() -> None:
        Store.open(store.path, read_only=True).snapshot().search_dense(query, 10)

    spent = statistics.median(timed(first) for _ in range(5))
    parts: dict[str, int] = {}
    for file in store.path.rglob("*"):
        if file.is_file():
            kind = file.name.split("-")[1] if file.suffix == ".safetensors" else file.suffix.lstrip(".") or "head"
            parts[kind] = parts.get(kind, 0) + file.stat().st_size
    count = store.snapshot().count("passage")
    shares = ", ".join(f"{kind} {size / count:,.0f}" for kind, size in sorted(parts.items()) if size > count)
    print(
        f"{label}: open and first answer {spent * 1e3:.0f} ms; on disk {sum(parts.values()) / count:,.0f} bytes a"
        f" passage ({shares})",
        flush=True,
    )


def tiny(folder: Path, count: int) -> None:
    """A collection of very many documents of one short passage each."""
    from mmrank.index import EncoderIdentity, Filter, Store, verify

    store = Store.create(folder / "tiny", encoder=EncoderIdentity("synthetic", "1", DIMENSION))
    blocks = clustered(count, seed=5)
    started = time.perf_counter()
    for begin in range(0, count, 50_000):
        with store.write() as writer:
            for first in range(begin, min(begin + 50_000, count), PASSAGES_A_DOCUMENT):
                for at, vector in enumerate(next(blocks), start=first):
                    made = document(at, np.array([[f"word{at}", "common"]]))
                    writer.put(made, vector[None], vector[None], metadata={"shelf": str(at % 1000)})
    print(f"tiny: {count:,} documents added in {time.perf_counter() - started:.0f} s", flush=True)
    query = queries_like(5)[0]
    for name, run in {
        "compact": store.compact,
        "first answer": lambda: store.snapshot().search_dense(query, 3),
        "search": lambda: store.snapshot().search_dense(query, 3),
        "search of one shelf": lambda: store.snapshot().search_dense(query, 3, where=Filter(metadata={"shelf": "7"})),
        "search for a word in every document": lambda: store.snapshot().search_lexical("common word7", 3),
        "list": lambda: store.snapshot().documents(),
    }.items():
        print(f"tiny: {name}: {timed(run) * 1e3:.1f} ms", flush=True)
    started = time.perf_counter()
    assert verify(store.path) == []
    print(f"tiny: verify: {time.perf_counter() - started:.0f} s, nothing wrong", flush=True)


def maxsim() -> dict[str, float]:
    """MaxSim over 1,000 candidates of 700 tokens of 128 dimensions, against sentence-transformers."""
    import torch
    from sentence_transformers.util import maxsim as reference

    from mmrank.index.multivector import MaxSim
    from mmrank.index.quantise import quantise

    generator = np.random.default_rng(0)
    query = generator.normal(size=(24, 128)).astype(np.float32)
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    tokens = generator.normal(size=(700_000, 128)).astype(np.float32)
    tokens /= np.linalg.norm(tokens, axis=1, keepdims=True)
    codes, scales = quantise(tokens)
    offsets = np.arange(0, 700_001, 700)
    scorer = MaxSim()
    dense = torch.from_numpy(tokens.reshape(1000, 700, 128))
    question = torch.from_numpy(query)[None]
    float_time, int8_time, theirs = [], [], []
    for _ in range(5):
        float_time.append(timed(lambda: scorer.score(query, tokens, offsets)))
        int8_time.append(timed(lambda: scorer.score(query, codes, offsets, scales)))
        theirs.append(timed(lambda: reference(question, dense)))
    ours, small, other = map(statistics.median, (float_time, int8_time, theirs))
    gap = np.abs(scorer.score(query, tokens, offsets) - reference(question, dense).numpy()[0]).max()
    print(
        f"maxsim, 1,000 x 700 x 128: ours {ours * 1e3:.0f} ms from float32, {small * 1e3:.0f} ms from int8;"
        f" sentence-transformers {other * 1e3:.0f} ms from float32; largest difference {gap:.1e}",
        flush=True,
    )
    return {"maxsim_vs_st": ours / other, "maxsim_int8_vs_st": small / other}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--parts", nargs="+", default=["dense", "words", "changes", "maxsim"])
    parser.add_argument("--tiny", type=int, default=1_000_000, help="documents of the part `tiny`")
    parser.add_argument("--folder", type=Path, help="keep the collections here, and use those that are here")
    arguments = parser.parse_args()
    from mmrank.index import EncoderIdentity, Store

    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="mmrank-search-"))
    vocabulary = Vocabulary()
    ratios: dict[str, float] = {}
    adds: dict[int, float] = {}
    try:
        if "tiny" in arguments.parts:
            tiny(folder, arguments.tiny)
        for size in arguments.sizes if set(arguments.parts) - {"maxsim", "tiny"} else []:
            label = f"{size:.0e}".replace("e+0", "e")
            path = folder / label
            if path.exists():
                store = Store.open(path)
            else:
                store = Store.create(path, encoder=EncoderIdentity("synthetic", "1", DIMENSION))
                spent = fill(store, size, vocabulary)
                print(f"{label}: filled and indexed in {spent:.0f} s", flush=True)
            if "dense" in arguments.parts:
                opening(store, label)
                if size >= 100_000:
                    ratios |= against_faiss(store, label)
                throughput(store, label)
            if "words" in arguments.parts:
                words(store, label, vocabulary)
            if "changes" in arguments.parts:
                adds[size], _ = changes(store, label, vocabulary)
        if {10_000, 1_000_000} <= set(adds):
            ratios["add_1m_over_10k"] = adds[1_000_000] / adds[10_000]
        for name in ("p50_vs_faiss", "p99_vs_faiss"):
            found = [value for key, value in ratios.items() if key.startswith(f"{name}_")]
            if found:
                ratios[name] = max(found)
        if "maxsim" in arguments.parts:
            ratios |= maxsim()
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    print(json.dumps({"benchmark": "search", "ratios": rounded}))


if __name__ == "__main__":
    main()
