"""Labels: questions, their documents, and the pages that answer them, from JSON lines or TREC judgements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mmrank.errors import InputError
from mmrank.train.data.examples import numbered_lines
from mmrank.train.data.pages import split_reference

Labels = dict[str, list[tuple[str, tuple[int, ...]]]]
"""Name of a document → pairs of question and gold pages, from 0."""


def read_questions(path: Path) -> Labels:
    """Read lines of `query`, `document` (its name in the collection) and `pages` (numbers from 1).

    Raises:
        InputError: for a line in another form, by its number.
    """
    found: Labels = {}
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
            pages = tuple(int(page) - 1 for page in row["pages"])
            if not pages or min(pages) < 0:
                raise ValueError("pages are numbers from 1, at least one")
            found.setdefault(row["document"], []).append((row["query"], pages))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f'{path}, line {number}: not {{"query": …, "document": …, "pages": [1, …]}} ({error!r})'
            ) from error
    return found


def read_queries(path: Path) -> dict[str, str]:
    """Read lines of `_id` and `text`, as in BEIR.

    Raises:
        InputError: for a line in another form, by its number.
    """
    found: dict[str, str] = {}
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
            found[str(row["_id"])] = str(row["text"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f'{path}, line {number}: not {{"_id": …, "text": …}} ({error!r})') from error
    return found


def from_qrels(queries: Mapping[str, str], qrels: Mapping[str, Mapping[str, int]]) -> Labels:
    """Labels from TREC judgements of pages (`report.pdf#page=4`). A question with several documents is asked of each.

    Raises:
        InputError: when a judgement names no page, or an unknown question.
    """
    found: Labels = {}
    for name, grades in qrels.items():
        if name not in queries:
            raise InputError(f"the judgements name question {name!r}, which is not among the questions")
        gold: dict[str, list[int]] = {}
        for judged, grade in grades.items():
            reference = split_reference(judged)
            if reference is None:
                raise InputError(f"the judgement of {name} names {judged!r}; pages are named as report.pdf#page=4")
            if grade > 0:
                gold.setdefault(reference[0], []).append(reference[1])
        for document, pages in gold.items():
            found.setdefault(document, []).append((queries[name], tuple(sorted(pages))))
    return found
