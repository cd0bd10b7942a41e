"""Numbers and dates in one form, however they are written.

"1,234,567", "1.234.567" and "1 234 567" are the number 1234567, "$1.2 billion" is 1200000000, and so are "1,2
Milliarden" and "12億", and "1,200" where the text says that it counts in millions. A large amount with its
currency also has a form that names it: "usd1200000000". "May 3, 2021" and "03.05.2021" are the date 2021-05-03.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from mmrank.amounts import SCALE, SIGNS, STATED, currencies_beside, is_english, stated_power
from mmrank.amounts import power as power_of

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
    r"\d[\d.,]*(?: \d{3})*"
    rf"(?:(?<=\d)(?:\s?(?:(?P<scale>{SCALE})|(?P<share>%|per\s?cent\b))|(?P<letter>[mbk])(?![^\W_])))?"
)
"""Where a number may stand."""
_DIGITS = re.compile(
    r"(?:(?P<comma>\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?)"  # 1,234,567.8 and 12,34,567
    r"|(?P<dot>\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d{1,2})"  # 1.234.567,8
    r"|(?P<space>\d{1,3}(?: \d{3}){2,})"  # 1 234 567
    r"|(?P<plain>\d+(?:[.,]\d+)?))(?!\d|[.,]\d)"
)
_LETTERS = {"k": 3, "m": 6, "b": 9}
"""Scales of an amount that has its currency: "€1.2m"."""
_GROUPED = re.compile(r"\d{1,3}[.,]\d{3}$")
_SPACED = re.compile(r"\d{1,3}(?: \d{3})+(?!\d)")
_COMPOUND = re.compile(r"(\d[\d,.]*)\s?([兆億亿萬万千百조억만천]{1,2})\s?")
"""A part of "12億3,000万"."""
LARGE = 1_000_000
"""Least amount that is given a form with its currency."""
_COUNTED_YEARS = range(1900, 2100)


def folded_numbers(text: str) -> Iterator[tuple[int, str]]:
    """One form for each number and date of a text that is written otherwise, with the place where it ends.

    Args:
        text: in lower case.

    >>> [form for _, form in folded_numbers("1,234,567, 12.5% on may 3, 2021, $1.2 billion")]
    ['2021-05-03', '1234567', '12.5%', '12.5', '1200000000', 'usd1200000000', '1.2']
    """
    for date in _DATE.finditer(text) if _YEARS.search(text) else ():
        for form in _dates(date):
            yield date.end(), form
    stated = STATED.search(text)
    power = stated_power(stated) if stated else 0
    english = stated is not None and stated.group().endswith(("thousands", "millions", "billions"))
    beyond = 0
    for found in _NUMBER.finditer(text):
        written, scale = found.group(), found["scale"]
        if not power and written.isdigit() and len(written) < 7:
            continue
        number = _DIGITS.match(written)
        if number is None or found.start() < beyond or (found.start() and _in_word(text[found.start() - 1])):
            continue
        digits, value = number.group(), _value(number)
        end = found.start() + len(digits)
        if found["share"] is not None:
            yield found.end(), f"{_written(value)}%"
        elif scale is not None:
            spaced = _SPACED.match(written)
            if spaced is not None:
                value = Decimal(spaced.group().replace(" ", ""))
            beyond, amount = _compound(text, found, value)
            beside = currencies_beside(text, found.start(), beyond)
            yield from ((beyond, form) for form in _amounts(amount, beside))
            if not is_english(scale) and _GROUPED.match(digits):  # "1.200 Mio.", "1,234 Mrd."
                other = digits.replace(",", ".") if number["comma"] else re.sub(r"[.,]", "", digits)
                yield from ((beyond, form) for form in _amounts(Decimal(other).scaleb(power_of(scale)), beside))
        elif found["letter"] is not None:
            beside = currencies_beside(text, found.start(), found.end())
            if beside:
                yield from ((found.end(), form) for form in _amounts(value.scaleb(_LETTERS[found["letter"]]), beside))
        elif power and not english and number["plain"] and _GROUPED.match(digits):  # "1.200" below "in Mio. €"
            yield end, _written(Decimal(re.sub(r"[.,]", "", digits)).scaleb(power))
        elif power and value >= 100 and not (number["plain"] and value in _COUNTED_YEARS):
            yield end, _written(value.scaleb(power))
        elif value >= LARGE:
            beside = currencies_beside(text, found.start(), end)
            yield from ((end, form) for form in _amounts(value, beside) if not form.isdigit())
        if not digits.isdigit():
            yield end, digits.replace(",", ".") if number["plain"] else _written(value)


def _in_word(letter: str) -> bool:
    """Whether a letter before a number makes it part of a word: not in scripts that are written without spaces."""
    return letter.isalnum() and not "\u3040" <= letter <= "\u9fff"


def _compound(text: str, found: re.Match[str], value: Decimal) -> tuple[int, Decimal]:
    """Where an amount ends and what it is, its lower parts included: of "12億3,000万" 1230000000."""
    power = power_of(found["scale"])
    total, end = value.scaleb(power), found.end()
    while found["scale"][0] in SIGNS and (part := _COMPOUND.match(text, end)) is not None:
        number = _DIGITS.match(part[1])
        lower = power_of(part[2])
        if number is None or number.end() < len(part[1]) or lower >= power:
            break
        total += _value(number).scaleb(lower)
        power, end = lower, part.end(2)
    return end, total


def _amounts(amount: Decimal, currencies: Sequence[str]) -> Iterator[str]:
    """The forms of an amount: alone, and after each currency that may be meant."""
    form = _written(amount)
    yield form
    if amount >= LARGE:
        yield from (f"{currency}{form}" for currency in currencies)


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
