"""What is asked, and what is right: documents, questions and their gold pages and boxes."""

from __future__ import annotations

from collections.abc import Iterator
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
class Question:
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
    """Where the evidence stands, as the benchmark names it ("Table", "Chart", …)."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One document of a benchmark. `page_sizes` holds (width, height) in points, one a page."""

    name: str
    domain: str
    path: Path
    page_sizes: tuple[tuple[float, float], ...]
    questions: tuple[Question, ...]

    @property
    def page_count(self) -> int:
        """How many pages the file has: the candidates."""
        return len(self.page_sizes)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Documents with their questions. `notes` says what was odd in the data."""

    name: str
    papers: tuple[Paper, ...]
    notes: tuple[str, ...] = ()

    def questions(self) -> Iterator[tuple[Paper, Question]]:
        """Every question with its document, in order."""
        for paper in self.papers:
            for question in paper.questions:
                yield paper, question

    def __len__(self) -> int:
        return sum(len(paper.questions) for paper in self.papers)

    def limited(self, limit: int) -> Benchmark:
        """The first questions only; documents left without a question are dropped.

        Raises:
            InputError: for a limit below 1.
        """
        if limit < 1:
            raise InputError(f"the limit must be at least 1 question, got {limit}")
        papers: list[Paper] = []
        left = limit
        for paper in self.papers:
            kept = paper.questions[:left]
            if kept:
                papers.append(replace(paper, questions=kept))
            left -= len(kept)
        if limit >= len(self):
            return self
        note = f"only the first {limit} of {len(self)} questions"
        return Benchmark(self.name, tuple(papers), (*self.notes, note))
