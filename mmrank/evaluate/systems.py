"""What is evaluated: anything that ranks the pages of one document for a question."""

from __future__ import annotations

from collections.abc import Mapping
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
class Ranking:
    """A system's answer to one question. `layouts` come best first; `stage` says what gave the scores, if known."""

    page_scores: tuple[float, ...]
    """One a page of the document, higher for better; equal scores fall back to the order of the pages."""
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

    def rank(self, document: str, question: str) -> Ranking:
        """Rank the pages of one of the prepared documents."""
        ...
