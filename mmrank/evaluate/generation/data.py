"""What the comparison is made on: passages, questions with answers, judged questions, plain text."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmrank.errors import InputError
from mmrank.evaluate.text_benchmarks import Qrels, json_lines, load_beir

TASKS = ("questions", "reranking", "modelling")


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """An open-domain question; any of `answers` is right."""

    id: str
    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GenerationData:
    """Passages by id, and what is asked of them; what a folder does not have is empty."""

    passages: Mapping[str, str]
    questions: tuple[AnsweredQuestion, ...] = ()
    queries: Mapping[str, str] = field(default_factory=dict)
    qrels: Qrels = field(default_factory=dict)
    text: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it has data for."""
        there = (bool(self.questions), bool(self.qrels), bool(self.text.strip()))
        return tuple(task for task, has in zip(TASKS, there, strict=True) if has)


def load_generation_data(folder: str | Path) -> GenerationData:
    """Read a folder.

    It holds passages, as `corpus.jsonl` (BEIR's: `_id`, `title`, `text`) or `passages.tsv` (DPR's: id, text, title,
    with a line of heads), and one or more of: `questions.jsonl` (`question` and `answer`, one or a list, as NQ-open has
    them), `queries.jsonl` with `qrels/test.tsv` (BEIR's), and `text.txt` for language modelling.

    Raises:
        InputError: when passages, or everything else, are missing, or a line is malformed; names the line.
    """
    home = Path(folder)
    queries: Mapping[str, str] = {}
    qrels: Qrels = {}
    if (home / "passages.tsv").is_file():
        passages = _tsv_passages(home / "passages.tsv")
    elif (home / "corpus.jsonl").is_file():
        rows = json_lines(home / "corpus.jsonl", ("_id", "text"))
        passages = {str(row["_id"]): _titled(str(row.get("title") or ""), str(row["text"])) for row in rows}
    else:
        raise InputError(f"{home} has no passages: it needs corpus.jsonl (as BEIR has it) or passages.tsv (as DPR)")
    if not passages:
        raise InputError(f"{home} has a file of passages without any")
    if (home / "qrels" / "test.tsv").is_file():
        judged = load_beir(home)
        queries, qrels = judged.queries, judged.qrels
    questions = tuple(_questions(home / "questions.jsonl")) if (home / "questions.jsonl").is_file() else ()
    text = ""
    if (home / "text.txt").is_file():
        try:
            text = (home / "text.txt").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{home / 'text.txt'} cannot be read: {error}") from error
    data = GenerationData(passages, questions, queries, qrels, text)
    if not data.tasks:
        raise InputError(
            f"{home} has passages and nothing to ask: it needs questions.jsonl, queries.jsonl with qrels/test.tsv,"
            " or text.txt"
        )
    return data


def _titled(title: str, text: str) -> str:
    return f"{title}\n{text}" if title else text


def _questions(path: Path) -> list[AnsweredQuestion]:
    questions = []
    for number, row in enumerate(json_lines(path, ("question", "answer")), start=1):
        given = row["answer"]
        answers = tuple(str(one) for one in (given if isinstance(given, list) else [given]) if str(one).strip())
        if not answers:
            raise InputError(f"{path}, question {number}, has no answer")
        questions.append(AnsweredQuestion(str(row.get("id", number)), str(row["question"]), answers))
    return questions


def _tsv_passages(path: Path) -> dict[str, str]:
    passages: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.reader(file, delimiter="\t"), start=1):
                if number == 1 and row[:1] == ["id"]:
                    continue
                if len(row) not in (2, 3):
                    raise InputError(f"{path}, line {number}, is not 'id<tab>text<tab>title'")
                passages[row[0]] = _titled(row[2] if len(row) == 3 else "", row[1])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return passages
