"""BM25 over postings. The statistics are exact at every moment: they count the rows that are not removed.

Words are taken rarest first. As soon as the remaining words cannot lift a passage that was not seen yet into the
first k, only those seen are looked up in the remaining, longer postings (MaxScore; Turtle and Flood 1995). The result
is the same as that of scoring everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.index.postings import Postings
from mmrank.index.records import Level
from mmrank.lexical import idf

K1, B = 1.2, 0.75
LONG = 2048
"""For a word with fewer postings than this, scoring them all is cheaper than looking some of them up."""

FOUND = 1024
"""Words whose postings are remembered for each segment: a question looks each of its words up several times."""

Units = NDArray[np.int32]
Runs = Sequence[tuple[int, int]]


class WordsSegment:
    """Postings and the units they are counted in at each level: passages, or the documents they stand in."""

    def __init__(self, postings: Postings, alive: NDArray[np.bool_] | None) -> None:
        self.postings = postings
        self.alive = alive
        self._find = lru_cache(maxsize=FOUND)(postings.find)

    @cached_property
    def _document_starts(self) -> NDArray[np.int32]:
        """(documents,) first row of each document; a document's rows stand together."""
        numbers = self.postings.documents
        return np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]])).astype(np.int32)

    @cached_property
    def _document_ends(self) -> NDArray[np.int32]:
        return np.append(self._document_starts[1:], np.int32(len(self.postings.documents)))

    @cached_property
    def _owners(self) -> NDArray[np.int32]:
        starts = self._document_starts
        return np.repeat(np.arange(len(starts), dtype=np.int32), self._document_ends - starts)

    @cached_property
    def _document_lengths(self) -> NDArray[np.int64]:
        return np.add.reduceat(self.postings.lengths.astype(np.int64), self._document_starts)

    def size(self, level: Level) -> int:
        """How many units there are, also those of removed documents."""
        return len(self.postings.documents) if level == "passage" else len(self._document_starts)

    def lengths(self, level: Level) -> NDArray[Any]:
        """(units,) words of each."""
        return self.postings.lengths if level == "passage" else self._document_lengths

    def kept(self, level: Level) -> NDArray[np.bool_] | None:
        """(units,) False where it was removed; None where none was."""
        if self.alive is None or level == "passage":
            return self.alive
        return self.alive[self._document_starts]

    @cached_property
    def _totals(self) -> dict[Level, tuple[int, int]]:
        totals: dict[Level, tuple[int, int]] = {}
        for level in ("passage", "document"):
            kept, lengths = self.kept(level), self.lengths(level)
            count = len(lengths) if kept is None else int(kept.sum())
            totals[level] = (count, int(lengths.sum() if kept is None else lengths[kept].sum()))
        return totals

    def totals(self, level: Level) -> tuple[int, int]:
        """How many units are not removed, and how many words they hold."""
        return self._totals[level]

    def all(self, term: bytes, level: Level) -> tuple[Units, NDArray[Any]]:
        """The units, except removed ones, that hold a word, ascending, and how often each does."""
        rows, counts = self._find(term)
        if self.alive is not None and len(rows):
            alive = self.alive[rows]
            rows, counts = rows[alive], counts[alive]
        if level == "passage" or not len(rows):
            return rows, counts
        owners = self._owners[rows]
        first = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]]))
        return owners[first], np.add.reduceat(counts.astype(np.int64), first)

    def at(self, term: bytes, level: Level, units: Units) -> NDArray[Any]:
        """How often a word occurs in each of these units (ascending)."""
        rows, counts = self._find(term)
        found = np.zeros(len(units), np.int64)
        if not len(rows) or not len(units):
            return found
        if level == "passage":
            places = np.searchsorted(rows, units)
            places[places == len(rows)] = 0
            hit = rows[places] == units
            found[hit] = counts[places[hit]]
            return found
        begin = np.searchsorted(rows, self._document_starts[units])
        run = np.searchsorted(rows, self._document_ends[units]) - begin
        each = np.repeat(np.arange(len(units)), run)
        places = np.arange(len(each)) + np.repeat(begin - (np.cumsum(run) - run), run)
        return np.bincount(each, weights=counts[places], minlength=len(units)).astype(np.int64)

    def units(self, runs: Runs, level: Level) -> Units:
        """The units in runs (start, rows) of rows, ascending."""
        if level == "document":
            return self._owners[np.array([start for start, _ in runs], np.int64)]
        return np.concatenate([np.arange(start, start + rows, dtype=np.int32) for start, rows in runs])

    def places(self, units: NDArray[np.int64], level: Level) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """(document numbers, positions) of units."""
        rows = units if level == "passage" else self._document_starts[units]
        return self.postings.documents[rows], self.postings.positions[rows]


