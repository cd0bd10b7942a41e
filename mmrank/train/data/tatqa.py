"""Examples from questions over tables and paragraphs of financial reports (TAT-QA)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, numbered_lines


def tatqa(path: Path) -> Iterator[RankingExample]:
    """Read contexts: the relevant passages of a question, and the others of its context as negatives.

    A question has no negatives if all passages of its context are relevant.

    Raises:
        InputError: for a line in another form, by its number.
    """
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
            texts = {passage["id"]: context_text(passage) for passage in row["passages"]}
            for question in row["questions"]:
                relevant = [name for name in question["relevant"] if texts[name]]
                if relevant:
                    yield RankingExample(
                        question["query"],
                        tuple(texts[name] for name in relevant),
                        tuple(text for name, text in texts.items() if name not in relevant and text),
                        row["context"],
                    )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}, line {number}: not a context with passages and questions ({error!r})") from error


def context_text(passage: dict[str, Any]) -> str:
    """The text of a paragraph, or of a table, one line per row."""
    return markdown(passage["rows"]) if passage["kind"] == "table" else str(passage["text"]).strip()


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """One line per row, cells between bars, empty rows left out.

    >>> print(markdown([["", "2019"], ["Sales", "44.1"], ["", ""]]))
    | | 2019 |
    | Sales | 44.1 |
    """
    lines = ["| " + " | ".join(cell.strip() for cell in row) + " |" for row in rows if any(map(str.strip, row))]
    return "\n".join(line.replace("|  |", "| |") for line in lines)
