"""Figures of a collection's ranking with weights that were fitted on other documents than they are judged on.

What is fitted: the weight of each kind of score of a document, and with it the weight of the document beside the page.
The weights of the pages' own signals are those that ship; `mmrank.evaluate.crossvalidation` judges them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmrank.collection import Collection
from mmrank.errors import InputError
from mmrank.evaluate.bootstrap import SEED
from mmrank.evaluate.collection_data import CollectionBenchmark, CollectionQuestion
from mmrank.evaluate.collection_eval import PAGES_KEPT, CollectionReport, Page, Response, score_responses
from mmrank.evaluate.crossvalidation import Judged, fit_weights
from mmrank.retrieve.documents import DOCUMENT_WEIGHTS
from mmrank.retrieve.pages import DOCUMENT_WEIGHT

STRENGTH = 0.01
"""See `mmrank.evaluate.crossvalidation.fit_weights`. Few questions name a kind or ask for the latest."""
OWN = "page"
"""Name of the column that holds what a page scores by itself. Its weight stays 1."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a benchmark: the pages that compete, and the scores they are ranked by.

    Attributes:
        benchmark: name of the benchmark.
        question: the question.
        pages: those that compete, (pages,).
        scores: (pages, 1 + kinds of scores of a document): what the page scores by itself, then its document's scores.
    """

    benchmark: str
    question: CollectionQuestion
    pages: tuple[Page, ...]
    scores: NDArray[np.float64]

    @property
    def judged(self) -> Judged:
        """For fitting."""
        return Judged(self.scores, tuple(at for at, page in enumerate(self.pages) if page in self.question.pages))


@dataclass(frozen=True, slots=True)
class CollectionFit:
    """Reports by benchmark, and the weights that were fitted without each part."""

    shipped: tuple[CollectionReport, ...]
    out_of_fold: tuple[CollectionReport, ...]
    across: tuple[CollectionReport, ...]
    """With weights fitted on the other benchmarks only; empty where there is one benchmark."""
    weights: Mapping[str, Mapping[str, float]]
    """By the part that was left out: the weight of each kind of score."""


def measure(benchmark: CollectionBenchmark, library: Collection) -> list[Asked]:
    """Ask every question, and keep the scores of the pages of the documents that were found."""
    asked = []
    for question in benchmark.questions:
        ranking = library.rank(question.text)
        if ranking is None:
            raise InputError(f"{benchmark.name} holds no document to ask")
        pool, documents = ranking.pool, ranking.documents
        rows = np.array(
            [[documents[one.document.id].scores[kind] for kind in DOCUMENT_WEIGHTS] for one in pool.documents]
        )
        own = ranking.scores - DOCUMENT_WEIGHT * ranking.signals["document"]
        names = [pool.documents[int(owner)].document.name for owner in pool.owner]
        pages = tuple((name, int(page)) for name, page in zip(names, pool.number, strict=True))
        asked.append(Asked(benchmark.name, question, pages, np.column_stack([own, rows[pool.owner]])))
    return asked


def cross_fit_collections(
    sets: Sequence[tuple[CollectionBenchmark, Sequence[Asked]]],
    *,
    folds: int = 5,
    seed: int = SEED,
    strength: float = STRENGTH,
) -> CollectionFit:
    """Answer each fold by weights fitted on the other folds of all benchmarks, and each benchmark by the others alone.

    Args:
        sets: benchmarks, each with what `measure` gave.
        folds: how many; documents, not questions, are dealt into them.
        seed: of the deal.
        strength: how strongly weights are kept near those that ship.

    Raises:
        InputError: when two benchmarks have one name, or there are fewer documents than folds.
    """
    names = [benchmark.name for benchmark, _ in sets]
    if len(set(names)) < len(names):
        raise InputError(f"two benchmarks are called {next(name for name in names if names.count(name) > 1)}")
    asked = [one for _, found in sets for one in found]
    fold_of = _folds(asked, folds, seed)
    start = np.array([1.0, *(DOCUMENT_WEIGHT * weight for weight in DOCUMENT_WEIGHTS.values())])
    weights: dict[str, NDArray[np.float64]] = {}

    parts = {f"fold {fold + 1}": [one for one in asked if fold_of[_group(one)] != fold] for fold in range(folds)}
    if len(sets) > 1:
        parts.update((name, [one for one in asked if one.benchmark != name]) for name in names)
    for part, chosen in parts.items():
        found = fit_weights([one.judged for one in chosen], start.tolist(), strength=strength)
        weights[part] = found / found[0]

    def reports(choose: Callable[[Asked], NDArray[np.float64]]) -> tuple[CollectionReport, ...]:
        return tuple(
            score_responses(benchmark, [_respond(one, choose(one)) for one in found]) for benchmark, found in sets
        )

    return CollectionFit(
        shipped=reports(lambda one: start),
        out_of_fold=reports(lambda one: weights[f"fold {fold_of[_group(one)] + 1}"]),
        across=reports(lambda one: weights[one.benchmark]) if len(sets) > 1 else (),
        weights={
            part: dict(zip([OWN, *DOCUMENT_WEIGHTS], map(float, found), strict=True)) for part, found in weights.items()
        },
    )


def _group(one: Asked) -> tuple[str, str]:
    return one.benchmark, min(one.question.documents)


def _folds(asked: Sequence[Asked], folds: int, seed: int) -> dict[tuple[str, str], int]:
    """The fold of each document; those of each benchmark are spread over all folds."""
    groups = sorted({_group(one) for one in asked})
    if not 2 <= folds <= len(groups):
        raise InputError(f"{len(groups)} documents cannot be split into {folds} folds")
    shuffled = [groups[at] for at in np.random.default_rng(seed).permutation(len(groups))]
    return {group: at % folds for at, group in enumerate(sorted(shuffled, key=lambda group: group[0]))}


def _respond(one: Asked, weights: NDArray[np.float64]) -> Response:
    order = np.argsort(-(one.scores @ weights), kind="stable")[:PAGES_KEPT]
    return Response(one.question.id, tuple(one.pages[at] for at in order))
