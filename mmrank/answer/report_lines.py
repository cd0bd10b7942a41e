"""Questions for one line of a financial report, which reports call by other names: revenue is net sales."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmrank.answer.candidates import Candidate
from mmrank.answer.cells import cell_cite, cell_text
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
_NAME = re.compile(r"(?<!^)(?<![.?!] )\b[A-Z][\w&'’.-]*|\b(?:FY\s?'?)?(?:19|20)?\d\d\b|[’']s\b")


def line_of(question: str) -> str | None:
    """The line that a question asks for, where it names nothing else but a company and a year.

    >>> line_of("What was the revenue of General Mills in 2019?"), line_of("What was the revenue of the ferry segment?")
    ('revenue', None)
    """
    if formula_of(question) is not None:
        return None
    asked = f" {plain(_NAME.sub(' ', question))} "
    found = max(
        ((len(name), line, name) for line, names in line_names().items() for name in names if f" {name} " in asked),
        default=None,
    )
    if found is None:
        return None
    rest = set(content_words(asked)) - set(content_words(found[2])) - _FILLERS
    return None if rest else found[1]


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
    cell = found.cell
    cites = (cell_cite(found.table, [cell]),)
    return [Candidate(SCORE, ((cell_text(cell), cites),), cell.text, "line")]
