"""Weights of a document's scores, fitted on other documents than they are judged on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.evaluate.collection_crossvalidation import Asked, cross_fit_collections
from mmrank.evaluate.collection_data import CollectionBenchmark, CollectionQuestion
from mmrank.retrieve.documents import DOCUMENT_WEIGHTS

DOCUMENTS, PAGES = 6, 3


def benchmark_where(name: str, telling: str, seed: int) -> tuple[CollectionBenchmark, list[Asked]]:
    """A set in which one kind of score finds the right document and the others are noise."""
    noise = np.random.default_rng(seed)
    files = {f"{name}{at}.pdf": Path(f"{name}{at}.pdf") for at in range(DOCUMENTS)}
    pages = tuple((file, page) for file in files for page in range(PAGES))
    asked = []
    for number, file in enumerate([*files] * 3):
        question = CollectionQuestion(f"{number}", "?", frozenset({(file, 0)}))
        scores = noise.normal(size=(len(pages), 1 + len(DOCUMENT_WEIGHTS)))
        right = np.array([document == file for document, _ in pages])
        scores[:, 0] = [2.0 * (page == 0) for _, page in pages]
        scores[:, 1 + list(DOCUMENT_WEIGHTS).index(telling)] = np.where(right, 1.0, 0.0)
        asked.append(Asked(name, question, pages, scores))
    return CollectionBenchmark(name, files, tuple(one.question for one in asked)), asked


def test_what_tells_documents_apart_is_learned_from_other_documents() -> None:
    found = cross_fit_collections([benchmark_where("a", "latest", 1)], strength=0.0001)
    [shipped], [judged] = found.shipped, found.out_of_fold
    assert judged.figures["page recall@1"].value > shipped.figures["page recall@1"].value
    assert judged.figures["document first"].value > 0.8
    for weights in found.weights.values():
        assert weights["page"] == 1
        assert weights["latest"] == max(weights.values())
    assert found.across == ()


def test_a_set_is_also_judged_by_weights_of_the_other_sets() -> None:
    sets = [benchmark_where("a", "latest", 1), benchmark_where("b", "named", 2)]
    found = cross_fit_collections(sets, strength=0.0001)
    assert found.weights["a"]["named"] > found.weights["b"]["named"]
    assert [report.benchmark for report in found.across] == ["a", "b"]
    out_of_fold, across = (
        sum(report.figures["MRR"].value for report in made) for made in (found.out_of_fold, found.across)
    )
    assert out_of_fold > across


def test_folds_need_documents_and_sets_need_names() -> None:
    made = benchmark_where("a", "named", 1)
    with pytest.raises(InputError, match="6 documents cannot be split into 7 folds"):
        cross_fit_collections([made], folds=7)
    with pytest.raises(InputError, match="called a"):
        cross_fit_collections([made, made])
