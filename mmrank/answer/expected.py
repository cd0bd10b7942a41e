"""What kind of answer a question expects, as its words tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mmrank.answer.measures import Measure, measured
from mmrank.answer.wording import STEM
from mmrank.query.analysis import analyse
from mmrank.retrieve.words import content_words


class Expected(StrEnum):
    """Kinds of answers."""

    NUMBER = "number"
    COUNT = "count"
    SHARE = "share"
    DATE = "date"
    NAME = "name"
    LIST = "list"
    YES_NO = "yes or no"
    ADDRESS = "address"
    THING = "thing"
    EXPLANATION = "explanation"


class Operation(StrEnum):
    """What is to be worked out from values."""

    DIFFERENCE = "difference"
    CHANGE = "change"
    SUM = "sum"
    RATIO = "ratio"
    AVERAGE = "average"
    MOST = "most"
    LEAST = "least"


_YES_NO = re.compile(
    r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|must)\b"
    r"|\b(?:answer|reply)\b.{0,30}\byes\b",
    re.I,
)
_SHARE = re.compile(r"\b(?:percent(?:age)?s?|per cent|proportion|share of|what %|how many %)(?!\w)|\bin percent", re.I)
_DATE = re.compile(
    r"\b(?:when|(?:what|which) (?:is the |was the |exact )?(?:date|year(?![ -]end)|month|day|time)|since what year"
    r"|deadline)\b",
    re.I,
)
_COUNT = re.compile(r"\b(?:how many|number of|count of|count the)\b", re.I)
_NUMBER = re.compile(
    r"\bhow (?:much|long|far|high|deep|big|large|old|fast|loud|often|tall|wide|heavy|hot|cold|low)\b"
    r"|\bwhat (?:is|was|are|were|did)\b.{0,60}?\b(?:number|amount|total|value|cost|price|rate|sum|ratio|score|size"
    r"|population|capacity|margin|turnover|age|weight|height|length|speed|temperature|revenue|income|expense|earnings"
    r"|assets?|liabilit(?:y|ies)|cash|capital|cycle|average|maximum|minimum|difference|gap)\b"
    r"|\bwhat (?:does|do|did|must|would|will)\b.{0,60}\b(?:cost|weigh|earn|pay|charge)\b"
    r"|\bwhat (?:is|was|are|were) (?:to be )?(?:paid|charged|earned)\b"
    r"|\bin (?:usd |us\$ )?(?:millions?|billions?|thousands?)\b|\bdecimals?\b|\b(?:float|int|integer)\b",
    re.I,
)
_NAME = re.compile(
    r"\b(?:who|whose|whom|(?:what|which) (?:person|individual|company|compan(?:y|ies)|organi[sz]ation|author|agency"
    r"|university|country|city|state|continent))\b|\bwhere\b|\bthe name of\b",
    re.I,
)
_ADDRESS = re.compile(
    r"\b(?:web ?(?:site|link|page|address)|url|link to|hyperlink|doi|e-?mail|(?:tele)?phone number|fax number"
    r"|number (?:shall|should|can|to|do)"
    r" \w+ (?:call|dial))\b",
    re.I,
)
_LIST = re.compile(
    r"\b(?:list|enumerate|name all|name the)\b"
    r"|\b(?:what|which)(?: \w+){0,2} are\b(?! the (?:percentage|difference))|\bwhat (?:two|three|four|five|\d) "
    r"|\b(?:what|which) \w{3,}[^s\W]s (?:are|were|have|has|does|do|did|can|associated|appear|include)\b"
    r"|\blist format\b|\brespectively\b",
    re.I,
)
_EXPLAIN = re.compile(
    r"^(?:why|how (?!many|much|long|far|high|old|often|big|large|deep|low|fast|heavy|tall|wide|hot|cold|warm|expensive"
    r"))"
    r"|\b(?:describe|explain|definition|define[sd]?)\b",
    re.I,
)

_OPERATIONS = (
    (Operation.AVERAGE, re.compile(r"\b(?:average|mean) (?:of|between|over)|\b\w+[- ]year average\b", re.I)),
    (
        Operation.CHANGE,
        re.compile(
            r"\b(?:growth rate|rate of growth|(?:percentage|percent|relative|year[- ]over[- ]year|%) (?:change|growth"
            r"|increase|decrease|rise|drop|decline)|by (?:what|how many) percent)\b",
            re.I,
        ),
    ),
    (
        Operation.DIFFERENCE,
        re.compile(
            r"\b(?:difference|gap|shortfall|surplus|how (?:much|many) (?:more|less|fewer|higher|lower|greater|larger"
            r"|smaller|longer|older)|how many more|change (?:between|from)|increase[sd]?|decrease[sd]?"
            r"|percentage point)\b",
            re.I,
        ),
    ),
    (
        Operation.SUM,
        re.compile(r"\b(?:sum of|in total|total of|altogether|collectively|combined|in all)\b", re.I),
    ),
    (Operation.RATIO, re.compile(r"\b(?:ratio of|ratio between|divided by|times (?:as|more))\b", re.I)),
    (
        Operation.MOST,
        re.compile(
            r"\b(?:(?:[Mm]ost|[Hh]ighest|[Ll]argest|[Gg]reatest|[Bb]iggest|[Mm]aximum|[Ll]ongest|[Oo]ldest|[Ll]atest)\b"
            r"|the (?:best|last)\b)"
        ),
    ),
    (Operation.LEAST, re.compile(r"\b(?:least|lowest|smallest|fewest|minimum|shortest|youngest|earliest)\b", re.I)),
)
_IDENTIFIER = re.compile(
    r"\b(?:case|docket|file|serial|model|part|order|invoice|registration|report|document|version|patent|contract|reference"
    r"|catalog(?:ue)?|account|bill)(?: \w+)? number\b",
    re.I,
)
_DECIMALS = re.compile(
    r"\b(one|two|three|four|1|2|3|4) decimals?(?: places?)?\b|\bround\w*\b[^.?]{0,30}\b(integer|whole)\b", re.I
)
_COUNTED = {"one": 1, "two": 2, "three": 3, "four": 4, "1": 1, "2": 2, "3": 3, "4": 4}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a question asks for.

    Attributes:
        kind: of answer.
        operation: what is to be worked out; None where the answer is to be found as it stands.
        text: the question without instructions on how to write the answer.
        decimals: as the question wishes them.
        years: that it names, in order.
        share: whether a share, in percent, is asked for.
        counted: stems of the words for what is counted: of "How many steps are there", "step".
        form: of a date, as the question wishes it: "YYYY-MM-DD".
        placed: whether a date is asked for by the place where it stands alone, as "the date on the first page".
        asked: the question with them.
        measure: what is asked for without its name, as by "cost" or "when"; None for nothing of the kind.
        identifies: whether the number asked for names something: of a case, a model, a serial number.
    """

    kind: Expected
    operation: Operation | None
    text: str
    decimals: int | None
    years: tuple[int, ...]
    share: bool
    counted: frozenset[str] = frozenset()
    identifies: bool = False
    form: str = ""
    placed: bool = False
    asked: str = ""
    measure: Measure | None = None


