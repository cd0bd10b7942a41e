"""What a hit shows of a page: boxes around the lines or rows that answer, and the words in them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmrank.retrieve.answer_type import AnswerType
from mmrank.retrieve.evidence import LONGEST_HEAD, Evidence, readable, repeats
from mmrank.retrieve.matching import WordMatcher
from mmrank.retrieve.spots import row_box, sentences, text_box
from mmrank.types import FURNITURE, PICTURED, BBox, Element, ElementKind, Page

MAX_SNIPPET = 300
"""Characters."""
MAX_SPOTS = 3
CLEAR = 0.6
"""A spot beside the best one is shown from this share of its score."""
LONG_TEXT = 600
"""A paragraph of more characters is narrowed to the sentences that match."""
LONG_TABLE = 10
"""A table of at least as many rows is narrowed to the rows that match."""
ENOUGH = 0.8
"""A part of an element stands for all of it when it has this share of its weight in words of the question."""
MOST = 0.6
"""A part that takes more of the element's height than this is not worth telling from it."""
TYPED = 0.1
"""What an answer of the wanted kind counts beside the share of words, 0 to 1."""
MORE = 0.05
"""What a sentence or row beside the best one must add, as a share of the question's words, to be shown with it."""
_SEVERAL = re.compile(r"\b(?:how many|list|enumerate|name all|(?:what|which|who) are)\b", re.IGNORECASE)
"""Questions that several rows of a table may answer together: it is shown whole."""
SHORT = 160
"""A paragraph or heading of fewer characters is shown with what follows it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on a page: what it is part of, its box, and its text on one line, at most `MAX_SNIPPET` characters."""

    elements: tuple[Element, ...]
    box: BBox
    text: str


