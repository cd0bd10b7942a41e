"""What the fast precision of the embedded encoder costs: page recall@5 on MMDocIR in it and in float32.

    python benchmarks/encode_quality.py ../shared/mmdocir --cache work/cache [--documents N]

Each page scores as its best passage. Takes the N documents with the fewest pages (all by default).
Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import numpy as np

from mmrank.encoders.minilm import MiniLM
from mmrank.evaluate.benchmark import Paper
from mmrank.evaluate.metrics import order, recall
from mmrank.evaluate.mmdocir import load_mmdocir
from mmrank.ingest import read_documents
from mmrank.types import Document, Query


def recalls(encoder: MiniLM, paper: Paper, document: Document) -> list[float]:
    """Recall@5 of each question of one document."""
    scores = (
        encoder.encode_queries([Query(one.text) for one in paper.questions])
        @ encoder.encode_passages(document.passages).T
    )
    found = []
    for question, row in zip(paper.questions, scores, strict=True):
        pages = np.full(paper.page_count, -np.inf)
        np.maximum.at(pages, [passage.page for passage in document.passages], row)
        found.append(recall(order(pages.tolist()), question.pages, 5))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="where read documents are kept")
    parser.add_argument("--documents", type=int, default=None)
    arguments = parser.parse_args()
    papers = sorted(load_mmdocir(arguments.data, cache=arguments.cache).papers, key=lambda paper: paper.page_count)
    by_name = {paper.name: paper for paper in papers[: arguments.documents]}
    files = [(paper.path, name) for name, paper in by_name.items()]
    encoders = {"fast": MiniLM(device="cpu"), "float32": MiniLM(device="cpu", dtype="float32")}
    found: dict[str, list[float]] = {name: [] for name in encoders}
    for outcome in read_documents(files, cache=arguments.cache / "documents"):
        if outcome.document is None:
            raise SystemExit(f"{outcome.name}: {outcome.error}")
        for name, encoder in encoders.items():
            found[name] += recalls(encoder, by_name[outcome.name], outcome.document)
    means = {name: statistics.mean(values) for name, values in found.items()}
    changed = sum(one != other for one, other in zip(*found.values(), strict=True))
    print(f"{len(by_name)} documents, {len(found['fast'])} questions, {changed} with another recall@5")
    for name, value in means.items():
        print(f"page recall@5 in {encoders[name].info.dtype:9} {value:.4f}")
    print(
        json.dumps(
            {"benchmark": "encode_quality", "ratios": {"recall_at_5_vs_float32": means["fast"] / means["float32"]}}
        )
    )


if __name__ == "__main__":
    main()
