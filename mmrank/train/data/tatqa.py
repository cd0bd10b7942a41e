"""Questions over tables and paragraphs of financial reports, in the format of TAT-QA contexts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, numbered_lines


def tatqa(path: Path) -> Iterator[RankingExample]:
    """Read contexts: the relevant passages of a question against the others of its context.

    Questions whose context holds nothing but relevant passages come without negatives.

    Raises:
        InputError: names the line that is not as it should be.
    """
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
            texts = {passage["id"]: passage_text(passage) for passage in row["passages"]}
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


def passage_text(passage: dict[str, Any]) -> str:
    """The text of a paragraph, or a table as rows of cells."""
    return markdown(passage["rows"]) if passage["kind"] == "table" else str(passage["text"]).strip()


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines of cells, empty rows left out.

    >>> print(markdown([["", "2019"], ["Sales", "44.1"], ["", ""]]))
    | | 2019 |
    | Sales | 44.1 |
    """
    lines = ["| " + " | ".join(cell.strip() for cell in row) + " |" for row in rows if any(map(str.strip, row))]
    return "\n".join(line.replace("|  |", "| |") for line in lines)
