"""The date of a document, as its first pages give it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

FRONT_PAGES = 3
BACK_PAGES = 0.2
"""Share of the pages, at the end, in which a form is signed."""
MOST_LABELLED = 120
"""Characters of a line with a label and a date; longer ones are sentences."""
STALE = 2
"""A file that was made so many years after the period it reports on was copied, not written, then."""
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR = r"((?:19|20)\d\d)(?!\d)"
_WRITTEN = re.compile(
    rf"(?<![\w-])(?:{_MONTH}\s*(\d{{1,2}})(?:st|nd|rd|th)?\s*,?\s+{_YEAR}"
    rf"|(\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}"
    rf"|{_MONTH},?\s+{_YEAR}"
    rf"|{_YEAR}-(\d\d)-(\d\d)(?!\d))",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\b(date of (?:this )?(?:report|document|issue|publication|submission)|for release|released?|published|"
    r"(?:issue|publication|release|revision|report) date|dated?|posted|updated)\b[^\n]{0,60}?$",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(ended|ending|from|since|received|accepted|accessed|retrieved|as of|as at|until|through|expires?|born|period|"
    r"act of|between|effective|earliest event reported)\b[^\n]{0,25}$",
    re.IGNORECASE,
)


def document_date(pages: Sequence[str], *, form: bool = False, period: str = "", created: str = "") -> str | None:
    """The date of a document, as "2020-07-30" or "2020-07"; None where nothing tells it.

    In this order: a date with a label ("Date of report", "For release") on the first pages, one that stands alone
    there, the date of the signature of a form, the day the file was made. A file that was made long after the period
    that it reports on has the year of that period.

    Args:
        pages: the text of each page.
        form: whether it is a government form, which is signed at its end.
        period: what it reports on, as "2023-Q2".
        created: ISO date on which the file was made.

    >>> document_date(["Tide tables\\n30 July 2020\\nThe year ended May 1, 2019 was wet."])
    '2020-07-30'
    """
    front = [line for page in pages[:FRONT_PAGES] for line in page.splitlines()]
    alone = []
    for at, line in enumerate(front):
        for start, stop, found in _dates(line):
            before = line[:start] if line[:start].strip() else " ".join(front[max(0, at - 1) : at])
            if (
                len(line) < MOST_LABELLED
                and _LABEL.search(before)
                and not re.search(r"\b(ended|ending)\b", before, re.IGNORECASE)
            ):
                return found
            period_named = re.match(r"\W*(quarter|half|year|results)", line[stop:], re.IGNORECASE)
            if len(line) - (stop - start) < 40 and not (form or period_named or _OTHER.search(before)):
                alone.append(found)
    if alone:
        return max(alone, key=len)  # a day rather than a month; of several the first
    if form:
        signed = [found for found in _signed(pages) if found[:4] >= period[:4] and found <= (created or found)]
        if signed:
            return max(signed)
    if period and created and int(created[:4]) - int(period[:4]) > STALE:
        return period[:4]
    return created or None


def _signed(pages: Sequence[str]) -> Iterator[str]:
    """Dates that follow "Date:" on the last pages."""
    for page in pages[-max(3, int(BACK_PAGES * len(pages))) :]:
        for start, _, found in _dates(page):
            if re.search(r"(?:^|[\n|])\W*dated?\W*$", page[max(0, start - 20) : start], re.IGNORECASE):
                yield found


def _dates(text: str) -> Iterator[tuple[int, int, str]]:
    """Each date of a text: where it begins and ends, and as ISO."""
    for found in _WRITTEN.finditer(text):
        month, day, year, day2, month2, year2, month3, year3, year4, month4, day4 = found.groups()
        name, number = month or month2 or month3, day or day2 or day4
        at = _MONTHS.index(name[:3].lower()) + 1 if name else int(month4)
        whole = int(year or year2 or year3 or year4)
        try:
            date(whole, at, int(number or 1))
        except ValueError:
            continue
        yield found.start(), found.end(), f"{whole}-{at:02}" + (f"-{int(number):02}" if number else "")
