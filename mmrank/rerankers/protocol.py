"""What a reranker is: it turns a query and candidates into a ranking with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from mmrank.types import Candidate, Query


class AnswerStatus(StrEnum):
    """How a model's answer could be read: as it stands, after repair, or not at all."""

    COMPLETE = "complete"
    REPAIRED = "repaired"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A candidate in its new place. `score` is comparable within one ranking only."""

    candidate: Candidate
    score: float
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates best first, and what the ranking cost.

    `statuses` has one entry per answer of a language model, written or by label (empty where none was asked).
    """

    items: tuple[RankedCandidate, ...]
    stage: str
    statuses: tuple[AnswerStatus, ...] = ()
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Habits:
    """How a reranker of pages is used where the settings do not say.

    Attributes:
        unit: what it reads of a page: passages one by one, the page as text, or its picture.
        depth: pages that it reads.
        shown: all pages that are shown are read, however many.
        confidence: it is not asked where retrieval's confidence in its first page is at least this; 1 asks always.
    """

    unit: Literal["passage", "page", "picture"] = "passage"
    depth: int = 10
    shown: bool = True
    confidence: float = 1.0


def habits_of(reranker: Reranker) -> Habits:
    """The reranker's own attribute `habits`, or those of most."""
    return getattr(reranker, "habits", None) or Habits()


@runtime_checkable
class Reranker(Protocol):
    """Every implementation promises: each candidate comes back exactly once; no candidates give an empty ranking.

    A reranker whose model cannot read a candidate's parts raises `InputError` and names what it cannot read; it never
    ranks a candidate that holds nothing but pictures which it cannot read.
    """

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        ...

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates."""
        ...
