"""Evidence: the elements of a page that answer a question, best first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mmrank.retrieve.pool import Pool
from mmrank.retrieve.question import Question
from mmrank.retrieve.words import words
from mmrank.types import FURNITURE, PICTURED, Element, ElementKind

MAX_SNIPPET = 300
"""Characters."""
KIND_BONUS = 0.8
"""For an element of a kind that the question names ("the chart")."""
HANDLE_BONUS = 1.0
"""For an element that the question names ("Table 2")."""
PICTURED_BONUS = 0.5
"""For tables, charts and figures, whose text says less than they show."""
MINOR_PENALTY = 0.2
"""For headings and footnotes, which seldom are the answer themselves."""
_MINOR = frozenset({ElementKind.TITLE, ElementKind.HEADING, ElementKind.FOOTNOTE})


@dataclass(frozen=True, slots=True)
class Evidence:
    """An element and its score; scores of one page are comparable."""

    element: Element
    score: float


def page_evidence(question: Question, pool: Pool, at: int) -> list[Evidence]:
    """The elements of one page of the pool, best first.

    Args:
        question: the question.
        pool: the pages that are ranked together.
        at: which of them.
    """
    owner = int(pool.owner[at])
    features = pool.documents[owner]
    page = int(pool.number[at])
    elements = [element for element in features.document.pages[page].elements if element.kind not in FURNITURE]
    named = {identifier for handle in question.analysis.handles for identifier in features.document.resolve(handle)}
    passage_score: dict[str, float] = {}
    for passage in features.passages_on(page):
        place = int(pool.first_passage[owner]) + passage.position
        [score] = pool.similarities(question.vector, slice(place, place + 1))
        for identifier in passage.element_ids:
            passage_score[identifier] = max(passage_score.get(identifier, -1.0), score)
    weights = {word: pool.page_words.idf(word) for word in question.words}
    total = sum(weights.values()) or 1.0
    captions = {element.caption_of: element.text for element in elements if element.caption_of}
    scored = []
    for element in elements:
        found = set(words(element.text + "\n" + captions.get(element.id, "")))
        score = sum(weight for word, weight in weights.items() if word in found) / total
        score += passage_score.get(element.id, 0.0)
        score += KIND_BONUS * (element.kind in question.analysis.kinds)
        score += HANDLE_BONUS * (element.id in named)
        score += PICTURED_BONUS * (element.kind in PICTURED)
        score -= MINOR_PENALTY * (element.kind in _MINOR)
        scored.append(Evidence(element, score))
    return sorted(scored, key=lambda evidence: (-evidence.score, evidence.element.id))


_RULE = re.compile(r"^\|?[\s:|-]+\|?$", re.MULTILINE)
_BARS = re.compile(r"\s*\|(?:\s*\|)*\s*")


def readable(text: str) -> str:
    """An element's text on one line; a table's Markdown without its frame.

    >>> readable("| Year | Sales |\\n| --- | ---: |\\n| 2019 | 4.2 |")
    'Year · Sales · 2019 · 4.2'
    """
    if "|" in text:
        text = _BARS.sub(" · ", _RULE.sub("", text)).strip(" ·\n")
    return " ".join(text.split())


def snippet(question: Question, evidence: Sequence[Evidence]) -> str:
    """At most `MAX_SNIPPET` characters of the best element, around the place with most words of the question."""
    text = next(filter(None, (readable(item.element.text) for item in evidence)), "")
    if len(text) <= MAX_SNIPPET:
        return text
    wanted = set(question.words)
    starts = range(0, len(text) - MAX_SNIPPET // 2, MAX_SNIPPET // 4)
    best = max(starts, key=lambda start: (len(wanted & set(words(text[start : start + MAX_SNIPPET]))), -start))
    cut = text[best : best + MAX_SNIPPET]
    if best:
        cut = "…" + cut.partition(" ")[2]
    if best + MAX_SNIPPET < len(text):
        cut = cut.rpartition(" ")[0] + "…"
    return cut