def expectation(question: str) -> Expectation:
    """What a question expects.

    >>> expectation("How many people sailed in 1994?").kind, expectation("Why did they sail?").kind
    (<Expected.COUNT: 'count'>, <Expected.EXPLANATION: 'explanation'>)
    >>> expectation("By how many percent did sales grow?").kind
    <Expected.SHARE: 'share'>
    """
    raw = " ".join(question.split())
    text = analyse(raw).text
    kind = _kind(raw, text)
    operation = next((name for name, pattern in _OPERATIONS if pattern.search(text)), None)
    found = _DECIMALS.search(raw)
    decimals = None if found is None else _COUNTED.get((found[1] or "").lower(), 0)
    years = [int(match) for match in re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", text)]
    years += [2000 + int(match) for match in re.findall(r"\bFY\s?'?(\d\d)\b", text, re.I)]
    share = bool(_SHARE.search(raw) or re.search(r"%", text))
    return Expectation(
        kind,
        operation,
        text,
        decimals,
        tuple(dict.fromkeys(years)),
        share,
        _counted(text),
        identifies=_IDENTIFIER.search(text) is not None,
        form=_form(raw),
        placed=kind is Expected.DATE and _PLACED.search(raw) is not None,
        asked=raw,
        measure=measured(text),
    )


def _form(raw: str) -> str:
    found = _FORM.search(raw)
    return found.group() if found else ""


_FORM = re.compile(r"\b(?:YYYY([-/.])MM(?:\1DD)?|(?:DD|MM)([-/.])(?:DD|MM)\2YYYY)\b")
_PLACED = re.compile(
    r"\b(?:date|year|month|day)\b[^?.]{0,40}\b(?:mentioned|written|printed|given|shown|present(?:ed)?|stated|at|on|of)\b"
    r"[^?.]{0,40}\b(?:page|cover|beginning|top|bottom|front)\b",
    re.I,
)
_STOPS = (
    r"(?!(?:are|is|was|were|do|does|did|have|has|had|can|could|in|of|on|for|with|that|the|a|an|there|to|from|by|at)\b)"
)
_COUNTED_WORDS = re.compile(rf"\b(?:how many|number of|count of) ((?:{_STOPS}[\w-]+ ?){{1,4}})", re.I)


def _counted(text: str) -> frozenset[str]:
    """The stem of the noun after "how many": the last word before a verb, an article or a preposition."""
    found = _COUNTED_WORDS.search(text)
    return frozenset() if found is None else frozenset(word[:STEM] for word in content_words(found[1])[-1:])


def _kind(raw: str, text: str) -> Expected:
    if _YES_NO.search(raw):
        return Expected.YES_NO
    if _LIST.search(raw) and not _ADDRESS.search(text) and not _COUNT.search(text) and not _SHARE.search(text):
        return Expected.LIST
    if _ADDRESS.search(text) and not _COUNT.search(text):
        return Expected.ADDRESS
    if _SHARE.search(text):
        return Expected.SHARE
    if _COUNT.search(text):
        return Expected.COUNT
    if _DATE.search(text):
        return Expected.DATE
    if _EXPLAIN.search(text):
        return Expected.EXPLANATION
    if _NUMBER.search(raw):
        return Expected.NUMBER
    if _NAME.search(text):
        return Expected.NAME
    return Expected.THING
