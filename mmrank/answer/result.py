"""What asking gives back: an answer in sentences, each with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmrank.hits import Hits
from mmrank.types import BBox, Hit


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One sentence of an answer, and where it stands.

    `hits` are the pages it rests on. Each is a hit of the search whose `boxes`, `element_ids` and `snippet` are those
    of this sentence, so that `hit.image()` shows the page with what the sentence rests on outlined.
    """

    text: str
    hits: tuple[Hit, ...]
    computation: str | None = None
    """How a number was computed from numbers in the boxes: "(1,204 − 981) / 981 = 22.7 %"."""

    @property
    def boxes(self) -> tuple[BBox, ...]:
        """The boxes on all cited pages, in the order of `hits`."""
        return tuple(box for hit in self.hits for box in hit.boxes)


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to an answer, for `Answer.trace`."""

    name: str
    """What was done: "rewrite", "decompose", "search", "extract", "write", "check", …"""
    detail: str
    """What came of it, in words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question.

    Attributes:
        question: as it was asked.
        text: the answer in words; where there is none, a sentence that says so and names the nearest pages.
        sentences: those of the answer, each with its boxes; none where `abstained`.
        short: the answer itself where it is a value, a date, a name or a list of such: "22.7 %".
        abstained: whether no sentence was left that the documents support.
        hits: the pages that were found for the question.
        confidence: probability, 0 to 1, that the cited page is right.
        model: what wrote it: "extract" or the name of a chat model.
        complete: False where a model stopped before the end of its answer; the sentences before that are given.
        trace: the steps on the way, in order.
    """

    question: str
    text: str
    sentences: tuple[AnswerSentence, ...] = ()
    short: str | None = None
    abstained: bool = False
    hits: Hits = field(default_factory=Hits)
    confidence: float = 0.0
    model: str = "extract"
    complete: bool = True
    trace: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return self.text
