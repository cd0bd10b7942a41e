"""Structural signals: what a question names and a page has ("Figure 2", "page 7", "the pie chart").

One function per signal, one number between 0 and 1 per page of the pool.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from mmrank.ingest.labels import printed_numbers
from mmrank.query.finance import statements
from mmrank.retrieve.pool import Pool
from mmrank.retrieve.question import Question
from mmrank.retrieve.signals import Scores
from mmrank.retrieve.words import written_words
from mmrank.types import ElementKind

LONG_PHRASE = 4
"""A phrase of so many words hardly stands on a page by chance."""
LIKE_STATEMENT = 0.2
"""Share of a statement's typical lines that a page must have to be taken for it."""
NUMERIC = 0.08
"""Share of its words that must hold a digit."""
UNTITLED = 0.6
"""Likeness of a page without the statement's title, where one with the title has 1."""
TITLE_WORDS = 60
"""A title stands among so many words at the top of a page."""
AFTER_COVER = 0.4
"""Score of a document's second page, where its first has 1, for questions about who made a work and when."""


def quoted(question: Question, pool: Pool) -> Scores:
    """How long a phrase that the question quotes stands on the page word for word: 1 from `LONG_PHRASE` words on."""
    phrases = list(filter(None, map(written_words, question.analysis.quoted)))
    lengths = np.array([min(len(phrase) / LONG_PHRASE, 1.0) for phrase in phrases])
    return (pool.page_words.phrases(phrases) * lengths[:, None]).max(0, initial=0.0)


# Places


def handle(question: Question, pool: Pool) -> Scores:
    """1 for the page with an element that the question names ("Table 2"), 0.25 for pages that only mention it."""
    scores = np.zeros(len(pool))
    for name in question.analysis.handles:
        mention = _mention(name)
        for at, features in enumerate(pool.documents):
            holders = features.holders(name)
            for page in range(features.prepared.page_count):
                where = int(pool.first[at]) + page
                if page in holders:
                    scores[where] = 1.0
                elif scores[where] < 0.25 and mention.search(features.prepared.text(page)):
                    scores[where] = 0.25
    return scores


def _mention(name: str) -> re.Pattern[str]:
    kind, _, number = name.partition(" ")
    short = {"figure": r"fig(?:ure|\.)?", "table": r"tab(?:le|\.)?", "section": r"(?:section|sec\.|§)"}.get(kind, kind)
    return re.compile(rf"\b{short}\s*\.?\s*{re.escape(number)}(?![\d])(?!\.\d)")


COUNTED = 0.7
"""Score of the page that has a number by counting, where the number is printed on another page of the document."""


def page_number(question: Question, pool: Pool) -> Scores:
    """1 for the page with a number that the question names: the one it is printed on, else the one so counted."""
    scores = np.zeros(len(pool))
    analysis = question.analysis
    if not (analysis.page_numbers or analysis.roman_pages):
        return scores
    for first, last in zip(map(int, pool.first), map(int, pool.last), strict=True):
        printed = printed_numbers([pool.label(page) for page in range(first, last + 1)])
        for number in analysis.page_numbers:
            found = [first + at for at, numbers in enumerate(printed) if number in numbers.arabic]
            counted = first + number - 1
            if number > 0 and counted <= last:
                scores[counted] = max(scores[counted], COUNTED if found and counted not in found else 1.0)
            scores[found] = 1.0
        for number in analysis.roman_pages:
            scores[[first + at for at, numbers in enumerate(printed) if number in numbers.roman]] = 1.0
    return scores


def place(question: Question, pool: Pool) -> Scores:
    """1 for the page that the question names by its position: the cover, the second page, the last one."""
    scores = np.zeros(len(pool))
    for wanted in question.analysis.places:
        for first, last in zip(pool.first, pool.last, strict=True):
            page = first + wanted if wanted >= 0 else last + 1 + wanted
            if first <= page <= last:
                scores[page] = 1.0
    return scores


def front(question: Question, pool: Pool) -> Scores:
    """For a question about the work itself: 1 for a document's first page, less for the one after its cover."""
    scores = np.zeros(len(pool))
    if question.analysis.front:
        scores[pool.number == 0] = 1.0
        scores[pool.number == 1] = AFTER_COVER
    return scores


# Kinds


def kind(question: Question, pool: Pool) -> Scores:
    """1 for pages with an element of a kind that the question names; 0.5 where chart and figure are swapped."""
    wanted = question.analysis.kinds
    if not wanted:
        return np.zeros(len(pool))
    return np.max([_having(pool, kind) for kind in wanted], axis=0)


def _having(pool: Pool, kind: ElementKind) -> Scores:
    found = pool.has_kind(kind).astype(np.float64)
    twin = {ElementKind.CHART: ElementKind.FIGURE, ElementKind.FIGURE: ElementKind.CHART}.get(kind)
    return found if twin is None else np.maximum(found, 0.5 * pool.has_kind(twin))


# Statements of financial reports


def statement(question: Question, pool: Pool) -> Scores:
    """Likeness of a page to the financial statement from which the wanted figure is computed, 0 to 1."""
    scores = np.zeros(len(pool))
    for name, lines in question.analysis.statements:
        known = statements()[name]
        typical = _share(pool, known.lines)
        typical[(typical < LIKE_STATEMENT) | (pool.numeric_share < NUMERIC)] = 0.0
        titled = pool.page_words.phrases([title.split() for title in known.titles], within=TITLE_WORDS).any(0)
        wanted = _share(pool, lines) if lines else 1.0
        likeness = typical * np.where(titled, 1.0, UNTITLED) * (0.5 + 0.5 * wanted) * 1.6
        scores = np.maximum(scores, np.minimum(likeness, 1.0))
    return scores


def _share(pool: Pool, lines: Sequence[str]) -> Scores:
    """(pages,) share of the lines that a page has."""
    return pool.page_words.phrases([line.split() for line in lines]).mean(0)


STRUCTURAL_SIGNALS: dict[str, Callable[[Question, Pool], Scores]] = {
    "quoted": quoted,
    "handle": handle,
    "page_number": page_number,
    "place": place,
    "front": front,
    "kind": kind,
    "statement": statement,
}
