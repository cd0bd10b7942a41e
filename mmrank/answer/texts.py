"""Answers that stand in a sentence, and the short answer within it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmrank.answer.candidates import Candidate, Cite
from mmrank.answer.dates import as_asked
from mmrank.answer.expected import Expectation, Expected, Operation
from mmrank.answer.units import HEADS, Sentence
from mmrank.answer.values import values, written
from mmrank.answer.wording import Wording, stems

LEAST_WORDS = 3
"""A sentence of fewer words is a label, and answers only together with what it stands under."""
UNDER = 0.4
"""What words of the question in the heading, caption or sentence before count, against those in the sentence."""
TYPED = 0.12
"""What an answer of the expected kind counts beside the share of words, 0 to 1."""
LONGEST = 400
"""Characters of a sentence; of a longer one the part around its answer is quoted."""
REPEATS = 0.75
"""A sentence with this share of its words in the question says nothing new."""
FOLLOWING = 4
"""Sentences, at most, that are given after a heading or lead-in."""
SAID = 80
"""Characters after which what follows a heading or lead-in is enough."""
TYPES = frozenset({Expected.NUMBER, Expected.SHARE, Expected.DATE, Expected.COUNT, Expected.ADDRESS})
"""Kinds of answers that can be told by how they are written."""
SHORT = 30
"""Words of a sentence from which on each more counts against it …"""
LENGTH = 0.004
"""… so much."""
ASKED = 0.1
"""What it counts that a value is worked out as the question asks."""
QUARTER = 0.25
"""Share of the question's words that a sentence has whose amounts are compared."""
REACH = 12
"""Words within which a word of the question speaks for a short answer."""

_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
_DATES = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)? )?{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? (?:1[5-9]|20)\d\d\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH}\.?,? (?:1[5-9]|20)\d\d\b|\b{_MONTH}\.? (?:1[5-9]|20)\d\d\b"
    rf"|\b{_MONTH}\.? \d{{1,2}}\b(?! ?\d)|\b\d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{2,4}}\b"
    rf"|\b(?:1[5-9]|20)\d\d(?:[-–]\d{{2,4}})?\b"
    r"|\b\d{1,2}[:.]\d\d ?(?:a\.?m\.?|p\.?m\.?)",
    re.I,
)
_NAMES = re.compile(
    r"\b(?:[A-Z][\w.'’&-]*)(?:[ ](?:of|de|von|van|the|and|for|&|al|bin|[A-Z][\w.'’&-]*))*[ ][A-Z][\w.'’&-]*"
    r"|\b[A-Z][A-Za-z]*[A-Z][\w-]*|(?<=[a-z,;:] )[A-Z][\w'’-]+"
)
_ADDRESSES = re.compile(
    r"https?://[^\s)\]>]+|\bwww\.[^\s)\]>]+|[\w.+-]+@[\w-]+\.[\w.-]*\w|\+?\(?\d[\d()]*[-. ]\d[\d() .-]{5,}\d", re.I
)
_JOINED = re.compile(r"(?<![\w-])(?=[\w/-]*\d)\w+(?:[-/]\w+)*-\w*[A-Z\d]\w*(?:[-/]\w+)*(?![\w-])")
"""Codes of several pieces: "21-13199", "10-K", "108-36"."""
_COMPARED = re.compile(r"\b(?:difference|gap|shortfall|surplus|than|compared|versus|vs)\b", re.I)
_NUMBER_WORDS = {
    word: at for at, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.I)


def text_candidates(wanted: Expectation, wording: Wording, sentences: Sequence[Sentence]) -> list[Candidate]:
    """A candidate per sentence that has a word of the question.

    A sentence that says nothing beyond the question's own words, such as a heading, is given with what follows it.
    """
    made = []
    for at, sentence in enumerate(sentences):
        own = wording.found(sentence.text)
        around = wording.found(f"{sentence.context} {sentence.before}") - own
        placed = wanted.placed and sentence.found.rank == 0 and bool(short_answers(wanted, sentence.text))
        if not own and not around and not placed:
            continue
        given = [sentence]
        if own and _empty(wanted, wording, sentence.text):
            given = _with_following(sentences, at)
            if any(wording.found(one.text) >= own for one in given[1:]):
                continue  # which says the same words, and more
        text = _joined(given)
        own = wording.found(text)
        score = wording.weight(own) + UNDER * wording.weight(around - own)
        spans = [span for span in short_answers(wanted, text) if not _asked(text[slice(*span)], wording)]
        if len(text.split()) < LEAST_WORDS and not spans:
            score *= 0.5
        if wanted.counted and spans:
            spans = [span for span in spans if _counts(wanted, text, span)]
        if spans:
            score += TYPED
        elif wanted.kind in TYPES:
            score -= TYPED
        score -= LENGTH * max(0, len(text.split()) - SHORT)
        short = None
        if spans:
            best = max(spans, key=lambda span: (_near(text, span, wording), -span[0]))
            short = text[slice(*best)].strip().rstrip(".,;:")
            short = short.strip("()") if short.count("(") != short.count(")") else short
            short = as_asked(wanted, short)
        cites = tuple(Cite(one.found, one.element.id, (one.box,), one.text) for one in given)
        quoted = _quoted(text, short)
        made.append(Candidate(score, ((quoted, cites),), short, "sentence"))
        difference = _difference(wanted, wording, sentence.text)
        if difference is not None:
            short, computation = difference
            line = (f"{sentence.text.rstrip('.')}; {computation}", cites[:1])
            made.append(Candidate(score + ASKED, (line,), short, "computed", computation))
    return made