class SpotFinder:
    """Finds the spots on pages that answer one question.

    Args:
        matcher: the words of the question, see `word_matcher`.
        question: its text.
    """

    def __init__(self, matcher: WordMatcher, question: str) -> None:
        self._matcher = matcher
        self._wanted = AnswerType.of(question)
        self._several = bool(_SEVERAL.search(question))

    def spots(self, page: Page, neighbour: Callable[[str], Page | None], evidence: Sequence[Evidence]) -> list[Spot]:
        """The best spots of a page, best first; one at least where the page has elements.

        Args:
            page: the page.
            neighbour: gives the page before or after it, by which running heads are known, where that may have a text;
                asked only for elements that are short enough to be one.
            evidence: its elements, best first.
        """
        chosen: list[Spot] = []
        used: set[str] = set()
        last: list[Evidence] = []
        for item in evidence:
            if len(chosen) == MAX_SPOTS or (chosen and item.score < CLEAR * evidence[0].score):
                break
            if item.element.id in used:
                continue
            text = item.element.text
            beside = neighbour(text) if len(text) <= LONGEST_HEAD else None
            if beside is not None and repeats(item.element, beside):
                last.append(item)
                continue
            spot = self._spot(item.element, page)
            used.update(element.id for element in spot.elements)
            chosen.append(spot)
        return chosen or [self._spot(item.element, page) for item in last[:1]]

    def marks(self, snippet: str) -> tuple[tuple[int, int], ...]:
        """Where words of the question stand in a snippet, as (start, end) in characters."""
        return tuple((start, end) for start, end, _ in self._matcher.spans(snippet))

    def _spot(self, element: Element, page: Page) -> Spot:
        if element.table is not None and element.table.cells:
            return self._table_spot(element)
        if element.kind in PICTURED:
            caption = next((one.text for one in page.elements if one.caption_of == element.id), "")
            text = f"{caption}\n{element.text}".strip()
            return Spot((element,), element.box, self._read(text, sentences(text)).window())
        if len(element.text) < SHORT:
            return self._run(element, page)
        return self._text_spot(element)

    def _text_spot(self, element: Element) -> Spot:
        text = self._read(element.text, sentences(element.text))
        box = element.box
        # Recognised lines are found by their places in a picture, which say nothing about a text's length.
        if len(element.text) > LONG_TEXT and element.ocr_confidence is None and text.spans:
            first, last = text.best_run()
            if self._wanted is not None:
                last = text.until_typed(first, last)
            if text.cover(first, last) >= ENOUGH * text.cover(0, len(text.spans) - 1) > 0:
                narrow = text_box(element, text.spans[first][0], text.spans[last][1])
                box = narrow if narrow.height <= MOST * box.height else box
        return Spot((element,), box, text.window())

    def _table_spot(self, element: Element) -> Spot:
        table = element.table
        assert table is not None
        rows: list[list[str]] = [[] for _ in range(table.row_count)]
        for cell in table.cells:
            if cell.text.strip():
                rows[cell.row].append(" ".join(cell.text.split()))
        texts = [" · ".join(row) for row in rows]
        heads = max((cell.row + 1 for cell in table.cells if cell.header), default=1)
        heads = min(heads, 3, table.row_count - 1)
        head = " · ".join(filter(None, texts[:heads]))
        body = self._read(*_joined(texts[heads:]), head=frozenset(self._matcher.found(head)))
        first, last = body.best_run()
        if self._wanted is not None:
            last = body.until_typed(first, last)
        box = element.box
        narrowed = body.cover(first, last)
        enough = narrowed >= ENOUGH * body.cover(0, len(body.spans) - 1) and narrowed > self._matcher.cover(head)
        if enough and not self._several and table.row_count >= LONG_TABLE and element.ocr_confidence is None:
            narrow = row_box(element, heads + first, heads + last)
            box = narrow if narrow.height <= MOST * box.height else box
        if not enough:
            whole = self._read(*_joined(texts))
            return Spot((element,), box, whole.window())
        shown = " · ".join(filter(None, [_cut(head, MAX_SNIPPET // 3), body.text[body.spans[first][0] :]]))
        return Spot((element,), box, _cut(shown, MAX_SNIPPET))

    def _read(self, text: str, spans: Sequence[tuple[int, int]], head: frozenset[str] = frozenset()) -> _Read:
        places = [] if self._wanted is None else self._wanted.places(text, self._matcher.weights)
        return _Read(text, spans, self._matcher, places, head)

    def _run(self, element: Element, page: Page) -> Spot:
        """A short paragraph or a heading, with what follows below it."""
        at = next(place for place, one in enumerate(page.elements) if one.id == element.id)
        below = [one for one in page.elements[at + 1 :] if one.kind not in FURNITURE]
        run, box, length = [element], element.box, len(element.text)
        for one in (one for one in below if one.text or one.kind in PICTURED):
            if one.kind in PICTURED or one.kind in {ElementKind.TITLE, ElementKind.HEADING, ElementKind.CAPTION}:
                break
            if length + len(one.text) > MAX_SNIPPET or not _follows(box, run[-1].box, one.box):
                break
            run.append(one)
            box, length = box.union(one.box), length + len(one.text) + 1
        return Spot(tuple(run), box, _cut(" ".join(readable(one.text) for one in run), MAX_SNIPPET))


class _Read:
    """A text in parts (sentences, lines, rows), with the places of the question's words in it.

    Args:
        text: the text.
        spans: start and end of each part, in characters.
        matcher: of the question.
        typed: places of answers of the wanted kind.
        head: words of the question that count as being in each part.
    """

    def __init__(
        self,
        text: str,
        spans: Sequence[tuple[int, int]],
        matcher: WordMatcher,
        typed: Sequence[int],
        head: frozenset[str],
    ) -> None:
        self.text, self.spans = text, spans
        self._matcher, self._typed, self._head = matcher, typed, frozenset(head)
        found = matcher.spans(text)
        self._words = [word for _, _, word in found]
        self._places = [start for start, _, _ in found]

    def between(self, start: int, end: int) -> float:
        """Weight of the question's words between two places, and of an answer of the wanted kind there."""
        found = self._head.union(self._words[bisect_left(self._places, start) : bisect_left(self._places, end)])
        at = bisect_left(self._typed, start)
        return self._matcher.weight(found) + TYPED * (at < len(self._typed) and self._typed[at] < end)

    def cover(self, first: int, last: int) -> float:
        """Weight of the question's words in the parts from first to last."""
        if not self.spans:
            return self._matcher.weight(self._head)
        low, high = bisect_left(self._places, self.spans[first][0]), bisect_left(self._places, self.spans[last][1])
        return self._matcher.weight(self._head.union(self._words[low:high]))

    def until_typed(self, first: int, last: int) -> int:
        """The last of the parts from first on with which an answer of the wanted kind is among them.

        It is at most two after `last`; `last` where none is found.
        """
        for end in range(last, min(last + 3, len(self.spans))):
            at = bisect_left(self._typed, self.spans[first][0])
            if at < len(self._typed) and self._typed[at] < self.spans[end][1]:
                return end
        return last

    def best_run(self) -> tuple[int, int]:
        """First and last of the best part, and of up to two beside it that have words it lacks."""
        if not self.spans:
            return 0, 0
        first = last = max(range(len(self.spans)), key=lambda at: (self.between(*self.spans[at]), -at))
        covered = self.cover(first, last)
        for at in (first + 1, first + 2, first - 1, first - 2):
            low, high = min(first, at), max(last, at)
            if low >= 0 and high < len(self.spans) and self.cover(low, high) > covered + MORE:
                first, last, covered = low, high, self.cover(low, high)
        return first, last

    def window(self) -> str:
        """At most `MAX_SNIPPET` characters from the beginning of the part that is best to begin with."""
        if len(readable(self.text)) <= MAX_SNIPPET or not self.spans:
            return _cut(readable(self.text), MAX_SNIPPET)
        begins = {start for start, _ in self.spans}
        starts = set(begins)
        for start, end in self.spans:  # a long sentence has other places to begin
            for at in range(start + MAX_SNIPPET // 2, end - MAX_SNIPPET // 2, MAX_SNIPPET // 2):
                starts.add(self.text.rfind(" ", start, at) + 1)
        values = {start: round(self.between(start, start + MAX_SNIPPET), 3) for start in starts}
        best = max(starts, key=lambda start: (values[start], -start))
        return _cut(("" if best in begins else "…") + readable(self.text[best : best + 2 * MAX_SNIPPET]), MAX_SNIPPET)


def _follows(run: BBox, last: BBox, box: BBox) -> bool:
    """Whether a box stands right below the last one of a run, in its column."""
    shared = min(run.x1, box.x1) - max(run.x0, box.x0)
    gap = box.y0 - last.y1
    return shared > 0.5 * min(run.width, box.width) and -2 <= gap <= 1.2 * min(last.height, 20.0)


def _joined(texts: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Texts one after the other, and where each begins and ends; empty ones have a place too."""
    spans, at = [], 0
    for text in texts:
        spans.append((at, at + len(text)))
        at += len(text) + 3
    return " · ".join(texts), spans


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return text[: longest - 1].rpartition(" ")[0] + "…"
