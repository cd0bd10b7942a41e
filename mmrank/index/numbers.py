"""Numbers and dates in one form, however they are written.

"1,234,567", "1.234.567" and "1 234 567" are the number 1234567, "$1.2 billion" is 1200000000, and so is "1,200" where
the text says that it counts in millions. "May 3, 2021" and "03.05.2021" are the date 2021-05-03.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

_MONTHS = {
    name: at
    for at, names in enumerate(
        "january jan,february feb,march mar,april apr,may,june jun,july jul,august aug,september sept sep,october oct"
        ",november nov,december dec".split(","),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(_MONTHS)
_YEAR = r"(?:1[5-9]|20)\d\d"
_DATE = re.compile(
    rf"\b(?:(?P<y1>{_YEAR})-(?P<m1>\d\d?)-(?P<d1>\d\d?)"
    rf"|(?P<a>\d\d?)(?P<by>[./])(?P<b>\d\d?)(?P=by)(?P<y2>{_YEAR})"
    rf"|(?P<d3>\d\d?)(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<m3>{_MONTH})\.?,?\s+(?P<y3>{_YEAR})"
    rf"|(?P<m4>{_MONTH})\.?\s+(?P<d4>\d\d?)(?:st|nd|rd|th)?,?\s+(?P<y4>{_YEAR}))(?!\d)"
)
_YEARS = re.compile(_YEAR)
_NUMBER = re.compile(
    r"\d[\d.,]*(?: \d{3})*(?:(?<=\d)\s?(?:(thousand|million|billion|trillion|mn|bn|tn)s?\b"
    r"|(%|per\s?cent\b)))?"
)
"""Where a number may stand."""
_DIGITS = re.compile(
    r"(?:(?P<comma>\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?)"  # 1,234,567.8 and 12,34,567
    r"|(?P<dot>\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d{1,2})"  # 1.234.567,8
    r"|(?P<space>\d{1,3}(?: \d{3}){2,})"  # 1 234 567
    r"|(?P<plain>\d+(?:[.,]\d+)?))(?!\d|[.,]\d)"
)
_SCALES = {"thousand": 3, "million": 6, "mn": 6, "billion": 9, "bn": 9, "trillion": 12, "tn": 12}
_STATED = re.compile(r"\b(?:in|of)\s+(?:us\s*)?[$€£]?\s*(thousand|million|billion)s\b")
"""What a statement says of all its numbers: "(in millions, except per share amounts)"."""
_COUNTED_YEARS = range(1900, 2100)


def folded_numbers(text: str) -> Iterator[tuple[int, str]]:
    """One form for each number and date of a text that is written otherwise, with the place where it ends.

    Args:
        text: in lower case.

    >>> [form for _, form in folded_numbers("1,234,567 or 12.5% on may 3, 2021, $1.2 billion")]
    ['2021-05-03', '1234567', '12.5%', '12.5', '1200000000', '1.2']
    """
    for date in _DATE.finditer(text) if _YEARS.search(text) else ():
        for form in _dates(date):
            yield date.end(), form
    stated = _STATED.search(text)
    power = _SCALES[stated[1]] if stated else 0
    for found in _NUMBER.finditer(text):
        written, scale = found.group(), found[1]
        if not power and written.isdigit():
            continue
        number = _DIGITS.match(written)
        if number is None or (found.start() and text[found.start() - 1].isalnum()):
            continue
        digits, value = number.group(), _value(number)
        end = found.start() + len(digits)
        if found[2] is not None:
            yield found.end(), f"{_written(value)}%"
        elif scale is not None:
            yield found.end(), _written(value.scaleb(_SCALES[scale]))
        elif power and value >= 100 and not (number["plain"] and value in _COUNTED_YEARS):
            yield end, _written(value.scaleb(power))
        if not digits.isdigit():
            yield end, digits.replace(",", ".") if number["plain"] else _written(value)


def _value(number: re.Match[str]) -> Decimal:
    digits = number.group()
    if number["comma"]:
        return Decimal(digits.replace(",", ""))
    if number["dot"]:
        return Decimal(digits.replace(".", "").replace(",", "."))
    return Decimal(digits.replace(" ", "").replace(",", "."))


def _written(value: Decimal) -> str:
    """Digits without an exponent and without zeros behind the point.

    >>> _written(Decimal("1.20E+9")), _written(Decimal("1234.50"))
    ('1200000000', '1234.5')
    """
    return f"{value.normalize():f}"


def _dates(found: re.Match[str]) -> Iterator[str]:
    if found["y1"]:
        pairs = [(found["m1"], found["d1"])]
        year = found["y1"]
    elif found["y2"]:
        # Written with dots the day comes first; with strokes both orders are in use.
        pairs = [(found["b"], found["a"])] + ([(found["a"], found["b"])] if found["by"] == "/" else [])
        year = found["y2"]
    else:
        year = found["y3"] or found["y4"]
        pairs = [(str(_MONTHS[found["m3"] or found["m4"]]), found["d3"] or found["d4"])]
    for month, day in dict.fromkeys(pairs):
        if 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            yield f"{year}-{int(month):02}-{int(day):02}"
