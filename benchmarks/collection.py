"""A question to a whole collection, beside what one would write by hand: encode, FAISS, bm25s, fuse.

    python benchmarks/collection.py                            10,000 pages, then 100,000 and 1,000,000 passages
    python benchmarks/collection.py --passages 60000           10,000 pages only

Measures `Collection.search(k=10)` in a warm process, from the text of the question to hits with boxes and snippets. The
flat pipeline gets the same passages and vectors and returns ten numbers of passages. All take turns, so that a busy
machine slows them alike. Documents are synthetic: 100 pages of six passages whose words follow Zipf's law, drawn from
200 different texts, with unit vectors around cluster centres: speed is measured, and nothing about quality. Needs the
extra "bench". Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from mmrank.collection import Collection
from mmrank.retrieve.prepared import ARRAYS_VERSION, prepare
from mmrank.types import BBox, Document, Element, ElementKind, Page, Part, PartKind, Passage

DIMENSION = 384
PAGES, PER_PAGE, WORDS = 100, 6, 60
TEXTS = 200
"""Different texts that documents have."""
COMMITTED = 50_000
"""Passages of one change."""
QUESTIONS = 100


class Words:
    """Made-up words by Zipf's law."""

    def __init__(self, size: int = 50_000) -> None:
        syllables = [first + second for first in "bcdfglmnprstv" for second in "aeiou"]
        generator = np.random.default_rng(3)
        picks = generator.integers(0, len(syllables), (size, 4))
        lengths = generator.integers(2, 5, size)
        self._words = np.array(
            ["".join(syllables[at] for at in row[:length]) for row, length in zip(picks, lengths, strict=True)]
        )
        weights = 1 / np.arange(1, size + 1)
        self._cumulative = np.cumsum(weights / weights.sum())
        self._generator = generator

    def draw(self, count: int) -> list[str]:
        """Some words, common ones more often."""
        at = np.searchsorted(self._cumulative, self._generator.random(count))
        return self._words[np.minimum(at, len(self._words) - 1)].tolist()


def text_of(words: Words) -> Document:
    """A document without a name: pages with a heading and six paragraphs."""
    pages, passages = [], []
    for page in range(PAGES):
        heading = Element(f"p{page}e0", ElementKind.HEADING, page, BBox(50, 40, 550, 60), " ".join(words.draw(5)))
        elements = [heading]
        for at in range(1, PER_PAGE + 1):
            box = BBox(50, 100 * at, 550, 100 * at + 80)
            element = Element(f"p{page}e{at}", ElementKind.TEXT, page, box, " ".join(words.draw(WORDS)))
            elements.append(element)
            part = Part(PartKind.TEXT, element.text, (element.id,))
            passages.append(
                Passage("", "", len(passages), page, (part,), (element.id,), (box,), heading_path=(heading.text,))
            )
        pages.append(Page(page, 600, 800, tuple(elements), str(page + 1)))
    return Document("", "", "", tuple(pages), tuple(passages))


def named(text: Document, number: int) -> Document:
    """The text as a document of its own."""
    identifier = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    passages = tuple(
        replace(passage, id=f"{identifier}/{passage.position}", document_id=identifier) for passage in text.passages
    )
    name = f"{number:06d}.pdf"
    return replace(text, id=identifier, name=name, path=f"/library/{name}", passages=passages)


def vectors_of(number: int, centres: np.ndarray) -> np.ndarray:
    """(passages, 384) unit vectors around a few centres."""
    generator = np.random.default_rng(number)
    noise = generator.normal(size=(PAGES * PER_PAGE, DIMENSION)).astype(np.float32) / np.sqrt(DIMENSION)
    block = centres[generator.integers(0, len(centres), len(noise))] + 0.8 * noise
    return block / np.linalg.norm(block, axis=1, keepdims=True)


