"""The way from a question to an answer: search, then extract or write, then check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmrank.answer.candidates import Candidate
from mmrank.answer.expected import Expectation, Expected, expectation
from mmrank.answer.extract import extract
from mmrank.answer.joining import join, rerank_joined
from mmrank.answer.links import links_in, without_links
from mmrank.answer.meant import documents_meant, with_names
from mmrank.answer.ratios import formula_of
from mmrank.answer.report_lines import as_reports_say
from mmrank.answer.result import Answer, AnswerSentence, Step
from mmrank.answer.units import FoundPage, found_pages
from mmrank.errors import InputError
from mmrank.hits import Hits
from mmrank.query.decomposition import Intent, SubQuestion, intent_of, sides_of
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.llm.protocol import ChatModel
    from mmrank.query.spelling import Speller
    from mmrank.query.understanding import Understanding
    from mmrank.rerankers.protocol import Reranker
    from mmrank.types import Hit

LEAST = 0.1
"""No sentence is given whose page is right with a lower probability than this."""
LEAST_OF_CHOSEN = 0.35
"""The same in documents that the user chose, among whose pages fewer are in question."""
BESIDE = 0.75
"""A further sentence is given from this share of the first one's score."""
MOST_SENTENCES = 3
MORE = {Intent.COMPARE: 3, Intent.COUNT: 3, Intent.COMPUTE: 3, Intent.LIST: 3}
"""Further pages that are read where an answer may need several."""
MOST_MORE = 4
"""The same for figures that are computed from several statements of a report."""
MOST_JOINED = 10
"""Pages that are kept of several searches."""
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
        understand: what is searched for; None where questions are taken as they are.
        reranker: orders the pages of several questions once more, by the whole question; None where none is set.
        chosen: whether the user chose the documents that are searched.
    """

    search: Callable[[str, int], Hits]
    read: Callable[[Sequence[str]], list[Document]]
    understand: Callable[[str], Understanding] | None = None
    reranker: Reranker | None = None
    chosen: bool = False


def understander(chosen: str | ChatModel, speller: Callable[[], Speller]) -> Callable[[str], Understanding] | None:
    """What mends questions and tells several apart, as `Collection.ask` takes it; None for "none".

    Args:
        chosen: "rules", "none", a chat model, or the name of one.
        speller: gives what mends slips; called for each question.

    Raises:
        InputError: for an unknown model.
    """
    from mmrank.query.understanding import understand_by_model, understand_by_rules

    if chosen == "none":
        return None
    if chosen == "rules":
        return lambda question: understand_by_rules(question, speller())
    from mmrank.llm.loading import load_chat_model

    model = load_chat_model(chosen) if isinstance(chosen, str) else chosen
    return lambda question: understand_by_model(question, model, speller())


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that is answered by itself, and the pages for it."""

    text: str
    wanted: Expectation
    pages: list[FoundPage]
    """Those of the documents that may answer."""
    named: bool = False
    """Whether it asks for a figure of reports that it names, or of those that were chosen."""


@dataclass(frozen=True, slots=True)
class Found:
    """The questions in a question with their pages, all pages joined, and the steps so far."""

    asked: tuple[Asked, ...]
    hits: Hits
    trace: list[Step]


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
    found = find(question, source, k)
    least = LEAST_OF_CHOSEN if source.chosen else LEAST
    chosen: list[Candidate] = []
    sentences: list[AnswerSentence] = []
    for asked in found.asked:
        possible = extract(asked.wanted, asked.pages)
        candidates = [one for one in possible if sure(one) >= least or _sure_of_report(one, asked) >= LEAST]
        about = f"{asked.text}: " if len(found.asked) > 1 else ""
        found.trace.append(Step("extract", f"{about}expected: {asked.wanted.kind}; {len(candidates)} possible answers"))
        for candidate in chosen_of(asked.wanted, candidates) if candidates else []:
            if any(overlap(candidate, one) for one in chosen):
                continue
            candidate = _plain(candidate, asked.wanted)
            chosen.append(candidate)
            for sentence in candidate.sentences():
                sentences.append(sentence)
                yield sentence
    if not chosen:
        yield abstention(question, found.hits, found.trace)
        return
    shorts = [candidate.short for candidate in chosen if candidate.short]
    yield Answer(
        question,
        " ".join(_ended(sentence.text) for sentence in sentences),
        tuple(sentences),
        short="; ".join(shorts) if len(found.asked) > 1 and shorts else chosen[0].short,
        hits=found.hits,
        confidence=sure(chosen[0]),
        trace=tuple(found.trace),
    )


