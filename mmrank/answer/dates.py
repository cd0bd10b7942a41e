"""Dates in the form that a question wishes."""

from __future__ import annotations

import re

from mmrank.answer.expected import Expectation, Expected

_MONTHS = {name: at for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)}
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")


def as_asked(wanted: Expectation, date: str) -> str:
    """A date as the question asks to have it written ("YYYY-MM-DD"); as it stands where it asks nothing or that fails.

    Of two numbers that may both be a month the first is taken for it.

    >>> from mmrank.answer.expected import expectation
    >>> as_asked(expectation("On what date did it sail? Format it as YYYY-MM-DD."), "October 7, 2003")
    '2003-10-07'
    >>> as_asked(expectation("On what date did it sail? Write it as YYYY-MM."), "31/05/2022")
    '2022-05'
    """
    if wanted.kind is not Expected.DATE or not wanted.form:
        return date
    parts = _parts(date)
    if parts is None:
        return date
    made = wanted.form
    for letters, number in zip(("YYYY", "MM", "DD"), parts, strict=True):
        if letters in made:
            if number is None:
                return date
            made = made.replace(letters, f"{number:0{len(letters)}d}")
    return made


def _parts(date: str) -> tuple[int, int, int | None] | None:
    """Year, month and day."""
    found = _YEAR.search(date)
    if found is None:
        return None
    rest = date[: found.start()] + " " + date[found.end() :]
    numbers = [int(number) for number in re.findall(r"\d{1,2}", rest)]
    month = next(
        (_MONTHS[word[:3].lower()] for word in re.findall(r"[A-Za-z]{3,}", rest) if word[:3].lower() in _MONTHS), None
    )
    if month is None:
        if not numbers:
            return None
        if len(numbers) > 1 and numbers[0] > 12 >= numbers[1]:
            numbers = [numbers[1], numbers[0]]
        month, *numbers = numbers
    day = numbers[0] if numbers else None
    return (int(found.group()), month, day) if 1 <= month <= 12 and (day is None or 1 <= day <= 31) else None
