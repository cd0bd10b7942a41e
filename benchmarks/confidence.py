"""Fit and judge the confidence of hits (`mmrank.retrieve.confidence`).

    python benchmarks/confidence.py DIR [DIR …] [--elsewhere QUESTIONS.jsonl] [--rows rows.json]

Each DIR is a folder as `mmrank eval evidence` takes it. Its questions are asked to their documents and to its
collection, where a page is right when it is gold. Then every folder's questions, and those of the JSONL file (key
"query"), are asked to the collections of the other folders, where no page is right.

Prints out-of-fold figures (five folds, by documents): expected calibration error, AUROC of right first pages and of
questions with an answer, the reliability curve, and what a threshold costs; then the constants, fitted on everything.
With --rows the measures are kept in a file, and read from it where it is there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmrank.cache import cache_folder
from mmrank.collection import Collection
from mmrank.evaluate.collection_data import load_collection_benchmark
from mmrank.evaluate.collection_eval import kept_collection
from mmrank.evaluate.evidence_eval import EvidenceQuestion, load_evidence_questions
from mmrank.retrieve.confidence import MEASURES, measures
from mmrank.retrieve.evidence import word_matcher
from mmrank.retrieve.pages import PageRanking

RANKS = (0, 1, 2, 4, 9)
"""Pages of each ranking that are used."""
ELSEWHERE = 150
"""Questions of the JSONL file that each collection is asked, evenly spread."""
FOLDS = 5
GIVEN = "document given"
STRENGTH = 1.0
"""Of the penalty on squared weights."""
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


@dataclass(frozen=True, slots=True)
class Row:
    """One page of one ranking. `group` is what is kept together in a fold; `set` names where the question was asked."""

    set: str
    group: str
    question: str
    rank: int
    measured: list[float]
    right: bool
    answerable: bool


def main() -> None:
    """Measure, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--elsewhere", type=Path)
    parser.add_argument("--rows", type=Path)
    asked = parser.parse_args()
    if asked.rows is not None and asked.rows.is_file():
        rows = [Row(**row) for row in json.loads(asked.rows.read_text("utf-8"))]
    else:
        rows = list(collect(asked.folders, asked.elsewhere))
        if asked.rows is not None:
            asked.rows.write_text(json.dumps([asdict(row) for row in rows]), "utf-8")
    report(rows)