def _plain(candidate: Candidate, wanted: Expectation) -> Candidate:
    """A candidate without links, unless an address was asked for."""
    if wanted.kind is Expected.ADDRESS:
        return candidate
    names = (cite.found.hit.document for _, cites in candidate.lines for cite in cites)
    asked = " ".join((wanted.text, *names))
    short = candidate.short
    if short is not None and links_in(short, asked):
        short = without_links(short, asked).strip(" …") or None
    lines = tuple((without_links(text, asked), cites) for text, cites in candidate.lines)
    return replace(candidate, lines=lines, short=short)


def find(question: str, source: Source, k: int) -> Found:
    """The pages for a question: rewritten, told apart, searched for, joined; each step is in the trace."""
    if not question.strip():
        raise InputError("the question is empty")
    trace: list[Step] = []
    parts: tuple[SubQuestion, ...] = (SubQuestion(question, intent_of(question)),)
    whole: tuple[str, ...] = ()
    if source.understand is not None:
        understood = source.understand(question)
        trace += [Step(name, detail) for name, detail in understood.notes]
        parts = understood.parts
        whole = (understood.rewritten,) if len(parts) > 1 else ()
    runs = [_searched(source, part, k, trace) for part in parts]
    runs += [source.search(text, k) for text in whole]
    hits = join(runs, max(k, MOST_JOINED)) if whole else runs[0]
    documents = source.read(list(dict.fromkeys(hit.document_id for run in runs for hit in run)))
    if whole and hits and source.reranker is not None:
        hits = rerank_joined(whole[0], hits, documents, source.reranker)
        trace.append(Step("rerank", f"{len(hits)} pages by the whole question, {source.reranker.name}"))
    named = ", ".join(page_name(hit) for hit in hits[:NEAREST]) or "nothing"
    trace.append(Step("search", f"{len(hits)} pages in {len(runs)} searches: {named}"))
    asked = []
    for part, run in zip(parts, runs, strict=False):
        wanted = expectation(with_names(part.text, documents))
        everything = frozenset(document.id for document in documents)
        meant = everything if source.chosen else documents_meant(wanted, documents)
        if meant is not None and len(meant) < len(documents):
            names = ", ".join(document.name for document in documents if document.id in meant)
            trace.append(Step("search", f"figures only from: {names or 'none of these documents, by its name'}"))
        pages = [page for page in found_pages(run, documents) if meant is None or page.hit.document_id in meant]
        asked.append(Asked(part.text, wanted, pages, meant is not None))
    return Found(tuple(asked), hits, trace)


def _searched(source: Source, part: SubQuestion, k: int, trace: list[Step]) -> Hits:
    """The pages for a part; for a line of a report also those found by the names that reports give it, and for a
    comparison those found for each side."""
    wanted = k + breadth(part)
    found = source.search(part.text, wanted)
    named = as_reports_say(part.text)
    further = [named] if named is not None else list(sides_of(part.text)) if part.intent is Intent.COMPARE else []
    if not further:
        return found
    trace.append(Step("rewrite", f"searched also for: {'; '.join(further)}"))
    return join([*(source.search(text, wanted) for text in further), found], wanted)


def breadth(part: SubQuestion) -> int:
    """Further pages that are read for a question whose answer may need several."""
    return MOST_MORE if formula_of(part.text) is not None else MORE.get(part.intent, 0)


def chosen_of(wanted: Expectation, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best candidate, and for an open question those beside it that say something else."""
    chosen = [candidates[0]]
    if wanted.kind not in OPEN or candidates[0].origin in {"computed", "list", "count", "extreme", "verdict"}:
        return chosen
    for candidate in candidates[1:]:
        if len(chosen) == MOST_SENTENCES or candidate.score < BESIDE * candidates[0].score:
            break
        if candidate.origin == "sentence" and not any(overlap(candidate, one) for one in chosen):
            chosen.append(candidate)
    return chosen


def sure(candidate: Candidate) -> float:
    """The least confidence in a page that a candidate rests on; of a computed value, which needs them all, the most."""
    sure_of = [cite.found.hit.confidence or 0.0 for _, cites in candidate.lines for cite in cites]
    return max(sure_of) if candidate.origin == "computed" else min(sure_of)


def _sure_of_report(candidate: Candidate, asked: Asked) -> float:
    """The confidence in all pages of a report that the question names: its lines are told by their names."""
    if not asked.named or candidate.origin not in {"computed", "line", "verdict"}:
        return 0.0
    cited = {cite.found.hit.document_id for _, cites in candidate.lines for cite in cites}
    return sum(found.hit.confidence or 0.0 for found in asked.pages if found.hit.document_id in cited)


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


def overlap(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates say the same, or quote the same element."""
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
