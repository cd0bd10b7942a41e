"""Figures of the ranking with weights that were fitted on other documents than they are judged on.

Documents, not questions, are split into folds: questions of one document share its pages. For each fold the weights of
the signals are fitted on the other folds; the answers of all folds together are an out-of-fold run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Benchmark
from mmrank.evaluate.bootstrap import SEED
from mmrank.evaluate.evaluation import Evaluation, evaluate
from mmrank.evaluate.protocol import System, SystemRanking
from mmrank.evaluate.report import Report, score
from mmrank.evaluate.run_files import Answered

STRENGTH = 0.001
"""How strongly weights are kept near their start: the loss adds this times the squared relative distance from it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One question's pages: the value of each signal, and which are right.

    Attributes:
        signals: (pages, signals).
        gold: rows that are right.
    """

    signals: NDArray[np.float64]
    gold: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """The out-of-fold figures, and the weights that were fitted without each fold."""

    evaluation: Evaluation
    weights: tuple[Mapping[str, float], ...]

    @property
    def report(self) -> Report:
        """The figures."""
        return self.evaluation.report


class SignalSystem(System, Protocol):
    """A system whose page scores are a weighted sum of signals."""

    def signals(self, document: str, question: str) -> Mapping[str, NDArray[np.float64]]:
        """The value of each signal for each page of a prepared document, (pages,) each."""
        ...


def document_folds(benchmark: Benchmark, folds: int = 5, seed: int = SEED) -> dict[str, int]:
    """The fold of each document, by name. Folds hold about as many documents each, and every domain is spread.

    Raises:
        InputError: for fewer than 2 folds, or more folds than documents.
    """
    if not 2 <= folds <= len(benchmark.papers):
        raise InputError(f"{len(benchmark.papers)} documents cannot be split into {folds} folds")
    shuffled = np.random.default_rng(seed).permutation(len(benchmark.papers))
    by_domain = sorted((benchmark.papers[at] for at in shuffled), key=lambda paper: paper.domain)
    return {paper.name: position % folds for position, paper in enumerate(by_domain)}


def fit_weights(judged: Sequence[Judged], start: Sequence[float], *, strength: float = STRENGTH) -> NDArray[np.float64]:
    """Weights under which the right pages are most probable (softmax over a question's pages), near those given.

    Args:
        judged: questions; one without a right page that can be found is left out.
        start: (signals,), the weights to begin with and to stay near; none is 0.
        strength: how strongly they are kept near the start.

    Returns:
        (signals,).
    """
    from scipy.optimize import minimize

    prior = np.asarray(start, dtype=np.float64)
    usable = [question for question in judged if question.gold]

    def loss(factors: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = 0.0, np.zeros_like(factors)
        for question in usable:
            scaled = question.signals * prior  # (pages, signals)
            scores = scaled @ factors
            scores -= scores.max()
            probabilities = np.exp(scores) / np.exp(scores).sum()
            gold = list(question.gold)
            value -= float(np.log(probabilities[gold]).mean())
            slope -= scaled[gold].mean(axis=0) - probabilities @ scaled
        count = max(len(usable), 1)
        away = factors - 1.0
        return value / count + strength * float(away @ away), slope / count + 2 * strength * away

    found = minimize(loss, np.ones_like(prior), jac=True, method="L-BFGS-B")
    return np.asarray(found.x * prior, dtype=np.float64)


def cross_fit(
    system: SignalSystem,
    benchmark: Benchmark,
    weights: Mapping[str, float],
    *,
    folds: int = 5,
    seed: int = SEED,
    strength: float = STRENGTH,
) -> OutOfFold:
    """Answer each fold by weights fitted on the others.

    Args:
        system: gives signals; the order of the layouts stays its own.
        benchmark: what is asked.
        weights: where fitting starts, by signal.
        folds: how many.
        seed: of the split.
        strength: see `fit_weights`.

    Raises:
        InputError: when the folds cannot be made.
    """
    fold_of = document_folds(benchmark, folds, seed)
    asked = evaluate(system, benchmark)
    names = list(weights)
    judged = {}
    for paper, question in benchmark.questions():
        signals = system.signals(paper.name, question.text)
        pages = np.stack([signals[name] for name in names], axis=1)
        judged[paper.name, question.index] = Judged(pages, _found(question.pages, len(pages)))
    fitted = [
        fit_weights(
            [found for (name, _), found in judged.items() if fold_of[name] != part],
            list(weights.values()),
            strength=strength,
        )
        for part in range(folds)
    ]
    run = tuple(_answered(old, judged[old.document, old.question], fitted[fold_of[old.document]]) for old in asked.run)
    report = score(run, benchmark, system=f"{system.name}, weights fitted out of fold", seconds=asked.report.seconds)
    return OutOfFold(Evaluation(run, report), tuple(dict(zip(names, map(float, one), strict=True)) for one in fitted))


def _found(pages: Collection[int], count: int) -> tuple[int, ...]:
    return tuple(sorted(page for page in pages if page < count))


def _answered(old: Answered, judged: Judged, weights: NDArray[np.float64]) -> Answered:
    scores = tuple(map(float, judged.signals @ weights))
    return replace(old, ranking=SystemRanking(scores, old.ranking.layouts, "out of fold"))
