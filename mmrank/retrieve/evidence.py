"""Evidence: the elements of a page that answer a question, best first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from mmrank.retrieve.answer_type import AnswerType
from mmrank.retrieve.matching import WordMatcher
from mmrank.retrieve.pool import Pool
from mmrank.retrieve.question import Question
from mmrank.types import FURNITURE, PICTURED, BBox, Element, ElementKind, Page

KIND_BONUS = 0.8
"""For an element of a kind that the question names ("the chart")."""
HANDLE_BONUS = 1.0
"""For an element that the question names ("Table 2")."""
PICTURED_BONUS = 0.5
"""For tables, charts and figures, whose text says less than they show."""
TYPE_BONUS = 0.05
"""For an element with a number, a date or a name, where the question asks for one."""
EMPTY = 0.5
"""Share of the bonus for tables, charts and figures without a word of the question."""
MINOR_PENALTY = 0.1
"""For headings and footnotes, which seldom are the answer themselves."""
LIST_PENALTY = 1.0
"""For a table of contents and for what repeats from page to page."""
SMALL = 0.03
"""A figure without a word of the question gets that in full from this share of the page: smaller ones are icons."""
LONGEST_HEAD = 200
"""Characters of what may be a running head."""
_MINOR = frozenset({ElementKind.TITLE, ElementKind.HEADING, ElementKind.FOOTNOTE})
_ASKS_FOR_CONTENTS = re.compile(r"\b(?:contents|chapters?|(?:sub)?sections?|index|outline|appendix)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """An element and its score; scores of one page are comparable."""

    element: Element
    score: float


def word_matcher(question: Question, pool: Pool) -> WordMatcher:
    """The words of the question, each with how much it tells among the pages of a pool: together 1."""
    weights = {word: pool.page_words.idf(word) for word in question.words}
    total = sum(weights.values()) or 1.0
    return WordMatcher({word: weight / total for word, weight in weights.items()})


def page_evidence(question: Question, pool: Pool, at: int, matcher: WordMatcher | None = None) -> list[Evidence]:
    """The elements of one page of the pool, best first.

    Args:
        question: the question.
        pool: the pages that are ranked together.
        at: which of them.
        matcher: `word_matcher`, where it is there already.
    """
    matcher = word_matcher(question, pool) if matcher is None else matcher
    owner = int(pool.owner[at])
    features = pool.documents[owner]
    page = features.document.pages[int(pool.number[at])]
    elements = [element for element in page.elements if element.kind not in FURNITURE]
    captions = {element.caption_of: element for element in elements if element.caption_of}
    named = {identifier for handle in question.analysis.handles for identifier in features.document.resolve(handle)}
    named |= {element.caption_of for element in elements if element.id in named and element.caption_of}
    passage_score: dict[str, float] = {}
    number, before = int(pool.number[at]), int(pool.first_passage[owner])
    places = features.places_on(number)
    similar = pool.similarities(question.vector, slice(before + places.start, before + places.stop))
    for passage, score in zip(features.passages_on(number), similar.tolist(), strict=True):
        for identifier in passage.element_ids:
            passage_score[identifier] = max(passage_score.get(identifier, -1.0), score)
    wanted = AnswerType.of(question.analysis.text)
    contents_asked = bool(_ASKS_FOR_CONTENTS.search(question.analysis.raw))
    found = matcher.found_in([_with_caption(element, captions.get(element.id)) for element in elements])
    scored = []
    for element, words in zip(elements, found, strict=True):
        covered = matcher.weight(words)
        score = covered + passage_score.get(element.id, 0.0)
        score += HANDLE_BONUS * (element.id in named)
        score += KIND_BONUS * (element.kind in question.analysis.kinds)
        if element.kind in PICTURED:
            share = element.box.area / max(page.width * page.height, 1.0)
            score += PICTURED_BONUS * (1.0 if covered else EMPTY * min(1.0, share / SMALL))
        if wanted is not None and covered and wanted.in_text(element.text, matcher.weights):
            score += TYPE_BONUS
        score -= MINOR_PENALTY * (element.kind in _MINOR)
        if not contents_asked and is_contents(element.text):
            score -= LIST_PENALTY
        scored.append(Evidence(element, score))
    return sorted(scored, key=lambda evidence: (-evidence.score, evidence.element.id))


def _with_caption(element: Element, caption: Element | None) -> str:
    return element.text if caption is None else f"{element.text}\n{caption.text}"


def is_contents(text: str) -> bool:
    """Whether a text is a table of contents: lines that end in page numbers, which never fall.

    >>> is_contents("Introduction .... 1\\nMethods .... 4\\nResults .... 9\\nReferences .... 20")
    True
    >>> is_contents("| Year | Sales |\\n| --- | --- |\\n| Ferries | 12 |\\n| Cargo | 7 |\\n| Total | 19 |")
    False
    """
    if text.count("\n") < 3:
        return False
    lines = [line for line in text.splitlines() if not set(line) <= set("|-: ")]
    if len(lines) < 4:
        return False
    ends = [line.rstrip(" |\t").replace("|", " ").rsplit(None, 1) for line in lines]
    numbers = [int(end[1]) for end in ends if len(end) == 2 and end[1].isdecimal() and len(end[1]) <= 4]
    rising = all(a <= b for a, b in pairwise(numbers))
    return rising and len(numbers) >= max(4, 0.6 * len(lines)) and numbers[-1] > numbers[0]


def repeats(element: Element, neighbour: Page) -> bool:
    """Whether an element stands on a neighbouring page too, at the same place with the same words: a running head.

    Numbers in it may differ, as page numbers do.
    """
    return len(element.text) <= LONGEST_HEAD and any(
        other.kind is element.kind
        and _same_place(element.box, other.box)
        and _shape(other.text) == _shape(element.text)
        for other in neighbour.elements
    )


def _shape(text: str) -> str:
    return re.sub(r"\d+", "#", " ".join(text.split()))


def _same_place(one: BBox, other: BBox) -> bool:
    return all(abs(a - b) <= 3 for a, b in zip(one.as_tuple(), other.as_tuple(), strict=True))


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
