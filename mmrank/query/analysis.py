"""What a question names: pages, elements, kinds of elements, statements of a report.

Rules, no model: a question such as "In Figure 2 on page 14 of the report, how many …" says where to look before
anything is compared with the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmrank.names import ORDINALS, canonical
from mmrank.numerals import roman_to_int
from mmrank.query.finance import statement_lines
from mmrank.query.instructions import without_instructions
from mmrank.types import ElementKind

_NUMBER = r"(\d{1,4}(?:\.\d{1,2}){0,3}|[ivxlc]{1,7}\b|[a-z]\d{0,2}(?:\.\d{1,2}){0,2}\b)"
_HANDLE = re.compile(
    r"\b(fig(?:ure|\.)?s?|tab(?:le|\.)s?|chart|exhibit|section|sec\.|chapter|appendix|box|equation|algorithm|step)"
    rf"\s*\.?\s*{_NUMBER}(?:\s*(?:-|–|to|and|&|,)\s*{_NUMBER})?",
    re.IGNORECASE,
)
_NTH = re.compile(rf"\b(?:{'|'.join(ORDINALS)}) (?:figure|table|section|chapter)\b", re.IGNORECASE)
_HANDLE_NAMES = {"fig": "figure", "tab": "table", "sec": "section"}
_COUNTED = {
    name: at
    for at, name in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1)
}
_ONE_PAGE = rf"(?:\d{{1,4}}|(?:{'|'.join(_COUNTED)})\b)"
_PAGE = re.compile(
    rf"\b(?:pages?|slides?|p\.|pg\.?)\s*(?:no\.?|number)?\s*\(?({_ONE_PAGE})\)?"
    rf"((?:\s*(?:,\s*and|-|–|to|through|and|&|,)\s*(?:pages?\s+|slides?\s+)?{_ONE_PAGE})*)",
    re.IGNORECASE,
)
_RANGE = re.compile(r"-|–|\bto\b|\bthrough\b", re.IGNORECASE)
LONGEST_RANGE = 20
"""Longest range of pages of which every page counts; of a longer one only both ends do."""
_ROMAN_PAGE = re.compile(
    r"\b(?i:pages?)\s+((?i:[ivxlc]{2,7})|[ivx](?=\s*(?:[?.,;)]|$|and\b|of\b)))\b"
    r"(?:\s*(?:,|and|&|to|-|–)\s*((?i:[ivxlc]{2,7}))\b)?"
)
_PLACES = {"first": 0, "last": -1, "final": -1, "penultimate": -2, "antepenultimate": -3} | {
    name: at - 1 for name, at in ORDINALS.items() if name.isalpha()
}
_NAMED_PLACE = "|".join(sorted(_PLACES, key=len, reverse=True))
_FROM_END = r"(?P<end>[\s-]*(?:to|from|before)?(?:[\s-]*the)?[\s-]*(?:last|end))"
_PLACE = re.compile(
    rf"\b(?:(?P<named>{_NAMED_PLACE}|next(?=[\s-]+to[\s-]))|(?P<counted>\d{{1,3}})(?:st|nd|rd|th)){_FROM_END}?\s+(?:page|slide)\b"
    rf"|\b(?:page|slide)s?\s+(?:(?:that|which)\s+)?(?:is\s+|comes\s+|stands\s+)?(?:at\s+|in\s+|on\s+)?(?:the\s+)?"
    rf"(?P<named_after>{_NAMED_PLACE}){_FROM_END.replace('end>', 'end_after>')}?"
    r"(?=\s*(?:[?.,;)]|$|(?:position|place|of|in)\b))",
    re.IGNORECASE,
)
"""A page by its position: "the second to last page", "the page at the second last"."""
_LAST_BUT = re.compile(r"\blast(?:\s+(?:page|slide))?\s+but\s+(one|two|three)\b", re.IGNORECASE)
_SEVERAL = re.compile(rf"\b(first|last)\s+(\d|{'|'.join(_COUNTED)})\s+(?:pages|slides)\b", re.IGNORECASE)
_COVER = re.compile(
    r"\b(?:cover|title|front|opening)\s+(?:page|slide)\b|\b(?:on|of|in) the (?:front )?cover\b|\bfront cover\b",
    re.IGNORECASE,
)
_BACK = re.compile(r"\bback (?:cover|page)\b", re.IGNORECASE)

_WORK = (
    r"(?:the|this)\s+(?:\w+\s+){0,2}?(?:document|report|paper|article|presentation|slides?|deck|brochure|guide ?book"
    r"|handbook|manual|book|memo(?:randum)?|letter|filing|study|survey|publication|pdf|case)\b"
)
_MADE = r"(?:wr(?:ote|itten)|author(?:ed|s)?|created|published|prepared|made|presented|issued|edited|released|compiled)"
_MAKER = r"(?:who|that|which|company|organi[sz]ation|institut(?:e|ion)|university|agency|firm|ministry|department)"
_PARTY = (
    r"(?:authors?|writers?|editors?|publishers?|presenters?|defendants?|plaintiffs?|petitioners?|respondents?"
    r"|appell(?:ant|ee)s?)\b"
)
_FRONT = re.compile(
    "|".join(
        (
            r"\b(?:title|name|author|date|year|month|publisher|subject|topic|version|edition)s?\s+"
            rf"(?:(?:of|for|on|is|was)\s+)(?:publication\s+of\s+)?{_WORK}",
            rf"\b(?:who|what|which)\b[^?,]{{0,25}}\b(?:is|are|was|were)\s+(?:the\s+|an?\s+)?{_PARTY}",
            rf"\b{_MAKER}\s+(?:has\s+|have\s+)?{_MADE}\s+{_WORK}",
            rf"\b(?:when|what|which)\b[^?,]{{0,20}}\b(?:was|were|is)\s+{_WORK}\s+(?:\w+ly\s+|first\s+)?"
            rf"(?:{_MADE}|dated|filed|updated|signed)\b",
            r"\b(?:case|docket|filing|filling|document|report)\s+(?:id|number|no\b\.?)",
            r"\b(?:what|which|where)\b[^?,]*\bauthors?\b[^?,]{0,30}\b(?:affiliat\w+|universit\w+|institut\w+|e-?mails?)\b",
            rf"\b(?:what|which)\b[^?,]{{0,20}}\b(?:affiliations?|universit\w+|e-?mails?)\b[^?,]{{0,30}}\b{_PARTY}",
        )
    ),
    re.IGNORECASE,
)
"""Questions about a document itself: who made it, when, what it is called. Its first pages tell."""

_QUOTED = re.compile(r"[\"“‘]([^\"“”‘’]{3,120})[\"”’]|(?<![\w'])'([^']{3,120})'(?!\w)")

_KINDS: tuple[tuple[ElementKind, str], ...] = (
    (
        ElementKind.CHART,
        r"\b(?:(?:pie|bar|line)?\s*(?:chart|graph|plot)s?|bars?|pie|curves?|histogram|axis|legend|heat ?map)\b",
    ),
    (ElementKind.TABLE, r"\b(?:tables?|tabular|columns?|rows?)\b"),
    (
        ElementKind.FIGURE,
        r"\b(?:figures?|photo(?:graph)?s?|pictures?|images?|diagrams?|maps?|logos?|icons?|screenshots?|illustrations?"
        r"|drawings?|colou?rs?|colou?red|waveforms?|flow ?charts?|arrows?|signatures?)\b",
    ),
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a question names.

    Attributes:
        raw: the question as it was asked.
        text: the question without instructions on how to write the answer.
        handles: names of elements, normalised as in `Passage.handles`: "figure 2", "table ii" → "table 2".
        page_numbers: page or slide numbers, as the question gives them.
        roman_pages: page numbers that the question gives in roman numerals, as front matter has them.
        places: pages named by position: 0 for the first or cover page, -1 for the last.
        kinds: kinds of elements the question is about.
        front: whether it asks about the document itself (title, authors, date, parties), which its first pages tell.
        quoted: phrases in quotation marks, to be found word for word.
        statements: statements of a financial report that hold the answer, with the lines wanted from each.
    """

    raw: str
    text: str
    handles: tuple[str, ...] = ()
    page_numbers: tuple[int, ...] = ()
    roman_pages: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    kinds: frozenset[ElementKind] = frozenset()
    front: bool = False
    quoted: tuple[str, ...] = ()
    statements: tuple[tuple[str, tuple[str, ...]], ...] = ()


