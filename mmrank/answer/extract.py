"""Answers without a language model: what the pages found say, quoted, looked up in tables, or worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mmrank.answer.candidates import Candidate
from mmrank.answer.cells import cell_candidates
from mmrank.answer.expected import Expectation
from mmrank.answer.lists import list_candidates
from mmrank.answer.ratios import formula_names, formula_of, ratio_candidates
from mmrank.answer.report_lines import line_candidates
from mmrank.answer.texts import text_candidates
from mmrank.answer.units import FoundPage, sentences_of, tables_of
from mmrank.answer.verdicts import verdict_candidates
from mmrank.answer.wording import Wording, stems
from mmrank.index.numbers import folded_numbers
from mmrank.retrieve.words import STOPWORDS

PAGE = 0.75
"""What the confidence in a page counts beside the share of the question's words, 0 to 1."""
AFTER = 0.04
"""What a page loses for each page before it."""


def extract(wanted: Expectation, pages: Sequence[FoundPage]) -> list[Candidate]:
    """Possible answers, best first.

    Args:
        wanted: what the question expects.
        pages: those found for it, best first.
    """
    sentences = [sentence for found in pages for sentence in sentences_of(found)]
    tables = [table for found in pages for table in tables_of(found)]
    texts = [sentence.text for sentence in sentences]
    texts += [" ".join(row) for table in tables for row in table.grid.rows]
    wording = Wording(wanted.text, texts, wanted.years)
    made = [
        *ratio_candidates(wanted, tables),
        *line_candidates(wanted, tables),
        *cell_candidates(wanted, wording, tables),
        *list_candidates(wanted, wording, pages, tables),
        *text_candidates(wanted, wording, sentences),
        *verdict_candidates(wanted, wording, sentences, tables),
    ]
    named = _figure_stems(wanted.text)
    if named:  # what does not even name the figure is no answer for it
        made = [one for one in made if one.origin in {"computed", "verdict"} or named & _said(one)]
    scored = [(candidate.score + _prior(candidate), candidate) for candidate in made]
    ranked = [replace(candidate, score=score) for score, candidate in scored]
    asked = amounts_in_currencies(wanted.text)
    if asked:
        ranked = [candidate for candidate in ranked if not _in_other_currency(candidate, asked)]
    return sorted(ranked, key=lambda candidate: -candidate.score)


def _figure_stems(question: str) -> frozenset[str]:
    """Stems of the name of the figure that a question asks for, one that is computed from lines of a report."""
    formula = formula_of(question)
    known = formula is not None and formula[0] in formula_names()  # "X to Y" and growth go by many names
    return frozenset(stems(formula[0])) - STOPWORDS if formula is not None and known else frozenset()


def _said(candidate: Candidate) -> frozenset[str]:
    return frozenset(
        stems(" ".join(f"{text} {' '.join(cite.text for cite in cites)}" for text, cites in candidate.lines))
    )


def amounts_in_currencies(text: str) -> dict[str, set[str]]:
    """The large amounts of a text whose currency is named, each with the currencies that may be meant.

    >>> amounts_in_currencies("Who sold for 1.2 billion yen?")
    {'1200000000': {'jpy'}}
    """
    found: dict[str, set[str]] = {}
    for _, form in folded_numbers(text.lower()):
        if form[0].isalpha():
            found.setdefault(form[3:], set()).add(form[:3])
    return found


def _in_other_currency(candidate: Candidate, asked: Mapping[str, set[str]]) -> bool:
    """Whether a candidate holds an amount of the question, but in another currency."""
    held = amounts_in_currencies(" ".join(text for text, _ in candidate.lines))
    return any(amount in held and held[amount].isdisjoint(codes) for amount, codes in asked.items())


def _prior(candidate: Candidate) -> float:
    found = candidate.lines[0][1][0].found
    return PAGE * (found.hit.confidence or 0.0) - AFTER * found.rank