@dataclass(frozen=True)
class Words:
    """The words of one version of a collection: its segments, taken as one."""

    segments: Mapping[int, WordsSegment]
    _frequencies: dict[tuple[bytes, Level], int] = field(default_factory=dict)

    def frequency(self, term: bytes, level: Level) -> int:
        """In how many passages, or documents, that are not removed a word occurs."""
        key = (term, level)
        if key not in self._frequencies:
            if len(self._frequencies) > 100_000:
                self._frequencies.clear()
            self._frequencies[key] = sum(len(part.all(term, level)[0]) for part in self.segments.values())
        return self._frequencies[key]

    def search(
        self, words: Sequence[str], k: int, level: Level, allowed: Mapping[int, Runs] | None
    ) -> list[tuple[int, int, float]]:
        """The best (document number, position, BM25), best first; only those in which some word occurs.

        Each word counts once, however often the question holds it. `allowed` bounds the search to runs of rows of each
        segment; the statistics stay those of the whole collection.
        """
        totals = [segment.totals(level) for segment in self.segments.values()]
        units, length = sum(count for count, _ in totals), sum(words for _, words in totals)
        terms: list[tuple[float, bytes]] = []
        for term in {word.encode() for word in words}:
            frequency = self.frequency(term, level)
            if frequency:
                # Never negative: even a word that occurs everywhere counts a little.
                terms.append((idf(units, frequency), term))
        if not terms:
            return []
        terms.sort(key=lambda pair: (-pair[0], pair[1]))
        return _Search(self, level, length / units, terms, k).run(allowed)


class _Search:
    """One search: a score for each unit; the units of all segments are numbered in one row."""

    def __init__(self, words: Words, level: Level, mean: float, terms: Sequence[tuple[float, bytes]], k: int) -> None:
        self._level: Level = level
        self._mean = mean
        self._terms = terms
        self._k = k
        self._words = words

    def run(self, allowed: Mapping[int, Runs] | None) -> list[tuple[int, int, float]]:
        parts: list[WordsSegment] = []
        bounds: list[Units | None] = []
        for number, segment in self._words.segments.items():
            if allowed is None:
                parts.append(segment)
                bounds.append(None)
            elif number in allowed:
                parts.append(segment)
                bounds.append(segment.units(allowed[number], self._level))
        if not parts:
            return []
        self._parts = parts
        self._bases = np.concatenate([[0], np.cumsum([part.size(self._level) for part in parts])])
        if allowed is None:
            seen, scores, done = self._accumulate()
        else:
            seen = np.concatenate(
                [base + units for base, units in zip(self._bases, bounds, strict=False) if units is not None]
            )
            scores, done = np.zeros(len(seen)), 0
        seen, scores = self._look_up(seen, scores, done)
        return self._best(seen, scores)

    def _gain(self, part: WordsSegment, units: Units, counts: NDArray[Any], weight: float) -> NDArray[np.float64]:
        lengths = part.lengths(self._level)[units]
        return weight * (K1 + 1) * counts / (counts + K1 * (1 - B + B * lengths / self._mean))

    def _accumulate(self) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        """Score everything, word after word, until no unseen unit can matter any more."""
        scores = np.zeros(int(self._bases[-1]))
        for done, (weight, term) in enumerate(self._terms):
            if done and self._words.frequency(term, self._level) > LONG:
                seen = np.flatnonzero(scores)
                if len(seen) >= self._k:
                    threshold = np.partition(scores[seen], -self._k)[-self._k]
                    if self._rest(done) < threshold:
                        return seen, scores[seen], done
            for part, base in zip(self._parts, self._bases, strict=False):
                units, counts = part.all(term, self._level)
                if len(units):
                    scores[base : base + part.size(self._level)][units] += self._gain(part, units, counts, weight)
        seen = np.flatnonzero(scores)
        return seen, scores[seen], len(self._terms)

    def _look_up(
        self, seen: NDArray[np.int64], scores: NDArray[np.float64], done: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Add the remaining words to the units seen, dropping those that cannot reach the first k."""
        for at in range(done, len(self._terms)):
            if len(seen) > self._k:
                threshold = np.partition(scores, -self._k)[-self._k]
                hopeful = scores + self._rest(at) >= threshold
                seen, scores = seen[hopeful], scores[hopeful]
            weight, term = self._terms[at]
            cuts = np.searchsorted(seen, self._bases)
            for part, base, begin, end in zip(self._parts, self._bases, cuts, cuts[1:], strict=False):
                units = (seen[begin:end] - base).astype(np.int32)
                counts = part.at(term, self._level, units)
                scores[begin:end] += self._gain(part, units, counts, weight)
        return seen, scores

    def _rest(self, done: int) -> float:
        """What the words from `done` on can add at most."""
        return sum(weight for weight, _ in self._terms[done:]) * (K1 + 1)

    def _best(self, seen: NDArray[np.int64], scores: NDArray[np.float64]) -> list[tuple[int, int, float]]:
        positive = scores > 0
        seen, scores = seen[positive], scores[positive]
        if len(seen) > self._k:  # keep all ties of the last one: they are put in order below
            keep = scores >= np.partition(scores, -self._k)[-self._k]
            seen, scores = seen[keep], scores[keep]
        cuts = np.searchsorted(seen, self._bases)
        documents, positions = np.empty(len(seen), np.int64), np.empty(len(seen), np.int64)
        for part, base, begin, end in zip(self._parts, self._bases, cuts, cuts[1:], strict=False):
            documents[begin:end], positions[begin:end] = part.places(seen[begin:end] - base, self._level)
        order = np.lexsort((positions, documents, -scores))[: self._k]
        return list(zip(documents[order].tolist(), positions[order].tolist(), scores[order].tolist(), strict=True))