def fill(library: Collection, passages: int) -> tuple[list[str], np.ndarray]:
    """Add documents in changes of some size; the text and the vector of every passage."""
    words, generator = Words(), np.random.default_rng(7)
    centres = generator.normal(size=(2000, DIMENSION)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    count = -(-passages // (PAGES * PER_PAGE))
    known = [text_of(words) for _ in range(min(TEXTS, count))]
    arrays = [prepare(text) for text in known]
    texts: list[str] = []
    blocks: list[np.ndarray] = []
    together = COMMITTED // (PAGES * PER_PAGE)
    for begin in range(0, count, together):
        with library.store.write() as writer:
            for number in range(begin, min(begin + together, count)):
                text, block = known[number % len(known)], vectors_of(number, centres)
                mean = block.mean(0, keepdims=True)
                mean /= np.linalg.norm(mean)
                prepared = (arrays[number % len(known)], ARRAYS_VERSION)
                writer.put(named(text, number), block, mean, arrays=prepared)
                texts += [passage.text for passage in text.passages]
                blocks.append(block)
    library.store.compact()
    return texts, np.concatenate(blocks)


def flat(library: Collection, texts: list[str], vectors: np.ndarray) -> Callable[[str], list[int]]:
    """What one would write by hand: a flat FAISS index and bm25s over the passages, fused by reciprocal ranks."""
    import bm25s
    import faiss

    from mmrank.types import Query

    index = faiss.IndexFlatIP(DIMENSION)
    index.add(vectors)
    lexical = bm25s.BM25(method="lucene")
    lexical.index([text.split() for text in texts], show_progress=False)

    def ask(question: str) -> list[int]:
        vector = library.encoder.encode_queries([Query(question)])
        _, dense = index.search(np.asarray(vector), 100)
        rows = lexical.retrieve([question.split()], k=100, show_progress=False).documents
        scores: dict[int, float] = {}
        for found in (dense[0].tolist(), rows[0].tolist()):
            for rank, row in enumerate(found, start=60):
                scores[row] = scores.get(row, 0.0) + 1 / rank
        return sorted(scores, key=lambda row: -scores[row])[:10]

    return ask


def measure(sizes: list[int], folder: Path) -> list[dict[str, float]]:
    """Milliseconds of a question to each collection, p50 and p95, and p50 of the processor's; of the flat pipeline too.

    All of them take turns, so that a busy machine slows them alike. The flat pipeline has the passages of the first.
    """
    asks: dict[str, Callable[[str], object]] = {}
    questions: list[str] = []
    with ExitStack() as stack:
        for size in sizes:
            library = stack.enter_context(Collection.create(folder / f"{size}.mmrank", device="cpu"))
            started = time.perf_counter()
            texts, vectors = fill(library, size)
            print(f"{len(texts):,} passages filled in {time.perf_counter() - started:.0f} s", flush=True)
            asks[f"ours {size}"] = partial(library.search, k=10)
            if size == sizes[0]:
                asks["flat"] = flat(library, texts, vectors)
                generator = np.random.default_rng(1)
                questions = [
                    " ".join(generator.choice(texts[generator.integers(len(texts))].split(), 12).tolist())
                    for _ in range(QUESTIONS)
                ]
            del texts, vectors
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in asks}
        for turn in range(2):  # the first warms all up
            for question in questions:
                for name, ask in asks.items():
                    begun, worked = time.perf_counter(), time.process_time()
                    ask(question)
                    if turn:
                        spent[name].append(((time.perf_counter() - begun) * 1e3, (time.process_time() - worked) * 1e3))
    found = {}
    for name, values in spent.items():
        clock, processor = np.array(values).T
        p50, p95 = np.quantile(clock, [0.5, 0.95]).tolist()
        found[name] = {"p50": p50, "p95": p95, "processor p50": float(np.median(processor))}
    for name, figures in found.items():
        print(f"{name}: " + ", ".join(f"{label} {value:.1f} ms" for label, value in figures.items()), flush=True)
    return [found[f"ours {size}"] | ({"flat": found["flat"]["p50"]} if size == sizes[0] else {}) for size in sizes]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, nargs="+", default=[60_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="keep the collections in this new folder")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(arguments.passages, folder)
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)
    ratios = {
        "search_vs_flat_p50": found[0]["p50"] / found[0]["flat"],
        "search_p95_over_p50": found[0]["p95"] / found[0]["p50"],
    }
    if len(found) > 2:
        ratios["search_1m_over_100k"] = found[2]["p50"] / found[1]["p50"]
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    print(json.dumps({"benchmark": "collection", "ratios": rounded}))


if __name__ == "__main__":
    main()
