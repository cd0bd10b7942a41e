"""Several questions asked at once, told apart, and what each is after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mmrank.query.analysis import analyse

MOST_PARTS = 4
"""Sub-questions of one question."""
SHORTEST = 3
"""Words of a sub-question."""
_WH = r"(?:what|which|who|whom|whose|when|where|why|how)"
_AUX = r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would)"
_VERB = r"(?:list|name|give|find|show|enumerate|describe|explain|count|compute|calculate)"
_AND = r"(?:and|also|then|plus|next|besides|in addition|additionally|furthermore)\b,?\s*(?:also\b,?\s*)?"
_JOINT = re.compile(
    rf"\?\s+(?:{_AND})?(?=[^?]*\b{_WH}\b)|[.!]\s+{_AND}(?=[^.?]*\b{_WH}\b)"
    r"|(?:[?.!]+\s+|\s*[,;]?\s*\b(?:and|also|as well as|plus|then)\s+(?:also\s+|then\s+)?|\s*;\s*|\s*[–—-]\s+)"
    rf"(?=(?:{_WH}\b(?!\s+(?:of them|one)\b)|(?:in|on|at|for|from|by|to|of|among)\s+{_WH}\b"
    rf"|{_AUX}\s+(?:the|there|any|a|an|it|they)\b|{_VERB}\s+(?:the|all|me|every|each|how)\b))",
    re.I,
)
_ASKS = re.compile(
    r"\b(?:what|when|where|why|how)\b|(?:^|[,;:]\s*|\b(?:in|on|at|for|from|by|to|of|and|or|with|about)\s+)"
    rf"(?:which|who|whom|whose)\b|^(?:{_AUX}|{_VERB})\b",
    re.I,
)
"""What asks something. "Who" and "which" after a noun do not: "Republicans who are male"."""
_INSTRUCTS = re.compile(
    r"^(?:please )?(?:give|return|write|answer|round|express|provide|format|list)\b[^?]*"
    r"\b(?:integers?|formats?|decimals?|floats?"
    r"|lists?|percents?|percentages?|terms|units?|order|millions?|places?)\b",
    re.I,
)
_OF_THEM = re.compile(r"\b(?:all|each|both|any|some|one) of (?:them|these|those)\b", re.I)
"""What makes a part an addition to the one before it."""
_PRONOUN = re.compile(r"\b(?:it|its|they|their|them|he|his|she|her|this|these|those|that (?:year|company|one))\b", re.I)
_NAME = re.compile(
    r"(?<![.!?] )(?<!^)\b(?:[A-Z][\w&'’.-]*)(?:\s+(?:of\s+)?[A-Z][\w&'’.-]*)*|\b(?:FY\s?)?(?:19|20)\d\d\b"
)
_SIDE = r"(?:[A-Z][\w&'’.-]*\w(?:\s+(?:of\s+)?[A-Z][\w&'’.-]*\w)*|(?:FY\s?)?(?:19|20)\d\d)"
_PAIR = re.compile(rf"(?<!^)\b({_SIDE}),?\s+(?:and|or|versus|vs\.?|than|to|with)\s+({_SIDE})(?!\w)")


class Intent(StrEnum):
    """What a question is after."""

    LOOK_UP = "look up"
    COMPARE = "compare"
    COUNT = "count"
    COMPUTE = "compute"
    LIST = "list"
    ABOUT = "about the document"


_INTENTS = (
    (
        Intent.COMPARE,
        re.compile(
            r"\b(?:compare[ds]?|comparison|difference|versus|vs\.?|(?:more|less|higher|lower) than"
            r"|(?:more|less|higher|lower|larger|smaller|greater|fewer|better|worse)\b.{0,60}\bor\b"
            r"|which .{0,60}\b(?:more|less|higher|lower|larger|smaller|greater|fewer|better|worse))\b",
            re.I,
        ),
    ),
    (
        Intent.COMPUTE,
        re.compile(
            r"\b(?:ratio|margin|average|mean of|(?:sum|total) of|growth|change in|percentage change|turnover"
            r"|calculate|compute)\b",
            re.I,
        ),
    ),
    (Intent.COUNT, re.compile(r"\b(?:how many|number of|count)\b", re.I)),
    (Intent.LIST, re.compile(r"\b(?:list|enumerate|name (?:all|the)|what are|which \w+s are)\b", re.I)),
)


@dataclass(frozen=True, slots=True)
class SubQuestion:
    """A question that can be asked by itself."""

    text: str
    intent: Intent


def intent_of(question: str) -> Intent:
    """What a question is after.

    >>> intent_of("How many ferries sailed?"), intent_of("Who wrote this report?")
    (<Intent.COUNT: 'count'>, <Intent.ABOUT: 'about the document'>)
    """
    if analyse(question).front:
        return Intent.ABOUT
    return next((intent for intent, pattern in _INTENTS if pattern.search(question)), Intent.LOOK_UP)


def sides_of(question: str) -> tuple[str, ...]:
    """A comparison of two names, or of two years, as a question about each; nothing where none are told.

    >>> sides_of("How do fares compare between Skerry and Lunna?")
    ('How do fares compare between Skerry?', 'How do fares compare between Lunna?')
    >>> sides_of("Was revenue higher in 2018 or 2019?")
    ('Was revenue higher in 2018?', 'Was revenue higher in 2019?')
    >>> sides_of("Is the pier longer than the quay?")
    ()
    """
    found = _PAIR.search(question)
    if found is None or found[1] == found[2] or found[1][-1].isdigit() != found[2][-1].isdigit():
        return ()
    before, after = question[: found.start()], question[found.end() :]
    return tuple(f"{before}{side}{after}" for side in (found[1], found[2]))


def decompose(question: str) -> tuple[SubQuestion, ...]:
    """The questions in a question, at most four, each with its intent; the question itself where there is one.

    A part that says "it" or "they" is given the names and years of the one before it.

    >>> [part.text for part in decompose("Who built the pier at Lunna, and how long is it?")]
    ['Who built the pier at Lunna', 'how long is it (Lunna)?']
    >>> [part.text for part in decompose("How do fares compare between Skerry and Lunna?")]
    ['How do fares compare between Skerry and Lunna?']
    """
    raw = " ".join(question.split())
    parts = [part.strip(" ,;") for part in _JOINT.split(raw)]
    parts = _whole(parts)
    if not 2 <= len(parts) <= MOST_PARTS:
        return (SubQuestion(raw, intent_of(raw)),)
    made: list[str] = []
    for part in parts:
        text = part
        if made and _PRONOUN.search(part) and not _NAME.search(part):
            names = dict.fromkeys(found.group().rstrip(".?") for found in _NAME.finditer(made[-1]))
            if names:
                end = "?" if part.endswith("?") else ""
                text = f"{part.removesuffix('?').strip()} ({', '.join(names)}){end}"
        made.append(text)
    return tuple(SubQuestion(text, intent_of(text)) for text in made)


def _whole(parts: Sequence[str]) -> list[str]:
    """Parts that ask something by themselves; another is put back to its neighbour."""
    made: list[str] = []
    for part in parts:
        if not part:
            continue
        asks = _stands(part)
        if made and not (asks and _stands(made[-1])):
            made[-1] = f"{made[-1]} {part}" if made[-1][-1] in ".?!" else f"{made[-1]}, {part}"
        else:
            made.append(part)
    return made


def _stands(part: str) -> bool:
    asks = _ASKS.search(part) is not None and _INSTRUCTS.search(part) is None and _OF_THEM.search(part) is None
    return asks and len(part.split()) >= SHORTEST
