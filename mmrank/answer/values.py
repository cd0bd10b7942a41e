"""Numbers as they are printed: read, compared and written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mmrank.amounts import SCALE, power

_LETTERS = {"k": 1e3, "m": 1e6}
_NUMBER = re.compile(
    r"(?P<open>\()?(?P<sign>[-−–](?=[$€£¥]?\d))?(?P<unit>[$€£¥]|US\$)?\s?(?P<sign2>[-−–](?=\d))?"
    rf"(?P<digits>\d+,\d{{1,2}}(?=\s?(?:{SCALE}))|\d{{1,3}}(?:[,\u202f\u00a0]\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<close>\))?"
    rf"(?:\s?(?P<share>%|per ?cent\b|percent\b)|\s?(?P<scale>{SCALE})|(?P<letter>[kmKM])(?![^\W_]))?",
    re.IGNORECASE,
)
"""With a comma before decimals only where a scale follows: "1,2 Mrd."."""
_COMMA = re.compile(r"\d+,\d{1,2}")


@dataclass(frozen=True, slots=True)
class Value:
    """A number in a text.

    `number` is as printed, without its scale: "4.2 million" has the number 4.2 and the scale 1e6. Numbers in brackets,
    as accounts print them, are negative.
    """

    number: float
    scale: float
    share: bool
    unit: str
    start: int
    end: int
    text: str
    decimals: int

    @property
    def full(self) -> float:
        """With its scale."""
        return self.number * self.scale

    @property
    def is_year(self) -> bool:
        """Whether it looks like a year."""
        return bool(re.fullmatch(r"1[5-9]\d\d|20\d\d", self.text.strip()))


def values(text: str) -> list[Value]:
    """The numbers in a text, in order.

    >>> [value.full for value in values("Sales fell to $(1,204) from 981, or 22.7 %; 4.2 million sold.")]
    [-1204.0, 981.0, 22.7, 4200000.0]
    """
    return list(_values(text))


def _values(text: str) -> Iterator[Value]:
    for found in _NUMBER.finditer(text):
        start = found.start("digits")
        if start and (text[start - 1].isalnum() or text[start - 1] == ".") and not found["unit"]:
            continue  # part of a name: B12, v1.2
        digits = re.sub(r"[,\u202f\u00a0]", "." if _COMMA.fullmatch(found["digits"]) else "", found["digits"])
        bracketed = bool(found["open"] and found["close"]) or _in_accounts(text, found)
        negative = bool(found["sign"] or found["sign2"]) or bracketed
        if found["sign"] and start > 1 and text[max(found.start() - 1, 0)].isalnum():
            negative = False  # a range or a hyphen: 10-12
        scale = _LETTERS.get((found["letter"] or "").lower(), 1.0)
        if found["scale"]:
            scale = 10.0 ** power(found["scale"].lower())
        number = -float(digits) if negative else float(digits)
        decimals = len(digits.partition(".")[2])
        whole = found.group().strip()
        yield Value(
            number, scale, bool(found["share"]), found["unit"] or "", found.start(), found.end(), whole, decimals
        )


def _in_accounts(text: str, found: re.Match[str]) -> bool:
    """Whether a number after a currency sign stands in brackets: $(1,204)."""
    start, end = found.start("digits"), found.end("digits")
    return text[max(start - 2, 0) : start] == "$(" and text[end : end + 1] == ")"


def same(one: float, other: float, *, tolerance: float = 0.005) -> bool:
    """Whether two numbers agree to a relative tolerance.

    >>> same(0.679, 0.68), same(0.67, 0.68)
    (True, False)
    """
    return abs(one - other) <= tolerance * max(abs(one), abs(other)) + 1e-9


def written(number: float, decimals: int | None = None) -> str:
    """A number for people, thousands separated; without `decimals`, as many as tell.

    >>> written(1204.0), written(0.22731), written(-1204.5, 1), written(2.0, 2)
    ('1,204', '0.227', '-1,204.5', '2.00')
    """
    if decimals is None:
        size = abs(number)
        decimals = 0 if size >= 1000 or float(number).is_integer() else 1 if size >= 100 else 2 if size >= 1 else 3
        text = f"{number:,.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{number:,.{decimals}f}"
