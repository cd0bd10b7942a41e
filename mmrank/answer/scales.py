"""Amounts that a table prints in thousands or millions, in the unit that a question asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmrank.amounts import SCALE, STATED, currencies, power, stated_power
from mmrank.answer.candidates import Cite
from mmrank.answer.grid import GridCell
from mmrank.answer.units import TableUnit
from mmrank.answer.values import written

SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
_NAMES = {3: "thousand", 6: "million", 9: "billion"}
PLACES = 3
"""Decimals of a converted amount, at most."""
LONGEST = 200
"""Characters of a line that says in what unit the table below it is."""
_CURRENCY = r"(?:usd|us\$|u\.s\. dollars?|us dollars?|dollars?|eur|euros?|gbp|pounds?|[$€£])"
_ASKED = re.compile(
    rf"\b(?:in|to|en|em)\s+(?:units?\s+of\s+)?(?:{_CURRENCY}\s+)?(?P<scale>{SCALE})\.?(?:\s+(?:of\s+|de\s+|di\s+)?\S+)?",
    re.I,
)
_PRINTED = re.compile(
    rf"\b(?:in|of)\s+(?:{_CURRENCY}\s+)?(?:thousand|million|billion)s\b"
    rf"|{_CURRENCY}\s*(?:in\s+)?(?:thousand|million|billion)s\b|{STATED.pattern}",
    re.I,
)
_PRINTED_SCALE = re.compile(r"thousand|million|billion", re.I)
_EACH = re.compile(r"\bper\b|\bratio\b|%|\bshares (?:out|issued)", re.I)


@dataclass(frozen=True, slots=True)
class Scaled:
    """A converted amount, the computation as it is shown, and where the unit of the table stands."""

    short: str
    computation: str
    cites: tuple[Cite, ...]


def asked_scale(question: str) -> str | None:
    """The unit that a question wants an amount in: "thousand", "million" or "billion"; None where it names none.

    >>> asked_scale("What were sales? Answer in USD millions."), asked_scale("How many millions sailed?")
    ('million', None)
    """
    found = _ASKED.search(question)
    return None if found is None else _NAMES.get(power(found["scale"].lower()))


def _stated(text: str) -> str | None:
    """The unit that a text says its table is in: "in thousands", "in Mio. €"."""
    found = _PRINTED.search(text.lower())
    if found is None:
        return None
    named = STATED.search(found.group())
    if named is not None:
        return _NAMES.get(stated_power(named))
    english = _PRINTED_SCALE.search(found.group())
    return None if english is None else english.group()


def _other_currency(question: str, said: str) -> bool:
    """Whether a question wants an amount in another currency than a text gives it in."""
    found = _ASKED.search(question)
    wanted = currencies(found.group().lower()) if found is not None else frozenset()
    there = currencies(said.lower())
    return bool(wanted and there) and wanted.isdisjoint(there)


def scaled(question: str, table: TableUnit, cell: GridCell) -> Scaled | None:
    """An amount in the unit that a question asks for; None where it is printed in it, or its unit is not known."""
    wanted, value = asked_scale(question), cell.value
    if wanted is None or value is None or value.share or value.scale != 1.0:
        return None
    if _EACH.search(f"{cell.row_head} {cell.column_head}"):
        return None
    printed, said, cites = printed_scale(table)
    if printed is None or printed == wanted or _other_currency(question, f"{said} {cell.text}"):
        return None
    up, down = SCALES[printed], SCALES[wanted]
    result = value.number * up / down
    digits = (
        written(result, PLACES if abs(result) < 1000 else 1).rstrip("0").rstrip(".") if up < down else written(result)
    )
    sign, factor = ("/", down / up) if up < down else ("×", up / down)
    amount = written(value.number, value.decimals)
    computation = f"{amount} {sign} {written(factor, 0)} = {digits}"
    return Scaled(f"{digits} {wanted}", f"{computation} {wanted}", cites)


def printed_scale(table: TableUnit) -> tuple[str | None, str, tuple[Cite, ...]]:
    """The unit that a table says it is in, in its first rows or in a line above it, the text that says so, and where
    that line stands."""
    top = table.grid.rows[: max(table.grid.heads, 1) + 2]
    said = " ".join(" ".join(row) for row in top)
    stated = _stated(said)
    if stated is not None:
        return stated, said, ()
    elements = table.found.page.elements
    at = elements.index(table.grid.element)
    for element in reversed(elements[:at]):
        text = " ".join(element.text.split())
        stated = _stated(text) if len(text) <= LONGEST else None
        if stated is not None:
            return stated, text, (Cite(table.found, element.id, (element.box,), text),)
    return None, "", ()
