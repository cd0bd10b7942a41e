"""Benchmarks: documents, questions, and their gold pages and boxes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmrank.errors import InputError
from mmrank.types import BBox


@dataclass(frozen=True, slots=True)
class Region:
    """A box on a page (0-based), in points of the shown page."""

    page: int
    box: BBox


@dataclass(frozen=True, slots=True)
class BenchmarkQuestion:
    """One question about one document. `index` counts the questions of the document from 0."""

    document: str
    index: int
    text: str
    answer: str
    pages: frozenset[int]
    """Gold pages, 0-based. They may lie beyond the pages that the file has; then they cannot be found."""
    regions: tuple[Region, ...]
    """Gold boxes."""
    kinds: tuple[str, ...]
    """The kinds of element that hold the evidence, as the benchmark names it ("Table", "Chart", …)."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One document of a benchmark. `page_sizes` holds (width, height) in points, one per page."""

    name: str
    domain: str
    path: Path
    page_sizes: tuple[tuple[float, float], ...]
    questions: tuple[BenchmarkQuestion, ...]

    @property
    def page_count(self) -> int:
        """How many pages the file has: the candidates."""
        return len(self.page_sizes)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Documents with their questions. `notes` lists what is unusual in the data."""

    name: str
    papers: tuple[Paper, ...]
    notes: tuple[str, ...] = ()

    def questions(self) -> Iterator[tuple[Paper, BenchmarkQuestion]]:
        """Every question with its document, in order."""
        for paper in self.papers:
            for question in paper.questions:
                yield paper, question

    def __len__(self) -> int:
        return sum(len(paper.questions) for paper in self.papers)

    def limited(self, limit: int) -> Benchmark:
        """This many questions, evenly spread over all; documents left without a question are dropped.

        Raises:
            InputError: for a limit below 1.
        """
        if limit < 1:
            raise InputError(f"the limit must be at least 1 question, got {limit}")
        total = len(self)
        if limit >= total:
            return self
        keys = [(paper.name, question.index) for paper, question in self.questions()]
        note = f"{limit} of {total} questions, evenly spread"
        return self.restricted({keys[at * total // limit] for at in range(limit)}, note)

    def restricted(self, keys: Collection[tuple[str, int]], note: str) -> Benchmark:
        """The questions of these documents and indices only; `note` says which they are."""
        papers = [
            replace(paper, questions=tuple(q for q in paper.questions if (paper.name, q.index) in keys))
            for paper in self.papers
        ]
        return Benchmark(self.name, tuple(paper for paper in papers if paper.questions), (*self.notes, note))