def collect(folders: Sequence[Path], elsewhere: Path | None) -> Iterator[Row]:
    """Rows of all folders."""
    cache = cache_folder("evaluate")
    questions = {folder: load_evidence_questions(folder, cache=cache) for folder in folders}
    strange = (
        []
        if elsewhere is None
        else [json.loads(line)["query"] for line in elsewhere.read_text("utf-8").split("\n") if line]
    )
    strange = [strange[at * len(strange) // ELSEWHERE] for at in range(ELSEWHERE)] if strange else []
    for folder in folders:
        name = folder.resolve().name
        with kept_collection(load_collection_benchmark(folder, cache=cache), cache) as library:
            own = sorted(questions[folder], key=lambda one: one.document)
            for one in own:
                ranking = library.rank_document(one.document, one.text)
                yield from rows_of(f"{name}, {GIVEN}", one.document, one.text, ranking, one)
            for one in own:
                if one.pooled:
                    yield from asked_collection(library, name, one.document, one.text, one)
            others = [
                (one.document, one.text)
                for other in folders
                if other != folder
                for one in questions[other]
                if one.pooled
            ]
            for group, text in [*others, *((f"elsewhere {at // 10}", text) for at, text in enumerate(strange))]:
                yield from asked_collection(library, f"{name}, unanswerable", group, text, None)


def asked_collection(
    library: Collection, name: str, group: str, text: str, one: EvidenceQuestion | None
) -> Iterator[Row]:
    """The pages of a search over the collection."""
    ranking = library._pipeline.rank(text, k=10)
    if ranking is not None:
        yield from rows_of(name, group, text, ranking, one)


def rows_of(name: str, group: str, text: str, ranking: PageRanking, one: EvidenceQuestion | None) -> Iterator[Row]:
    """The pages of one ranking."""
    order = [int(at) for at in ranking.order()]
    ranks = [rank for rank in RANKS if rank < len(order)]
    pages = [order[rank] for rank in ranks]
    measured = measures(ranking, word_matcher(ranking.question, ranking.pool), pages)
    pool = ranking.pool
    for rank, at, values in zip(ranks, pages, measured, strict=True):
        document = pool.documents[int(pool.owner[at])].document.name
        right = one is not None and document == one.document and int(pool.number[at]) in one.pages
        yield Row(name, group, text, rank, values.tolist(), right, one is not None)


def report(rows: Sequence[Row]) -> None:
    """Figures out of fold, then constants."""
    x = np.array([row.measured for row in rows])
    y = np.array([float(row.right) for row in rows])
    share = balance(rows)
    groups = sorted({row.group for row in rows})
    fold = np.random.default_rng(0).permutation(len(groups)) % FOLDS
    folds = np.array([fold[groups.index(row.group)] for row in rows])
    guessed = np.zeros(len(rows))
    for held in range(FOLDS):
        inside = folds != held
        guessed[~inside] = predict(x[~inside], fit(x[inside], y[inside], share[inside]))
    first = np.array([row.rank == 0 for row in rows])
    answerable = np.array([row.answerable for row in rows])
    print(f"{first.sum()} rankings, {len(rows)} pages; out of fold:")
    for name, chosen in (("first pages", first), ("all pages", first | True)):
        error = calibration_error(guessed[chosen], y[chosen], share[chosen])
        print(f"{name}: ECE {error:.3f}, AUROC of right pages {auroc(guessed[chosen], y[chosen]):.3f}")
    print(f"AUROC of questions with an answer: {auroc(guessed[first], answerable[first]):.3f}")
    collection = first & np.array([GIVEN not in row.set for row in rows])
    print(f"  asked to a collection: {auroc(guessed[collection], answerable[collection]):.3f}")
    print("first pages by set: mean confidence, share right, questions")
    for name in dict.fromkeys(row.set for row in rows):
        of = first & np.array([row.set == name for row in rows])
        print(f"  {name}: {guessed[of].mean():.3f} {y[of].mean():.3f} {of.sum()}")
    print("reliability of first pages: confidence, share right, questions")
    for low in np.arange(0, 1, 0.1):
        of = first & (guessed >= low) & (guessed < low + 0.1 + 1e-12 * (low > 0.85))
        if of.any():
            mean, right = (np.average(values[of], weights=share[of]) for values in (guessed, y))
            print(f"  {low:.1f} to {low + 0.1:.1f}: {mean:.3f} {right:.3f} {of.sum()}")
    print("threshold: answerable questions below it (those with the right first page), unanswerable ones above it")
    for threshold in THRESHOLDS:
        below = guessed < threshold
        alarms, right = below[collection & answerable].mean(), below[collection & answerable & (y > 0)].mean()
        print(f"  {threshold:.2f}: {alarms:.3f} ({right:.3f}), {1 - below[collection & ~answerable].mean():.3f}")
    constants = fit(x, y, share)
    print(f"BIAS = {constants[0]:.3f}")
    print(json.dumps({name: round(float(w), 3) for name, w in zip(MEASURES, constants[1:], strict=True)}))


def balance(rows: Sequence[Row]) -> NDArray[np.float64]:
    """Weight of each row.

    The first page of a ranking counts as much as the others together, and the questions that a collection cannot
    answer as much as those that it can: how often people ask in vain is not known.
    """
    share = np.array([1.0 if row.rank == 0 else 1 / (len(RANKS) - 1) for row in rows])
    asked = np.array([GIVEN not in row.set for row in rows])
    vain = np.array([not row.answerable for row in rows])
    share[vain] *= share[asked & ~vain].sum() / share[vain].sum()
    return share


def fit(x: NDArray[np.float64], y: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic regression by Newton's method: the bias, then a weight per measure."""
    rows = np.column_stack([np.ones(len(x)), x])
    penalty = np.diag([0.0, *[STRENGTH] * x.shape[1]])
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        guessed = 1 / (1 + np.exp(-rows @ weights))
        gradient = rows.T @ (share * (guessed - y)) + penalty @ weights
        curvature = (rows * (share * guessed * (1 - guessed))[:, None]).T @ rows + penalty
        weights -= np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), gradient)
    return weights


def predict(x: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities."""
    return 1 / (1 + np.exp(-(x @ weights[1:] + weights[0])))


def calibration_error(
    guessed: NDArray[np.float64], right: NDArray[np.float64], share: NDArray[np.float64], bins: int = 10
) -> float:
    """Expected calibration error over bins of equal width (Naeini et al. 2015)."""
    place = np.minimum((guessed * bins).astype(int), bins - 1)
    return float(sum(abs((share * (guessed - right))[place == b].sum()) for b in range(bins)) / share.sum())


def auroc(guessed: NDArray[np.float64], positive: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    """Probability that a positive one is above a negative one; ties count half."""
    truth = positive.astype(bool)
    above = np.sign(guessed[truth][:, None] - guessed[~truth][None, :])
    return float((above.mean() + 1) / 2)


if __name__ == "__main__":
    main()
