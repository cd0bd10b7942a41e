"""What a model wrote, cut into sentences with the numbers of the passages that each cites."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmrank.retrieve.spots import sentences

_MARK = r"\[\s*\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\s*\]"
_MARKS = re.compile(rf"\s*({_MARK})")
_LEADING = re.compile(rf"^(?:\s*{_MARK})+[.!?]?")
_THOUGHTS = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_ENDS = re.compile(r"[.!?…][\"”’)\]]*$")
LONGEST_RANGE = 10
"""Passages of a range "[2-5]", at most."""


@dataclass(frozen=True, slots=True)
class Written:
    """A sentence as a model wrote it, without citation marks, and the passages it cites, from 1.

    `whole` is False for one that may go on or was cut short.
    """

    text: str
    cites: tuple[int, ...]
    whole: bool


def read_sentences(text: str) -> list[Written]:
    """The sentences of a text that may still grow; the last one is whole only where it ends as sentences do.

    Marks may stand before or after the full stop. Thoughts in think tags are left out.

    >>> [(one.text, one.cites) for one in read_sentences("Sales rose. [2] Costs fell [1, 3]. Nobody knew.")]
    [('Sales rose.', (2,)), ('Costs fell.', (1, 3)), ('Nobody knew.', ())]
    """
    text = _THOUGHTS.sub(" ", text)
    parts: list[str] = []
    for start, end in sentences(text):
        part = text[start:end]
        leading = _LEADING.match(part)
        if leading and parts:
            parts[-1] += " " + leading.group().strip()
            part = part[leading.end() :].strip()
        if part:
            parts.append(part)
    made = []
    for at, part in enumerate(parts):
        cites = [number for mark in _MARKS.finditer(part) for number in _numbers(mark[1])]
        plain = " ".join(_BULLET.sub("", _MARKS.sub("", part)).split())
        if plain:
            made.append(Written(plain, tuple(dict.fromkeys(cites)), at < len(parts) - 1 or bool(_ENDS.search(plain))))
    return made


def _numbers(mark: str) -> list[int]:
    found: list[int] = []
    pieces = re.findall(r"\d+|[,;–-]", mark)
    for at, piece in enumerate(pieces):
        if not piece.isdigit():
            continue
        number = int(piece)
        if at and pieces[at - 1] in "–-" and found and found[-1] < number <= found[-1] + LONGEST_RANGE:
            found += range(found[-1] + 1, number)
        found.append(number)
    return found
