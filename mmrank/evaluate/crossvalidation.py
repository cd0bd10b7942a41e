"""Choosing among settings without looking at the answers that judge the choice.

Documents, not questions, are dealt into folds: questions of one document share its pages. For each fold the setting
that is best on the other folds answers it; the answers of all folds together are an out-of-fold run, which
`score` reads as any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Benchmark
from mmrank.evaluate.bootstrap import SEED
from mmrank.evaluate.report import question_values
from mmrank.evaluate.runs import Answered


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """The out-of-fold run, and which setting was chosen for each fold."""

    run: tuple[Answered, ...]
    chosen: tuple[str, ...]


def document_folds(benchmark: Benchmark, folds: int = 5, seed: int = SEED) -> dict[str, int]:
    """The fold of each document, by name. Folds hold about as many documents each, and every domain is spread.

    Raises:
        InputError: for fewer than 2 folds, or more folds than documents.
    """
    if not 2 <= folds <= len(benchmark.papers):
        raise InputError(f"{len(benchmark.papers)} documents cannot be dealt into {folds} folds")
    shuffled = np.random.default_rng(seed).permutation(len(benchmark.papers))
    dealt = sorted((benchmark.papers[at] for at in shuffled), key=lambda paper: paper.domain)
    return {paper.name: position % folds for position, paper in enumerate(dealt)}


def cross_validate(
    runs: Mapping[str, Sequence[Answered]],
    benchmark: Benchmark,
    *,
    measures: Sequence[str] = ("page_recall@1", "page_recall@3", "page_recall@5"),
    folds: int = 5,
    seed: int = SEED,
) -> OutOfFold:
    """Answer each fold by the setting that is best on the others.

    Args:
        runs: the answers of each setting to the whole benchmark, by the setting's name. Of equals the first wins,
            so put the plainest first.
        benchmark: what was asked.
        measures: "best" is the highest mean of their micro means.
        folds: how many.
        seed: of the dealing.

    Raises:
        InputError: without runs, when one does not answer exactly the benchmark's questions, or for an unknown measure.
    """
    if not runs:
        raise InputError("cross-validation needs the runs of at least one setting")
    fold_of = document_folds(benchmark, folds, seed)
    asked = list(benchmark.questions())
    fold = np.array([fold_of[paper.name] for paper, _ in asked])
    values = {}
    for name, run in runs.items():
        columns = question_values(run, benchmark)
        unknown = [measure for measure in measures if measure not in columns]
        if unknown:
            raise InputError(f"unknown measure {unknown[0]!r}; there are: {', '.join(columns)}")
        values[name] = np.mean([columns[measure] for measure in measures], axis=0)
    chosen = tuple(max(values, key=lambda name: float(values[name][fold != part].mean())) for part in range(folds))
    answers = {name: {(a.document, a.question): a for a in run} for name, run in runs.items()}
    picked = tuple(answers[chosen[fold_of[paper.name]]][paper.name, question.index] for paper, question in asked)
    return OutOfFold(picked, chosen)
