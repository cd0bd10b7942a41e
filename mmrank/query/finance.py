"""Which financial statements a figure is computed from.

Reports print statements, people ask for ratios. A ratio names its parts ("gross profit to total assets", "inventory
turnover", "capex as a % of revenue"), so the parts are looked up among the lines of statements; only figures whose
names hide their parts ("quick ratio") are listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from mmrank.knowledge import knowledge
from mmrank.plurals import singular

_COMPUTED = re.compile(
    r" (?:ratio|turnover|margin|coverage|multiple|multiplier|intensity|(?:as )?(?:a |the )?(?:percent|percentage|%"
    r"|share|fraction|proportion) of|divided by|return on|yield on|day (?:\w+ ){1,3}(?:outstanding|held)|day in) "
)
"""What a figure that is computed from others is called."""
_OVER_FLOW = re.compile(r" (?:turnover|margin|day (?:\w+ ){1,3}(?:outstanding|held)|day in) ")
"""Figures that divide by sales, or by what the sold goods cost, without saying so."""
_BETWEEN = re.compile(r" (?:ratio )?(?:to|per|over|vs|versus) (?:the )?(?:average |total |net )*")
"""What stands between the two parts of a ratio: "debt to average equity"."""
_STOCKS = {"inventory": "cost of sale", "payable": "cost of sale"}
"""What a turnover divides; revenue for everything else."""
_SPELLINGS = ((re.compile(r"isation\b"), "ization"), (re.compile(r"\b(lab|fav|col|hon|neighb)our"), r"\1or"))

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A financial statement: the titles it goes by and its typical lines, as `folded` writes them."""

    name: str
    titles: Lines
    lines: Lines


@dataclass(frozen=True, slots=True)
class _Term:
    statement: str
    lines: Lines
    alone: bool
    """Whether a question that only names it asks for the statement."""


def folded(text: str) -> str:
    """Text as financial terms are compared: lower case, singular, American, with a space before and after each word.

    >>> folded("Capitalisation of Labour & long-term liabilities")
    ' capitalization of labor and long term liability '
    """
    text = re.sub(r"\bp\s*&\s*l\b", "profit and loss", text.lower()).replace("&", " and ")
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    words = re.findall(r"[^\W_]+|%", re.sub(r"['’]", "", text))
    return f" {' '.join(map(singular, words))} "


def _knowledge() -> dict[str, Any]:
    known: dict[str, Any] = knowledge("mmrank.query", "finance.yaml")
    return known


@cache
def statements() -> Mapping[str, Statement]:
    """The financial statements that are known, by name."""
    return {
        name: Statement(name, tuple(map(folded, entry["titles"])), tuple(map(folded, entry["lines"])))
        for name, entry in _knowledge()["statements"].items()
    }


@cache
def _terms() -> Mapping[str, _Term]:
    return {
        folded(name).strip(): _Term(
            entry["in"], tuple(map(folded, entry["lines"] or [name])), entry.get("alone", " " in name)
        )
        for entry in _knowledge()["terms"]
        for name in entry["names"]
    }


@cache
def _terms_pattern() -> re.Pattern[str]:
    longest_first = sorted(_terms(), key=len, reverse=True)
    return re.compile(rf"(?<= )(?:{'|'.join(map(re.escape, longest_first))})(?= )")


@cache
def _figures() -> Mapping[str, tuple[str, ...]]:
    return {
        folded(name).strip(): tuple(folded(part).strip() for part in entry["of"])
        for entry in _knowledge()["figures"]
        for name in entry["names"]
    }


@cache
def figure_names() -> tuple[str, ...]:
    """What people call figures of financial reports, and the terms they are computed from."""
    entries = (*_knowledge()["figures"], *_knowledge()["terms"])
    return tuple(str(name) for entry in entries for name in entry["names"])


def statement_lines(question: str) -> tuple[tuple[str, Lines], ...]:
    """The statements from which the figure that a question asks for is computed, with the lines wanted from each.

    >>> [name for name, _ in statement_lines("What is the quick ratio?")]
    ['balance']
    >>> dict(statement_lines("How much was spent on R&D per total assets?"))["balance"]
    (' total asset ',)
    """
    text = folded(re.sub(r"[_/]", " to ", question) if "/" in question else question.replace("_", " "))
    titled = [name for name, known in statements().items() if any(title in text for title in known.titles)]
    for title in (title for known in statements().values() for title in known.titles):
        text = text.replace(title, " ; ")
    wanted: dict[str, dict[str, None]] = {name: {} for name in titled}
    for term in map(_terms().__getitem__, _named(text)):
        wanted.setdefault(term.statement, {}).update(dict.fromkeys(term.lines))
    return tuple((name, tuple(wanted[name])) for name in statements() if name in wanted)


def _named(text: str) -> list[str]:
    """The terms that a folded question names or implies."""
    names: dict[str, None] = {}
    for figure, parts in _figures().items():
        if f" {figure} " in text:
            names.update(dict.fromkeys(parts))
    found = list(_terms_pattern().finditer(text))
    computed = _COMPUTED.search(text) is not None
    for left, right in pairwise(found):
        computed |= _BETWEEN.fullmatch(text[left.end() : right.start()]) is not None
    names.update(dict.fromkeys(match.group() for match in found if computed or _terms()[match.group()].alone))
    if not names:
        return []
    if _OVER_FLOW.search(text):
        names.update(dict.fromkeys(_STOCKS.get(name, "revenue") for name in list(names)))
    if " return on " in text:
        names["net income"] = None
    return list(names)
