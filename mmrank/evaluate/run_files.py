"""Run files: what a system answered, one JSON line per question, so that anyone can recompute the figures.

A line holds `doc_name`, `question` (index within the document, from 0), `page_scores` (one per page), `layouts`
(best first, each with `page`, `bbox` in points of the shown page and `score`), and where known `stage`, `seconds`
and, for a question that could not be answered, `error`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.protocol import Layout, SystemRanking
from mmrank.types import BBox


@dataclass(frozen=True, slots=True)
class Answered:
    """One line of a run. With an `error`, the ranking is empty and scores 0."""

    document: str
    question: int
    ranking: SystemRanking
    seconds: float = 0.0
    error: str = ""


def write_run(path: str | Path, run: Iterable[Answered]) -> None:
    """Write a run file, replacing what is there.

    Raises:
        MmrankError: when it cannot be written.
    """
    try:
        with Path(path).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(_to_json(answered), ensure_ascii=False) + "\n" for answered in run)
    except OSError as error:
        raise MmrankError(f"the run cannot be written to {path}: {error.strerror or error}") from error


def read_run(path: str | Path) -> list[Answered]:
    """Read a run file.

    Raises:
        InputError: when it does not exist, or a line is malformed; names the line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")  # other marks may end a line inside a text
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the run {path} cannot be read: {error}") from error
    run = []
    seen: dict[tuple[str, int], int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            answered = _from_json(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else error
            raise InputError(f"{path}, line {number}, is not a line of a run: {reason}") from error
        first = seen.setdefault((answered.document, answered.question), number)
        if first != number:
            raise InputError(f"{path}, line {number}, answers the same question as line {first}")
        run.append(answered)
    return run


def _to_json(answered: Answered) -> dict[str, Any]:
    ranking = answered.ranking
    line: dict[str, Any] = {
        "doc_name": answered.document,
        "question": answered.question,
        "page_scores": list(ranking.page_scores),
        "layouts": [
            {"page": layout.page, "bbox": layout.box.as_tuple(), "score": layout.score} for layout in ranking.layouts
        ],
        "seconds": round(answered.seconds, 4),
    }
    if ranking.stage:
        line["stage"] = ranking.stage
    if answered.error:
        line["error"] = answered.error
    return line


def _from_json(line: Any) -> Answered:
    if not isinstance(line, dict):
        raise ValueError("it holds no object")
    if not isinstance(line["doc_name"], str) or type(line["question"]) is not int:
        raise ValueError("doc_name must be a name and question a number")
    scores = tuple(float(score) for score in line["page_scores"])
    layouts = tuple(
        Layout(int(layout["page"]), BBox(*map(float, layout["bbox"])), float(layout["score"]))
        for layout in line["layouts"]
    )
    if not all(map(math.isfinite, (*scores, *(layout.score for layout in layouts)))):
        raise ValueError("a score is not a finite number")
    if any(layout.page < 0 for layout in layouts):
        raise ValueError("a layout stands on a page below 0")
    if any(after.score > before.score for before, after in pairwise(layouts)):
        raise ValueError("the layouts are not in the order of their scores")
    ranking = SystemRanking(scores, layouts, str(line.get("stage", "")))
    return Answered(
        line["doc_name"], line["question"], ranking, float(line.get("seconds", 0)), str(line.get("error", ""))
    )
