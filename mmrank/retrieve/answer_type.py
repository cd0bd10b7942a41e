"""What kind of answer a question wants: a number, a share, a date or a name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from mmrank.plurals import singular
from mmrank.retrieve.words import words


class AnswerKind(StrEnum):
    """Kinds of answers that can be told from a text by how they are written."""

    NUMBER = "number"
    SHARE = "share"
    DATE = "date"
    NAME = "name"


_ASKED = (
    (AnswerKind.SHARE, re.compile(r"\b(?:percent(?:age)?|per cent|proportion|share of|what %|how many %)", re.I)),
    (AnswerKind.DATE, re.compile(r"\b(?:when|what (?:date|year|month|day)|which (?:date|year|month|day))\b", re.I)),
    (
        AnswerKind.NUMBER,
        re.compile(
            r"\bhow (?:many|much|long|far|high|deep|big|large|old|fast|loud|often|tall|wide|heavy|hot|cold)\b"
            r"|\bwhat (?:is|was|are|were|did) the (?:\w+ ){0,3}(?:number|amount|total|value|cost|price|rate|sum)\b",
            re.I,
        ),
    ),
    (AnswerKind.NAME, re.compile(r"\b(?:who|whose|whom|which (?:person|company|organi[sz]ation))\b", re.I)),
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_HELD = {
    AnswerKind.SHARE: re.compile(r"\d\s?%|\d\s?per ?cent", re.I),
    AnswerKind.DATE: re.compile(rf"\b(?:1[5-9]|20)\d\d\b|\b{_MONTH}\.? \d{{1,2}}\b|\b\d{{1,2}} {_MONTH}\b", re.I),
    AnswerKind.NUMBER: re.compile(r"\d[\d.,]*"),
    AnswerKind.NAME: re.compile(r"\b(?-i:[A-Z][\w.'’-]*)(?: (?-i:[A-Z][\w.'’-]*))+"),
}

_FIRST = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class AnswerType:
    """The kind of answer wanted."""

    kind: AnswerKind

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, question: str) -> AnswerType | None:
        """The kind that a question asks for; None where its words don't tell.

        >>> AnswerType.of("How many people sailed?"), AnswerType.of("Why did they sail?")
        (AnswerType(kind=<AnswerKind.NUMBER: 'number'>), None)
        """
        return next((cls(kind) for kind, pattern in _ASKED if pattern.search(question)), None)

    def places(self, text: str, asked: Collection[str]) -> list[int]:
        """Where a text has answers of this kind that the question does not give itself, in characters.

        >>> AnswerType.of("Who built the pier in 1994?").places("It was built by Ada Byron.", ["pier", "1994"])
        [16]
        >>> AnswerType.of("How many ferries were there in 1994?").places("Ferries of 1994", ["ferry", "1994"])
        []
        """
        return list(self._places(text, asked))

    def in_text(self, text: str, asked: Collection[str]) -> bool:
        """Whether there is one, see `places`."""
        return any(True for _ in self._places(text, asked))

    def _places(self, text: str, asked: Collection[str]) -> Iterator[int]:
        for match in _HELD[self.kind].finditer(text):
            written = match.group()
            first = _FIRST.match(written.lower()) if written.isascii() else None
            # Mostly the first word tells already, without making words of the rest.
            if (first and singular(first.group()) not in asked) or not all(word in asked for word in words(written)):
                yield match.start()
