"""What a question measures, and which columns of a table give it: "What does it cost?" is answered under "Rent"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmrank.amounts import currencies


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is asked for without its name.

    Attributes:
        asked: what in a question asks for it.
        head: what the head of a column is called that gives it.
        unit: what stands beside its numbers; None where it has none.
        numeric: whether it is a number.
    """

    asked: re.Pattern[str]
    head: re.Pattern[str]
    unit: re.Pattern[str] | None = None
    numeric: bool = True


def _of(asked: str, head: str, unit: str = "", *, numeric: bool = True) -> Measure:
    return Measure(
        re.compile(rf"\b(?:{asked})\b", re.I),
        re.compile(rf"(?<![^\W_])(?:{head})(?![^\W_])", re.I),
        re.compile(rf"(?<![^\W\d_])(?:{unit})(?![^\W_])", re.I) if unit else None,
        numeric,
    )


_AUX = r"(?:is|are|was|were|does|do|did|must|would|will|should|can|has|have)"
_MONEY = _of(
    rf"costs?|prices?|priced|pays?|paid|charged?|expensive|cheap|earns?|earned|worth|sells? for|sold for"
    rf"|how much {_AUX}(?! \w+ (?:weigh|measure))|how much for",
    r"costs?|prices?|rents?|rental|fees?|fares?|rates?|charges?|tariffs?|amounts?|salar(?:y|ies)|wages?|pay|toll|dues"
    r"|premium|deposit|budget|expenses?",
)
_FIRST = r"(?<![^\W_] )(?:(?:on|by|to|from|since|until|at|in|for|and) )?"
"""Before a question word that begins a question: not "the day when"."""
MEASURES = (
    _of(
        rf"{_FIRST}(?:when|(?:what|which) (?:date|day|year|month))",
        r"date|dates|since|built|opened|founded|year|day|start(?:ed|s)?|begins?|ends?|until|due|deadline|month|from|launched"
        r"|time|departs?|departure|arrives?|arrival",
        numeric=False,
    ),
    _of(
        rf"{_FIRST}(?:who|whom|whose)",
        r"holders?|owners?|names?|tenants?|masters?|captains?|persons?|directors?|managers?|authors?|builders?|lessees?"
        r"|contacts?|responsible|leaders?|heads?|editors?|presidents?|chairs?|operators?|drivers?|teachers?|staff|by",
        numeric=False,
    ),
    _of(
        rf"{_FIRST}where",
        r"places?|locations?|cit(?:y|ies)|towns?|countr(?:y|ies)|ports?|sites?|rooms?|address|harbours?|venues?|regions?",
        numeric=False,
    ),
    _MONEY,
    _of(
        r"how (?:long|quickly)\b.{0,60}\b(?:take|takes|took|last|lasts|lasted|wait)|how much time",
        r"duration|time|crossing|journey|period|term",
        r"hours?|hrs?|h|min(?:utes)?|days?|weeks?|months?|years?",
    ),
    _of(
        r"how (?:long|far|wide|high|tall|deep|broad)|length",
        r"length|distance|width|height|depth|draught|span|range|duration",
        r"m|km|cm|mm|ft|feet|miles?|metres?|meters?|inch(?:es)?|nautical miles?",
    ),
    _of(r"how heavy|weighs?|weight|how much (?:does|do|did) \w+ weigh", r"weight|mass|load", r"kg|g|t|tonn?e?s?|lbs?"),
    _of(
        r"how (?:big|large)|size|area",
        r"area|size|surface|acreage|extent|floor space|land",
        r"ha|hectares?|acres?|m²|m2|km²|km2|sq\.? ?(?:m|ft|km)",
    ),
    _of(r"how fast|speed", r"speed|velocity|pace", r"knots?|kn|km/h|mph|m/s"),
    _of(r"how (?:hot|cold|warm)|temperature", r"temp(?:erature)?\.?", r"°\s?[cf]"),
    _of(r"how old|age", r"age|years? old|built|born"),
)


def measured(question: str) -> Measure | None:
    """What a question asks for by a verb, an adjective or a question word; None where it names it, or asks for none.

    >>> measured("What does plot 3 cost?") is measured("How much is plot 3?"), measured("What is plot 3?")
    (True, None)
    """
    return next((one for one in MEASURES if one.asked.search(question)), None)


def gives_another(measure: Measure, head: str) -> bool:
    """Whether the head of a column says that it gives something else than what is measured."""
    return any(one.head.search(head) for one in MEASURES if one is not measure)


def gives(measure: Measure, head: str, text: str) -> bool:
    """Whether a column with this head, or a cell with this text, gives what is measured."""
    if measure.head.search(head):
        return True
    if measure is _MONEY:
        return bool(currencies(f"{head} {text}".lower()))
    return measure.unit is not None and bool(measure.unit.search(head) or measure.unit.search(text))
