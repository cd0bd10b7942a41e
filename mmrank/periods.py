"""Periods as people write them: years, fiscal years, quarters and halves.

Questions name them ("FY2018", "Q2 of fiscal 2023"), and documents say which one they report on ("for the quarterly
period ended July 29, 2023"). Both are read here, so that they can be compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

FRONT_PAGES = 3
"""Pages in which a document says what it reports on."""
TOP_CHARACTERS = 600
"""Beginning of the first page in which a title may name the period."""
_MONTHS = {
    name: at
    for at, name in enumerate(
        "january february march april may june july august september october november december".split(), start=1
    )
}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_YEAR = r"(19[5-9]\d|20[0-4]\d)"
_SHORT = r"['’]?(\d\d)"
_FISCAL = r"(?:fiscal(?:\s+year)?|FY)"
_YEARS = re.compile(rf"\b{_FISCAL}\s*(?:{_YEAR}|{_SHORT})(?!\d)|(?<![\d.,$€£]){_YEAR}(?![\d%]|[.,]\d)", re.IGNORECASE)
_LABELS = re.compile(rf"\b{_FISCAL}\s*(?:{_YEAR}|{_SHORT})(?!\d)|\b{_YEAR}\s+fiscal\b", re.IGNORECASE)
_QUARTERS = re.compile(
    r"\bQ([1-4])(?!\d)|\b([1-4])Q(?=\d|\b)|\b(first|second|third|fourth)[\s-]+quarter\b|\bH([12])(?!\d)|\b(first|second)"
    r"[\s-]+half\b",
    re.IGNORECASE,
)
_ENDED = re.compile(
    r"\b(fiscal\s+year|year|quarterly\s+period|quarter|three\s+months|six\s+months|nine\s+months|twelve\s+months)"
    rf"s?\s+(?:then\s+)?end(?:ed|ing):?\s*({'|'.join(_MONTHS)})\s+(\d{{1,2}}),?\s+{_YEAR}",
    re.IGNORECASE,
)
_MONTHS_ENDED = re.compile(r"\b(six|nine)(?:[\s-]+month(?:s|\s+periods?)?)\s+end(?:ed|ing)", re.IGNORECASE)
_NEW_YEAR_DAYS = 7
"""A business year of 52 or 53 weeks that ends in so many first days of January is named after the year before."""
_WHOLE_YEARS = frozenset({"fiscal year", "year", "twelve months"})
_QUARTERS_IN = {"six": 2, "nine": 3}


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A year, or with `quarter` (1 to 4) the part of it that ends with this quarter."""

    year: int
    quarter: int | None = None

    def __str__(self) -> str:
        return f"{self.year}" if self.quarter is None else f"{self.year}-Q{self.quarter}"

    @classmethod
    def parse(cls, text: str) -> Period | None:
        """What `str` wrote; None for anything else.

        >>> Period.parse("2023-Q2"), Period.parse("soon")
        (Period(year=2023, quarter=2), None)
        """
        found = re.fullmatch(rf"{_YEAR}(?:-Q([1-4]))?", text)
        return cls(int(found[1]), int(found[2]) if found[2] else None) if found else None


def named_period(text: str) -> Period | None:
    """The period a question is about: the latest that it names, fiscal years before other years.

    A question that compares two years is answered by the report on the later one.

    >>> [str(named_period(text)) for text in ("revenue in FY2018 and FY19", "Q2 of fiscal 2023", "in May 2019")]
    ['2019', '2023-Q2', '2019']
    >>> named_period("How many of 2,019 people agree?") is None
    True
    """
    years = [
        (found.start(), _year_of(found), bool(found[0].lower().startswith("f"))) for found in _YEARS.finditer(text)
    ]
    fiscal = [year for _, year, labelled in years if labelled]
    if not years:
        return None
    latest = max(fiscal) if fiscal else max(year for _, year, _ in years)
    for found in _QUARTERS.finditer(text):
        # A quarter belongs to the year that is named nearest to it.
        _, nearest, _ = min(years, key=lambda named: abs(named[0] - found.start()))
        if nearest == latest:
            return Period(latest, _quarter_of(found))
    return Period(latest)


def reported_period(pages: Sequence[str], name: str = "") -> Period | None:
    """The period that a document reports on, as its first pages say; None where they say none.

    A year is named after the year it ends in. Where it ends in January or February, companies differ, so the document's
    own use of "fiscal 2022" and "fiscal 2023" decides. A quarterly report that also gives six or nine months is the
    second or third quarter, and its year is the one that ends so many quarters later.

    Args:
        pages: the text of each page.
        name: the file's name, which may say the period where the pages do not.

    >>> str(reported_period(["For the quarterly period ended July 29, 2023", "six months ended July 29, 2023"]))
    '2024-Q2'
    >>> str(reported_period(["Annual report for the year ended January 1, 2023"]))
    '2022'
    """
    front = " ".join(" ".join(pages[:FRONT_PAGES]).split())
    # Of several the latest: reports set the year before beside their own.
    ended = max(_ENDED.finditer(front), key=lambda found: (int(found[4]), _MONTHS[found[2].lower()]), default=None)
    if ended is None:
        return _named_in_front(pages, name)
    month, day, year = _MONTHS[ended[2].lower()], int(ended[3]), int(ended[4])
    if " ".join(ended[1].lower().split()) in _WHOLE_YEARS:
        return Period(_year_label(pages, year, month, day))
    quarter = max(
        (_QUARTERS_IN[found[1].lower()] for page in pages for found in _MONTHS_ENDED.finditer(page)), default=1
    )
    months_left = 3 * (4 - quarter)
    return Period(year + (month + months_left > 12), quarter)


def _year_label(pages: Sequence[str], year: int, month: int, day: int) -> int:
    if month == 1 and day <= _NEW_YEAR_DAYS:
        return year - 1
    if month <= 2:
        used = Counter(label for page in pages for label in {_year_of(found) for found in _LABELS.finditer(page)})
        return year if used[year] >= used[year - 1] else year - 1
    return year


def _named_in_front(pages: Sequence[str], name: str) -> Period | None:
    """The period that the top of the first page names, or the file's name."""
    for text in (" ".join("\n".join(pages[:1]).split())[:TOP_CHARACTERS], re.sub(r"[_\W]+", " ", name)):
        period = named_period(text)
        if period is not None:
            return period
    return None


def _year_of(found: re.Match[str]) -> int:
    for group in found.groups():
        if group:
            return int(group) if len(group) == 4 else 2000 + int(group)
    raise AssertionError("every alternative has a year")


def _quarter_of(found: re.Match[str]) -> int:
    number, reversed_number, word, half, half_word = found.groups()
    if number or reversed_number:
        return int(number or reversed_number)
    if word:
        return _ORDINALS[word.lower()]
    return 2 * (int(half) if half else _ORDINALS[half_word.lower()])


def period_match(asked: Period | None, reported: Period | None) -> float:
    """How well a document's period answers the period a question names, −0.2 to 1; 0 where either is unknown.

    >>> [period_match(Period(2023, 2), Period.parse(text)) for text in ("2023-Q2", "2023", "2022")]
    [1.0, 0.7, -0.2]
    """
    if asked is None or reported is None:
        return 0.0
    if asked == reported:
        return 1.0
    if asked.year == reported.year:
        return 0.7
    # A report on the following year shows this one beside it.
    return 0.0 if reported.year == asked.year + 1 else -0.2
