"""The way from a question to an answer: search, then extract or write, then check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrank.answer.candidates import Candidate
from mmrank.answer.expected import Expectation, Expected, expectation
from mmrank.answer.extract import extract
from mmrank.answer.result import Answer, AnswerSentence, Step
from mmrank.answer.units import FoundPage, found_pages
from mmrank.errors import InputError
from mmrank.hits import Hits
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.types import Hit

LEAST = 0.1
"""No sentence is given whose page is right with a lower probability than this."""
BESIDE = 0.75
"""A further sentence is given from this share of the first one's score."""
MOST_SENTENCES = 3
NEAREST = 3
"""Pages that an abstention names."""
OPEN = frozenset({Expected.THING, Expected.NAME, Expected.EXPLANATION, Expected.YES_NO, Expected.LIST})
"""Kinds of answers for which one sentence may say too little."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where answers come from.

    Args:
        search: finds pages: a question and how many.
        read: the documents with these ids.
    """

    search: Callable[[str, int], Hits]
    read: Callable[[Sequence[str]], list[Document]]


class AnswerStream:
    """The sentences of an answer, each as soon as it is found and checked; then the whole.

    >>> stream = AnswerStream(iter([Answer("Who?", "Nobody.", abstained=True)]))
    >>> list(stream), stream.answer.text
    ([], 'Nobody.')
    """

    def __init__(self, made: Iterator[AnswerSentence | Answer]) -> None:
        self._made = made
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[AnswerSentence]:
        for item in self._made:
            if isinstance(item, Answer):
                self._answer = item
                return
            yield item

    @property
    def answer(self) -> Answer:
        """The whole answer; waits for what is still to come."""
        if self._answer is None:
            for _ in self:
                pass
        assert self._answer is not None  # every stream ends in an answer
        return self._answer


def answer_by_extraction(question: str, source: Source, *, k: int) -> Iterator[AnswerSentence | Answer]:
    """The sentences that answer a question as the pages say them, then the answer.

    Args:
        question: the question.
        source: what is asked.
        k: pages that are read.

    Raises:
        InputError: for an empty question, or k below 1.
    """
    wanted, hits, pages, trace = find(question, source, k)
    candidates = [candidate for candidate in extract(wanted, pages) if sure(candidate) >= LEAST]
    trace.append(Step("extract", f"expected: {wanted.kind}; {len(candidates)} possible answers"))
    if not candidates:
        yield abstention(question, hits, trace)
        return
    chosen = chosen_of(wanted, candidates)
    sentences = [sentence for candidate in chosen for sentence in candidate.sentences()]
    yield from sentences
    yield Answer(
        question,
        " ".join(_ended(sentence.text) for sentence in sentences),
        tuple(sentences),
        short=chosen[0].short,
        hits=hits,
        confidence=sure(chosen[0]),
        trace=tuple(trace),
    )


def find(question: str, source: Source, k: int) -> tuple[Expectation, Hits, list[FoundPage], list[Step]]:
    """What is expected, and the pages for it."""
    if not question.strip():
        raise InputError("the question is empty")
    hits = source.search(question, k)
    documents = source.read(list(dict.fromkeys(hit.document_id for hit in hits)))
    named = ", ".join(page_name(hit) for hit in hits[:NEAREST]) or "nothing"
    return expectation(question), hits, found_pages(hits, documents), [Step("search", f"{len(hits)} pages: {named}")]


def chosen_of(wanted: Expectation, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best candidate, and for an open question those beside it that say something else."""
    chosen = [candidates[0]]
    if wanted.kind not in OPEN or candidates[0].origin in {"computed", "list", "count", "extreme"}:
        return chosen
    for candidate in candidates[1:]:
        if len(chosen) == MOST_SENTENCES or candidate.score < BESIDE * candidates[0].score:
            break
        if candidate.origin == "sentence" and not any(_overlap(candidate, one) for one in chosen):
            chosen.append(candidate)
    return chosen


def sure(candidate: Candidate) -> float:
    """The least confidence in a page that a candidate rests on."""
    return min(cite.found.hit.confidence or 0.0 for _, cites in candidate.lines for cite in cites)


def abstention(question: str, hits: Hits, trace: Sequence[Step], model: str = "extract") -> Answer:
    """The answer that there is none, with the nearest pages."""
    if hits:
        nearest = "; ".join(page_name(hit) for hit in hits[:NEAREST])
        text = f"I found no answer that the documents support. The nearest pages: {nearest}."
    else:
        text = "I found no answer: the collection, or what the filters leave of it, is empty."
    return Answer(question, text, abstained=True, hits=hits, model=model, trace=tuple(trace))


def page_name(hit: Hit) -> str:
    """Document and page for people: "report.pdf, page 3"."""
    return f"{hit.document}, page {hit.page_number}"


def _overlap(one: Candidate, other: Candidate) -> bool:
    first, second = (" ".join(text for text, _ in item.lines) for item in (one, other))
    return first in second or second in first or bool(_elements(one) & _elements(other))


def _elements(candidate: Candidate) -> set[tuple[str, int, str]]:
    return {
        (cite.found.hit.document_id, cite.found.hit.page, cite.element_id)
        for _, cites in candidate.lines
        for cite in cites
    }


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", ":", ";")) else f"{text}."
