"""Which lexical index: ours, SQLite FTS5, tantivy and bm25s on the same passages and the same queries, in one run.

    python benchmarks/lexical.py            10^5 passages of 90 words, 40 queries of eight words

The queries' words are drawn from a passage, so that frequent words take part as they do in questions.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np

VOCABULARY = 60_000
LENGTH = 90

Search = Callable[[list[str]], object]


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def passages(count: int) -> list[str]:
    """Texts whose words follow Zipf's law."""
    weights = 1 / np.arange(1, VOCABULARY + 1)
    cumulative = np.cumsum(weights / weights.sum())
    drawn = np.searchsorted(cumulative, np.random.default_rng(0).random((count, LENGTH)))
    words = np.array([f"w{at}" for at in range(VOCABULARY + 1)])
    return [" ".join(row) for row in words[drawn]]


def ours(texts: list[str]) -> tuple[float, Search]:
    """The postings of mmrank.index, in memory as they are on disk."""
    from mmrank.index.bm25 import Words, WordsSegment
    from mmrank.index.postings import PostingsBuilder

    made = []

    def build() -> None:
        builder = PostingsBuilder()
        for at in range(0, len(texts), 100):
            builder.add(at, texts[at : at + 100])
        made.append(builder.build())

    spent = timed(build)
    words = Words({1: WordsSegment(made[0], None)})
    return spent, lambda query: words.search(query, 10, "passage", None)


def fts5(texts: list[str]) -> tuple[float, Search]:
    """SQLite's full-text index."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE passages USING fts5(words, tokenize='ascii', detail='column')")
    spent = timed(
        lambda: connection.executemany("INSERT INTO passages (words) VALUES (?)", ((text,) for text in texts))
    )

    def search(query: list[str]) -> object:
        return connection.execute(
            "SELECT rowid, rank FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT 10", (" OR ".join(query),)
        ).fetchall()

    return spent, search


def tantivy(texts: list[str]) -> tuple[float, Search]:
    """Tantivy."""
    import tantivy as library

    schema = library.SchemaBuilder()
    schema.add_text_field("words", stored=False, tokenizer_name="whitespace")
    index = library.Index(schema.build(), path=tempfile.mkdtemp())

    def build() -> None:
        writer = index.writer()
        for text in texts:
            entry = library.Document()
            entry.add_text("words", text)
            writer.add_document(entry)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()

    spent = timed(build)
    searcher = index.searcher()
    return spent, lambda query: searcher.search(index.parse_query(" ".join(query), ["words"]), 10).hits


def bm25s(texts: list[str]) -> tuple[float, Search]:
    """bm25s: every change builds the whole index again."""
    import bm25s as library

    index = library.BM25(method="lucene")
    spent = timed(lambda: index.index([text.split() for text in texts], show_progress=False))
    return spent, lambda query: index.retrieve([query], k=10, show_progress=False)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    arguments = parser.parse_args()
    texts = passages(arguments.passages)
    generator = np.random.default_rng(1)
    queries = [
        list(dict.fromkeys(generator.choice(texts[generator.integers(len(texts))].split(), 8).tolist()))
        for _ in range(40)
    ]
    median: dict[str, float] = {}
    for make in (ours, fts5, tantivy, bm25s):
        built, search = make(texts)
        search(queries[0])
        spent = [timed(lambda query=query, search=search: search(query)) for query in queries]
        median[make.__name__] = statistics.median(spent)
        print(
            f"{make.__name__}: built in {built:.1f} s; p50 {median[make.__name__] * 1e3:.2f} ms,"
            f" p99 {float(np.quantile(spent, 0.99)) * 1e3:.2f} ms",
            flush=True,
        )
    ratios = {f"ours_over_{name}": round(median["ours"] / value, 3) for name, value in median.items() if name != "ours"}
    print(json.dumps({"benchmark": "lexical", "ratios": ratios}))


if __name__ == "__main__":
    main()