def _difference(wanted: Expectation, wording: Wording, text: str) -> tuple[str, str] | None:
    """The difference of the only two amounts in a sentence, of one kind, where a difference is asked for."""
    if wanted.operation is not Operation.DIFFERENCE or not _COMPARED.search(wanted.text):
        return None
    if len(text) > LONGEST or wording.cover(text) < QUARTER:
        return None
    found = [value for value in values(text) if not value.is_year]
    if len(found) != 2 or found[0].share != found[1].share or found[0].scale != found[1].scale:
        return None
    if found[0].unit != found[1].unit or not (found[0].share or found[0].unit):
        return None  # numbers without a unit may be of anything
    high, low = sorted(found, key=lambda value: -value.number)
    decimals = max(high.decimals, low.decimals)
    result = f"{high.unit}{written(high.number - low.number, decimals)}{'%' if high.share else ''}"
    return result, f"{high.text} − {low.text} = {result}"


def _joined(given: Sequence[Sentence]) -> str:
    """Sentences one after the other; a colon stands after a heading."""
    texts = [
        f"{one.text}:" if one.element.kind in HEADS and one is not given[-1] and one.text[-1].isalnum() else one.text
        for one in given
    ]
    return " ".join(texts)


def _counts(wanted: Expectation, text: str, span: tuple[int, int]) -> bool:
    """Whether what is counted stands within a few words after a number, or right before it."""
    after = stems(" ".join(text[span[1] : span[1] + 80].split()[:4]))
    before = stems(" ".join(text[max(0, span[0] - 60) : span[0]].split()[-3:]))
    return bool(wanted.counted & {*after, *before})


def _empty(wanted: Expectation, wording: Wording, text: str) -> bool:
    """Whether a sentence says nothing beyond the question."""
    if wanted.kind in TYPES and short_answers(wanted, text):
        return False
    return wording.precision(text) >= REPEATS or text.rstrip().endswith((":", "?"))


def _with_following(sentences: Sequence[Sentence], at: int) -> list[Sentence]:
    given = [sentences[at]]
    for sentence in sentences[at + 1 :]:
        if sentence.found is not given[0].found or len(given) > FOLLOWING:
            break
        if sentence.element.kind in HEADS and given[-1].element.kind not in HEADS:
            break
        if given[-1].text.endswith(":") and _table_between(given[-1], sentence):
            break  # which is what was announced
        given.append(sentence)
        if sum(len(one.text) for one in given[1:]) > SAID:
            break
    return given


def _table_between(one: Sentence, other: Sentence) -> bool:
    """Whether a table stands between two sentences of a page."""
    elements = one.found.page.elements
    first, last = elements.index(one.element), elements.index(other.element)
    return any(element.table is not None and element.table.cells for element in elements[first + 1 : last])


def short_answers(wanted: Expectation, text: str) -> list[tuple[int, int]]:
    """Where a text has answers of the expected kind, in characters."""
    match wanted.kind:
        case Expected.SHARE:
            return [(value.start, value.end) for value in values(text) if value.share]
        case Expected.NUMBER:
            joined = list(_JOINED.finditer(text))
            if wanted.identifies:
                return [found.span() for found in joined]
            codes = [found.span() for found in joined if re.search("[A-Za-z]", found.group())]
            plain = [(value.start, value.end) for value in values(text) if not value.is_year]
            return [span for span in plain if not any(low <= span[0] < high for low, high in codes)]
        case Expected.COUNT:
            numbers = [(value.start, value.end) for value in values(text) if not value.is_year and not value.share]
            return numbers + [found.span() for found in _NUMBER_WORD.finditer(text)]
        case Expected.DATE:
            return [found.span() for found in _DATES.finditer(text)]
        case Expected.ADDRESS:
            return [found.span() for found in _ADDRESSES.finditer(text)]
        case Expected.NAME:
            return [found.span() for found in _NAMES.finditer(text)]
    return []


def _asked(span: str, wording: Wording) -> bool:
    """Whether all of a short answer's words are the question's."""
    return wording.precision(span) == 1.0


def _near(text: str, span: tuple[int, int], wording: Wording) -> float:
    """How close the words of the question stand to a span, each at its nearest."""
    places: dict[str, float] = {}
    for at, word in _words(text):
        if word in wording.weights and not span[0] <= at < span[1]:
            between = text[at : span[0]] if at < span[0] else text[span[1] : at]
            distance = len(between.split()) + 3 * len(re.findall(r"[;:]", between))
            places[word] = max(places.get(word, 0.0), 0.0, 1 - distance / REACH)
    return sum(wording.weights[word] * near for word, near in places.items())


def _words(text: str) -> list[tuple[int, str]]:
    made = []
    for found in re.finditer(r"[^\W_]+", text):
        stem = stems(found.group())
        if stem:
            made.append((found.start(), stem[0]))
    return made


def _quoted(text: str, short: str | None) -> str:
    """The sentence, or of a long one the part around its short answer, cut at words."""
    if len(text) <= LONGEST:
        return text
    at = text.find(short) if short else 0
    start = max(0, at - LONGEST // 2)
    start = 0 if start == 0 else text.find(" ", start) + 1
    end = start + LONGEST
    cut = text[start:end] if end >= len(text) else text[start:end].rpartition(" ")[0]
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")
