"""Making one ranking of several: pure functions over scores by candidate.

A *run* maps candidates to scores, higher being better; `Runs` are runs by the name of their origin ("dense",
"lexical", …). A fusion takes runs and gives one score to every candidate that occurs in any of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from mmrank.errors import InputError

Key = TypeVar("Key", bound=Hashable)
Run = Mapping[Key, float]
Runs = Mapping[str, Mapping[Key, float]]


class Fusion(Protocol):
    """One score for every candidate that occurs in any run."""

    def __call__(self, runs: Runs[Key]) -> dict[Key, float]:
        """Fuse."""
        ...


@dataclass(frozen=True, slots=True)
class WeightedZScore:
    """Standardise every run over its own candidates, then add them up by weight.

    A candidate that a run does not hold counts as that run's lowest: it was not found, so it is no better than the
    last that was. A run whose scores are all equal says nothing and adds 0.

    >>> fused = WeightedZScore()({"dense": {"a": 1.0, "b": 0.0}, "lexical": {"b": 5.0, "c": 3.0}})
    >>> sorted(fused.items())
    [('a', 0.0), ('b', 0.0), ('c', -2.0)]
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    """By origin; 1 where none is given."""

    def __call__(self, runs: Runs[Key]) -> dict[Key, float]:
        """Fuse."""
        fused = dict.fromkeys(_candidates(runs), 0.0)
        for origin, run in runs.items():
            scores = standardised(run)
            lowest = min(scores.values(), default=0.0)
            weight = self.weights.get(origin, 1.0)
            for key in fused:
                fused[key] += weight * scores.get(key, lowest)
        return fused


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    """Add up weight / (constant + rank), ranks counted from 1 (Cormack, Clarke and Büttcher, SIGIR 2009).

    Equal scores share the better rank; a candidate that a run does not hold gets nothing from it.

    >>> ReciprocalRank()({"dense": {"a": 0.9, "b": 0.7}, "lexical": {"b": 5.0}})["b"] == 1 / 62 + 1 / 61
    True
    """

    constant: float = 60.0
    weights: Mapping[str, float] = field(default_factory=dict)
    """By origin; 1 where none is given."""

    def __call__(self, runs: Runs[Key]) -> dict[Key, float]:
        """Fuse."""
        fused = dict.fromkeys(_candidates(runs), 0.0)
        for origin, run in runs.items():
            weight = self.weights.get(origin, 1.0)
            rank, before = 0, math.nan
            for place, (key, score) in enumerate(sorted(run.items(), key=lambda item: -item[1]), start=1):
                if score != before:
                    rank, before = place, score
                fused[key] += weight / (self.constant + rank)
        return fused


@dataclass(frozen=True, slots=True)
class Convex:
    """Scale every run to 0…1 and take their weighted mean (Bruch, Gai and Ingber, TOIS 2023).

    The scale of a run begins at its theoretical minimum, not at the lowest score seen: a list of nothing but good
    candidates stays one. With two runs, `weights={"dense": w, "lexical": 1 - w}`; `learn_convex` finds w.
    """

    weights: Mapping[str, float]
    floors: Mapping[str, float] = field(default_factory=lambda: {"dense": -1.0, "lexical": 0.0})
    """Theoretical minimum of an origin: cosine -1, BM25 0; the lowest score seen where none is given."""

    def __post_init__(self) -> None:
        if not self.weights or min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0:
            raise InputError(f"weights must not be negative and must not all be 0, got {dict(self.weights)}")

    def __call__(self, runs: Runs[Key]) -> dict[Key, float]:
        """Fuse."""
        fused = dict.fromkeys(_candidates(runs), 0.0)
        total = sum(self.weights.values())
        for origin, run in runs.items():
            low = self.floors.get(origin, min(run.values(), default=0.0))
            span = max(run.values(), default=low) - low
            if span <= 0:
                continue
            weight = self.weights.get(origin, 0.0) / total
            for key, score in run.items():
                fused[key] += weight * (score - low) / span
        return fused


def learn_convex(
    examples: Iterable[tuple[Runs[Key], Collection[Key]]],
    first: str = "dense",
    second: str = "lexical",
    steps: int = 50,
) -> Convex:
    """The convex weight of two origins that ranks the relevant candidates best, by mean nDCG@10.

    nDCG is a staircase in the weight: all of a grid are tried, and the middle of the longest best stretch is taken.

    Args:
        examples: for each query its runs and the candidates that are relevant.
        first: the origin whose weight is learnt.
        second: the other one, which gets the rest.
        steps: the grid has `steps + 1` weights from 0 to 1.

    Raises:
        InputError: when no example has a relevant candidate.
    """
    cases = [(runs, set(relevant)) for runs, relevant in examples if relevant]
    if not cases:
        raise InputError("there is nothing to learn from: no query has a relevant candidate")
    quality = []
    for step in range(steps + 1):
        fusion = Convex({first: step / steps, second: 1 - step / steps})
        quality.append(sum(_ndcg(fusion(runs), relevant) for runs, relevant in cases) / len(cases))
    best = max(quality)
    stretches: list[list[int]] = []
    for step, value in enumerate(quality):
        if value < best - 1e-12:
            continue
        if stretches and stretches[-1][-1] == step - 1:
            stretches[-1].append(step)
        else:
            stretches.append([step])
    longest = max(stretches, key=len)
    weight = (longest[0] + longest[-1]) / 2 / steps
    return Convex({first: weight, second: 1 - weight})


def standardised(run: Run[Key]) -> dict[Key, float]:
    """Z-scores of a run: mean 0, population deviation 1; zeros where all are equal."""
    if not run:
        return {}
    mean = math.fsum(run.values()) / len(run)
    deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in run.values()) / len(run))
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        return dict.fromkeys(run, 0.0)
    return {key: (score - mean) / deviation for key, score in run.items()}


def _candidates(runs: Runs[Key]) -> Iterable[Key]:
    return dict.fromkeys(key for run in runs.values() for key in run)


def _ndcg(scores: Run[Key], relevant: set[Key], cutoff: int = 10) -> float:
    # Ties count against the relevant ones, so that a weight gains nothing by making everything equal.
    order = sorted(scores, key=lambda key: (-scores[key], key in relevant))
    gain = sum(1 / math.log2(rank + 2) for rank, key in enumerate(order[:cutoff]) if key in relevant)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(cutoff, len(relevant))))
