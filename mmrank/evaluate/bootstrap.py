"""Means over questions and over domains, with bootstrap intervals.

Questions about one document succeed and fail together, so documents are drawn with replacement, not
questions: the interval is about other documents of the same kind. Every measure of one `Sample` uses the same
draws, and so do two systems on the same questions, which makes their differences paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError

Values = NDArray[np.float64]

DRAWS = 2000
SEED = 20250107


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean with its 95 % interval, and over how many questions."""

    value: float
    low: float
    high: float
    questions: int


class Sample:
    """The questions that figures are about, by the document and the domain of each.

    Args:
        documents: one name per question.
        domains: one per question; all questions of a document share it.
        draws: bootstrap draws.
        seed: of the draws; equal samples and seeds give equal intervals.

    >>> sample = Sample(["a", "a", "b"], ["law", "law", "news"])
    >>> values = [1.0, 0.5, 0.0]
    >>> sample.micro(values).value, sample.macro(values).value
    (0.5, 0.375)
    """

    def __init__(
        self, documents: Sequence[str], domains: Sequence[str], *, draws: int = DRAWS, seed: int = SEED
    ) -> None:
        if not documents or len(documents) != len(domains):
            raise InputError(f"a sample needs questions, got {len(documents)} documents and {len(domains)} domains")
        names = list(dict.fromkeys(documents))
        self._document = np.array([names.index(name) for name in documents])
        self._domains = list(dict.fromkeys(domains))
        self._domain = np.array([self._domains.index(name) for name in domains])
        rng = np.random.default_rng(seed)
        # How often each document is drawn, (draws, documents).
        self._weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(float)

    def __len__(self) -> int:
        return len(self._document)

    def micro(self, values: Sequence[float] | Values) -> Figure:
        """Mean over the questions."""
        return self._figure(np.asarray(values, dtype=float), np.zeros(len(self), dtype=int))

    def macro(self, values: Sequence[float] | Values) -> Figure:
        """Mean over the domains that occur, of the mean over the questions of each."""
        return self._figure(np.asarray(values, dtype=float), self._domain)

    def _figure(self, values: Values, groups: NDArray[np.int_]) -> Figure:
        if values.shape != (len(self),):
            raise InputError(f"{len(values)} values were given for {len(self)} questions")
        shape = (self._weights.shape[1], int(groups.max()) + 1)
        sums, counts = np.zeros(shape), np.zeros(shape)  # (documents, groups)
        np.add.at(sums, (self._document, groups), values)
        np.add.at(counts, (self._document, groups), 1)
        value = float((sums.sum(0) / counts.sum(0)).mean())
        drawn = self._weights @ counts  # (draws, groups)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.nanmean(np.where(drawn > 0, (self._weights @ sums) / drawn, np.nan), axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        return Figure(value, float(low), float(high), len(self))


def micro_figures(rows: Sequence[tuple[str, Mapping[str, float]]]) -> dict[str, Figure]:
    """The mean of each measure over the questions that have it.

    Args:
        rows: per question its document, and its measures by name.
    """
    found: dict[str, Figure] = {}
    for name in dict.fromkeys(name for _, row in rows for name in row):
        kept = [(document, row[name]) for document, row in rows if name in row]
        sample = Sample([document for document, _ in kept], [""] * len(kept))
        found[name] = sample.micro([value for _, value in kept])
    return found
