"""What an answer may be made of: a sentence, what it rests on, and how well it fits the question."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mmrank.answer.result import AnswerSentence
from mmrank.answer.units import FoundPage
from mmrank.types import BBox, Hit


@dataclass(frozen=True, slots=True)
class Cite:
    """Where something stands: boxes of one element on a page, and its words there."""

    found: FoundPage
    element_id: str
    boxes: tuple[BBox, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible answer: one or more sentences of one origin.

    `score` is comparable within one question. `short` is the answer itself where it is a value, a date, a name or a
    list.
    """

    score: float
    lines: tuple[tuple[str, tuple[Cite, ...]], ...]
    short: str | None
    origin: str
    computation: str | None = None

    def sentences(self) -> tuple[AnswerSentence, ...]:
        """The sentences with their hits."""
        last = len(self.lines) - 1
        return tuple(
            AnswerSentence(text, cited_hits(cites), self.computation if at == last else None)
            for at, (text, cites) in enumerate(self.lines)
        )


def cited_hits(cites: tuple[Cite, ...]) -> tuple[Hit, ...]:
    """The hits cited, once per page, each with the boxes and the words of what is cited on it."""
    made: dict[tuple[str, int], Hit] = {}
    for cite in cites:
        hit = cite.found.hit
        key = (hit.document_id, hit.page)
        known = made.get(key)
        if known is None:
            made[key] = replace(
                hit, boxes=tuple(dict.fromkeys(cite.boxes)), element_ids=(cite.element_id,), snippet=cite.text, marks=()
            )
        else:
            made[key] = replace(
                known,
                boxes=tuple(dict.fromkeys((*known.boxes, *cite.boxes))),
                element_ids=tuple(dict.fromkeys((*known.element_ids, cite.element_id))),
                snippet=known.snippet if cite.text in known.snippet else f"{known.snippet} … {cite.text}",
            )
    return tuple(made.values())
