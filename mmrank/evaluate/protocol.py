"""What is evaluated: anything that ranks the pages of one document, or documents, for a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mmrank.types import BBox


@dataclass(frozen=True, slots=True)
class Layout:
    """A spot that a system returns: a box on a page (0-based, points of the shown page) and its score."""

    page: int
    box: BBox
    score: float


@dataclass(frozen=True, slots=True)
class SystemRanking:
    """A system's answer to one question. `layouts` come best first; `stage` names what gave the scores, if known."""

    page_scores: tuple[float, ...]
    """One per page of the document, higher for better; equal scores fall back to the order of the pages."""
    layouts: tuple[Layout, ...] = ()
    stage: str = ""


class System(Protocol):
    """A way of finding pages.

    Every implementation promises: the same input gives the same ranking; a question is ranked on its own, knowing
    neither the other questions nor any gold; a document that cannot be read raises `MmrankError` from `rank`, for
    that document's questions only.
    """

    @property
    def name(self) -> str:
        """What it is called in reports."""
        ...

    def prepare(self, documents: Mapping[str, Path]) -> None:
        """Read and index the documents, by name. Called once, before any question."""
        ...

    def rank(self, document: str, question: str) -> SystemRanking:
        """Rank the pages of one of the prepared documents."""
        ...


Setting = tuple[str, Callable[[], System]]
"""One row of an ablation: its name, and what makes its system."""

DocumentRanker = Callable[[str], Sequence[str]]
"""A question to the names of documents, best first."""
