"""Text benchmarks in the field's own files: BEIR folders, TREC qrels and runs. Figures are by ir-measures.

BEIR: `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`) and `qrels/<split>.tsv` with a header
line, or `qrels.tsv` beside them. TREC: qrels lines "query 0 document grade", run lines
"query Q0 document rank score tag".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mmrank.errors import InputError, MmrankError

Value = TypeVar("Value", int, float)

Qrels = Mapping[str, Mapping[str, int]]
"""Query → document → grade; 0 or less is not relevant."""

Run = Mapping[str, Mapping[str, float]]
"""Query → document → score, higher for better."""

MEASURES = ("nDCG@10", "R@100", "RR@10", "AP")


@dataclass(frozen=True, slots=True)
class TextDocument:
    """One document of a text benchmark."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class TextBenchmark:
    """A corpus, queries and judgements, by id. Only judged queries are kept."""

    corpus: Mapping[str, TextDocument]
    queries: Mapping[str, str]
    qrels: Qrels


def load_beir(folder: str | Path, split: str = "test") -> TextBenchmark:
    """Read a BEIR folder.

    Raises:
        InputError: when a file is missing or a line is malformed; names the line.
    """
    home = Path(folder)
    corpus = {
        _id(row): TextDocument(str(row.get("title") or ""), str(row["text"]))
        for row in json_lines(home / "corpus.jsonl", ("_id", "text"))
    }
    queries = {_id(row): str(row["text"]) for row in json_lines(home / "queries.jsonl", ("_id", "text"))}
    judged = home / "qrels" / f"{split}.tsv"
    qrels = _read_tsv_qrels(judged if judged.is_file() else home / "qrels.tsv")
    lost = [query for query in qrels if query not in queries]
    if lost:
        raise InputError(f"{home}: query {lost[0]!r} is judged but not among the queries ({len(lost)} such)")
    return TextBenchmark(corpus, {query: queries[query] for query in qrels}, qrels)


def read_qrels(path: str | Path) -> Qrels:
    """Read judgements in the TREC format.

    Raises:
        InputError: when the file is missing or a line is malformed; names the line.
    """

    def judgement(fields: list[str]) -> tuple[str, str, int]:
        query, _, document, grade = fields
        return query, document, int(grade)

    return _read_nested(Path(path), judgement)


def read_trec_run(path: str | Path) -> Run:
    """Read a run in the TREC format. The scores decide, not the ranks.

    Raises:
        InputError: when the file is missing or a line is malformed; names the line.
    """

    def result(fields: list[str]) -> tuple[str, str, float]:
        query, _, document, _, score, _ = fields
        return query, document, float(score)

    return _read_nested(Path(path), result)


def write_trec_run(path: str | Path, run: Run, tag: str) -> None:
    """Write a run in the TREC format, best first.

    Raises:
        InputError: when an id or the tag holds white space, which the form cannot hold.
        MmrankError: when it cannot be written.
    """
    lines = []
    for query, documents in run.items():
        ranked = sorted(documents.items(), key=lambda item: (-item[1], item[0]))
        for rank, (document, score) in enumerate(ranked, start=1):
            fields = (query, "Q0", document, str(rank), repr(float(score)), tag)
            check_trec_fields(fields)
            lines.append(" ".join(fields) + "\n")
    try:
        Path(path).write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise MmrankError(f"the run cannot be written to {path}: {error.strerror or error}") from error


def check_trec_fields(fields: Iterable[str]) -> None:
    """Refuse ids and tags that the TREC format cannot hold.

    Raises:
        InputError: for white space, or nothing, in one of them.
    """
    broken = next((field for field in fields if len(field.split()) != 1), None)
    if broken is not None:
        raise InputError(f"a TREC run cannot hold {broken!r}: ids and tags have no white space")


def text_figures(run: Run, qrels: Qrels, measures: Iterable[str] = MEASURES) -> dict[str, float]:
    """Means over the judged queries, by measure; a judged query without results counts 0.

    Args:
        run: what was found.
        qrels: what is right.
        measures: in ir-measures' names, such as "nDCG@10", "R@100", "RR@10", "AP".

    Raises:
        InputError: for an unknown measure or empty judgements.
    """
    found = query_figures(run, qrels, measures)
    names = list(next(iter(found.values())))
    return {name: sum(row[name] for row in found.values()) / len(found) for name in names}


def query_figures(run: Run, qrels: Qrels, measures: Iterable[str] = MEASURES) -> dict[str, dict[str, float]]:
    """As `text_figures`, of each judged query."""
    import ir_measures

    if not qrels:
        raise InputError("there are no judgements, so nothing can be measured")
    try:
        wanted = [ir_measures.parse_measure(measure) for measure in measures]
    except (ValueError, NameError) as error:
        raise InputError(f"an unknown measure: {error}; ir-measures has such as {', '.join(MEASURES)}") from error
    # ir-measures leaves queries out that the run does not name: give them an empty result.
    complete = {query: dict(run.get(query, {})) or {"": 0.0} for query in qrels}
    found: dict[str, dict[str, float]] = {query: {} for query in qrels}
    for one in ir_measures.iter_calc(wanted, {q: dict(d) for q, d in qrels.items()}, complete):
        found[one.query_id][str(one.measure)] = float(one.value)
    return found


def _id(row: Mapping[str, Any]) -> str:
    return str(row["_id"])


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Lines of a text file that are not blank, with their numbers from 1. Only "\\n" ends a line.

    Raises:
        InputError: when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def json_lines(path: Path, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    """The objects of a JSONL file.

    Raises:
        InputError: when it cannot be read, or a line is no object with the fields needed; names the line.
    """
    rows = []
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}, is not JSON: {error}") from error
        if not isinstance(row, dict) or any(name not in row for name in needed):
            raise InputError(f"{path}, line {number}, needs {', '.join(needed)}")
        rows.append(row)
    return rows


def _read_tsv_qrels(path: Path) -> Qrels:
    qrels: dict[str, dict[str, int]] = {}
    for number, line in numbered_lines(path)[1:]:
        try:
            query, document, grade = line.rstrip("\r").split("\t")
            qrels.setdefault(query, {})[document] = int(grade)
        except ValueError as error:
            raise InputError(f"{path}, line {number}, is not 'query<tab>document<tab>grade': {error}") from error
    return qrels


def _read_nested(path: Path, parse: Callable[[list[str]], tuple[str, str, Value]]) -> dict[str, dict[str, Value]]:
    nested: dict[str, dict[str, Value]] = {}
    for number, line in numbered_lines(path):
        try:
            query, document, value = parse(line.split())
        except ValueError as error:
            raise InputError(f"{path}, line {number}, is not in the TREC format: {error}") from error
        if document in nested.setdefault(query, {}):
            raise InputError(f"{path}, line {number}, names {document} a second time for query {query}")
        nested[query][document] = value
    return nested