def analyse(question: str) -> Analysis:
    """Find what a question names.

    >>> analysis = analyse("What is the score in Table II on page 3? Please write the answer in float format.")
    >>> analysis.text, analysis.handles, analysis.page_numbers
    ('What is the score in Table II on page 3?', ('table 2',), (3,))
    >>> [name for name, _ in analyse("What is the quick ratio of Nike in FY2021?").statements]
    ['balance']
    >>> [analyse(asked).front for asked in ("Who wrote this report?", "Who wrote the most letters in 2019?")]
    [True, False]
    """
    raw = " ".join(question.split())
    text = without_instructions(raw)
    return Analysis(
        raw=raw,
        text=text,
        handles=_handles(raw),
        page_numbers=_page_numbers(text),
        roman_pages=_roman_pages(text),
        places=_places(text),
        kinds=frozenset(kind for kind, pattern in _KINDS if re.search(pattern, text, re.IGNORECASE)),
        front=_FRONT.search(raw) is not None and not raw.lower().startswith("how many"),
        quoted=tuple(found[1] or found[2] for found in _QUOTED.finditer(text)),
        statements=statement_lines(text),
    )


def _handles(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for match in _NTH.finditer(text):
        found[canonical(match.group(0))] = None
    for match in _HANDLE.finditer(text):
        word = match.group(1).lower().rstrip(".")
        plural = word.endswith("s")
        name = word.rstrip("s") if plural else word
        name = _HANDLE_NAMES.get(name, name)
        first, last = (_normal(group) for group in match.group(2, 3))
        if first is None:
            continue
        found[f"{name} {first}"] = None
        if last is not None:
            is_range = re.search(r"-|–|\bto\b", match.group(0)[len(match.group(1)) :])
            numbers = [last]
            if is_range and first.isdigit() and last.isdigit() and int(first) < int(last) <= int(first) + 20:
                numbers = [str(number) for number in range(int(first) + 1, int(last) + 1)]
            found.update((f"{name} {number}", None) for number in numbers)
    return tuple(found)


def _normal(number: str | None) -> str | None:
    if number is None:
        return None
    number = number.lower()
    if number[0].isdigit():
        return number
    value = roman_to_int(number)
    if value is not None:
        return str(value)
    # "figure a1", "appendix b": letters stay, words do not.
    return number if re.fullmatch(r"[a-h]\d{0,2}(?:\.\d+)*", number) else None


def _page_numbers(text: str) -> tuple[int, ...]:
    numbers: dict[int, None] = {}
    for match in _PAGE.finditer(text):
        last = _counted(match.group(1))
        numbers[last] = None
        pieces = re.split(rf"({_ONE_PAGE})", match.group(2), flags=re.IGNORECASE)
        for between, number in zip(pieces[::2], pieces[1::2], strict=False):
            found = _counted(number)
            if _RANGE.search(between) and last < found <= last + LONGEST_RANGE:
                numbers.update(dict.fromkeys(range(last + 1, found)))
            numbers[found] = None
            last = found
    return tuple(numbers)


def _counted(number: str) -> int:
    return int(number) if number.isdigit() else _COUNTED[number.lower()]


def _roman_pages(text: str) -> tuple[int, ...]:
    numbers: dict[int, None] = {}
    for match in _ROMAN_PAGE.finditer(text):
        for numeral in filter(None, match.groups()):
            value = roman_to_int(numeral.lower())
            if value is not None:
                numbers[value] = None
    return tuple(numbers)


def _places(text: str) -> tuple[int, ...]:
    places = [-1 - _COUNTED[found[1].lower()] for found in _LAST_BUT.finditer(text)]
    text = _LAST_BUT.sub(" ", text)
    for match in _PLACE.finditer(text):
        named = (match["named"] or match["named_after"] or "").lower()
        at = max(int(match["counted"]) - 1, 0) if match["counted"] else 1 if named == "next" else _PLACES[named]
        from_end = (match["end"] or match["end_after"]) and at >= 0
        places.append(-1 - at if from_end else at)
    for match in _SEVERAL.finditer(text):
        count = _counted(match.group(2))
        places += range(count) if match.group(1).lower() == "first" else range(-count, 0)
    if _COVER.search(text):
        places.append(0)
    if _BACK.search(text):
        places.append(-1)
    return tuple(dict.fromkeys(places))
