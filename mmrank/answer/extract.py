"""Answers without a language model: what the pages found say, quoted, looked up in tables, or worked out."""

from __future__ import annotations

from collections.abc import Sequence

from mmrank.answer.candidates import Candidate
from mmrank.answer.cells import cell_candidates
from mmrank.answer.expected import Expectation
from mmrank.answer.lists import list_candidates
from mmrank.answer.ratios import ratio_candidates
from mmrank.answer.report_lines import line_candidates
from mmrank.answer.texts import text_candidates
from mmrank.answer.units import FoundPage, sentences_of, tables_of
from mmrank.answer.wording import Wording

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
    ]
    scored = [(candidate.score + _prior(candidate), candidate) for candidate in made]
    from dataclasses import replace

    ranked = [replace(candidate, score=score) for score, candidate in scored]
    return sorted(ranked, key=lambda candidate: -candidate.score)


def _prior(candidate: Candidate) -> float:
    found = candidate.lines[0][1][0].found
    return PAGE * (found.hit.confidence or 0.0) - AFTER * found.rank
