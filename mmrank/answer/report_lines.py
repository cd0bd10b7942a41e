"""Questions for one line of a financial report, which reports call by other names: revenue is net sales."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmrank.answer.candidates import Candidate
from mmrank.answer.cells import cell_candidate
from mmrank.answer.expected import Expectation
from mmrank.answer.ratios import SCORE, find_line, formula_of, line_names, plain
from mmrank.answer.units import TableUnit
from mmrank.retrieve.words import content_words

MOST_NAMES = 3
"""Other names of a line that are searched for."""
LEAST = 0.76
"""Least fit of a row's head: one of the names, on one of the first pages; nothing that only begins with it."""
_FILLERS = frozenset(
    "total amount value company report reported fiscal year end ended annual full million billion thousand dollar usd"
    " figure did have has had its much many recorded fy firm group consolidated".split()
)
_POINTING = frozenset(
    "according agreement answer based basing below best clearly details detail formerly information known outlined"
    " plainly please primarily primary provided referencing reference shown using utilize utilizing within given"
    " judgment judgments off end ending".split()
)
"""What says where to look, and how."""
_STATEMENT = re.compile(
    r"\b(?:consolidated )?(?:balance sheets?|(?:income|earnings|cash flow|p&l|profit and loss) statements?"
    r"|statements? of (?:consolidated )?(?:financial (?:position|condition)|cash flows?|income|earnings|operations))\b",
    re.I,
)
_NAME = re.compile(r"(?<!^)(?<![.?!] )\b[A-Z][\w&'’.-]*|\b(?:FY\s?'?)?(?:19|20)?\d\d\b|[’']s\b")


def line_of(question: str) -> str | None:
    """The line that a question asks for, where it names nothing else but a company and a year.

    >>> line_of("What was the revenue of General Mills in 2019?"), line_of("What was the revenue of the ferry segment?")
    ('revenue', None)
    >>> line_of("By the details in the balance sheet, what were total current assets of Nike? Answer in USD millions.")
    'current_assets'
    """
    if formula_of(question) is not None:
        return None
    asked = f" {plain(_NAME.sub(' ', _STATEMENT.sub(' ', _asking(question))))} "
    found = max(
        ((len(name), line, name) for line, names in line_names().items() for name in names if f" {name} " in asked),
        default=None,
    )
    if found is None:
        return None
    rest = set(content_words(asked)) - set(content_words(found[2])) - _FILLERS - _POINTING
    return None if rest else found[1]


def _asking(question: str) -> str:
    """The sentences of a question that ask, without what is said around them; all where none does."""
    parts = re.findall(r"[^.?!:]+(?:\.\d[^.?!:]*)*[.?!:]*", question)
    kept = [part for part in parts if re.search(r"\?|\b(?:what|how much|how many)\b", part, re.I)]
    return " ".join(kept) or question


def as_reports_say(question: str) -> str | None:
    """The question with the names that reports give its line; None for a question that asks for no line.

    >>> as_reports_say("What was the revenue of General Mills in 2019?")
    'What was the revenue of General Mills in 2019? (total net revenues, total net revenue, total net sales)'
    """
    line = line_of(question)
    if line is None:
        return None
    asked = f" {plain(question)} "
    others = [name for name in line_names()[line] if not set(name.split()) <= set(asked.split())]
    chosen: list[str] = []
    for name in others:
        if not any(set(name.split()) & set(one.split()) - {"net", "total", "income"} for one in chosen):
            chosen.append(name)
    return f"{question} ({', '.join(chosen[:MOST_NAMES])})" if chosen else None


def line_candidates(wanted: Expectation, tables: Sequence[TableUnit]) -> list[Candidate]:
    """The value of the line that a question asks for, by whichever of its names the tables have."""
    line = line_of(wanted.text)
    if line is None or wanted.operation is not None:
        return []
    found = find_line(tables, line, wanted.years[-1] if wanted.years else None)
    if found is None or found.fit < LEAST:
        return []
    return [cell_candidate(wanted, found.table, found.cell, SCORE, "line")]
