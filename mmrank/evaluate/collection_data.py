"""Questions to a whole collection, with the document and the pages that answer them.

Three kinds of folders are read; each holds the files to index in `documents/`:

- `questions.jsonl`: one object per line with `question`, `document` (a file name), `pages` (0-based) and, if you like,
  `id`.
- BEIR: `queries.jsonl` (`_id`, `text`) and `qrels/test.tsv` or `qrels.tsv` (query, page, grade, after a header line). A
  page is `file.pdf#7`, 0-based.
- TREC: `queries.tsv` (id, tab, text) and `qrels.txt` (query, 0, page, grade), with pages as above.

A folder of MMDocIR (`annotations.jsonl` and `documents/`) becomes one collection of all its documents; only questions
that name their subject are asked (`mmrank.evaluate.documents` says which do).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrank.errors import InputError
from mmrank.evaluate.text_benchmarks import numbered_lines

DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True)
class CollectionQuestion:
    """A question and its gold pages, (document name, 0-based page) each. All of them are in one document or several."""

    id: str
    text: str
    pages: frozenset[tuple[str, int]]

    @property
    def documents(self) -> frozenset[str]:
        """Names of the documents that hold gold pages."""
        return frozenset(document for document, _ in self.pages)


@dataclass(frozen=True, slots=True)
class CollectionBenchmark:
    """Files by name, and questions about them. `notes` says which questions were left out, and why."""

    name: str
    files: Mapping[str, Path]
    questions: tuple[CollectionQuestion, ...]
    notes: tuple[str, ...] = ()


def load_collection_benchmark(folder: str | Path, *, cache: Path) -> CollectionBenchmark:
    """Read a folder of documents and questions of any of the kinds above.

    Args:
        folder: holds the questions, and the files in `documents/`.
        cache: folder that keeps the texts by which MMDocIR's questions are chosen.

    Raises:
        InputError: when it is none of these kinds, a line is malformed, or a gold document is not there.
    """
    home = Path(folder)
    if (home / "annotations.jsonl").is_file():
        return _pooled_mmdocir(home, cache)
    files = {
        path.relative_to(home / DOCUMENTS).as_posix(): path
        for path in sorted((home / DOCUMENTS).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    if not files:
        raise InputError(f"{home / DOCUMENTS} holds no files; put the documents to search there")
    if (home / "questions.jsonl").is_file():
        questions = tuple(_plain_questions(home / "questions.jsonl"))
    elif (home / "queries.jsonl").is_file():
        questions = _beir_questions(home)
    elif (home / "queries.tsv").is_file():
        questions = _trec_questions(home)
    else:
        raise InputError(
            f"{home} holds no questions: none of questions.jsonl, queries.jsonl (BEIR), queries.tsv (TREC) and"
            " annotations.jsonl (MMDocIR) is there"
        )
    for question in questions:
        lost = sorted(question.documents - files.keys())
        if lost:
            raise InputError(f"question {question.id} is answered by {lost[0]}, which is not in {home / DOCUMENTS}")
    if not questions:
        raise InputError(f"{home} holds no question with a gold page")
    return CollectionBenchmark(home.resolve().name, files, questions)


def _plain_questions(path: Path) -> Iterator[CollectionQuestion]:
    seen: set[str] = set()
    for number, row in json_lines(path):
        where = f"{path}, line {number}"
        text, document, pages = row.get("question"), row.get("document"), row.get("pages")
        if not isinstance(text, str) or not isinstance(document, str) or not text.strip():
            raise InputError(f"{where}: question and document must be texts")
        if not isinstance(pages, list) or not pages or not all(type(page) is int and page >= 0 for page in pages):
            raise InputError(f"{where}: pages must be a list of 0-based page numbers, at least one")
        identifier = str(row.get("id", number))
        if identifier in seen:
            raise InputError(f"{where}: the id {identifier} occurs twice")
        seen.add(identifier)
        yield CollectionQuestion(identifier, text, frozenset((document, page) for page in pages))


def _beir_questions(home: Path) -> tuple[CollectionQuestion, ...]:
    texts = {}
    for number, row in json_lines(home / "queries.jsonl"):
        if not isinstance(row.get("_id"), str) or not isinstance(row.get("text"), str):
            raise InputError(f"{home / 'queries.jsonl'}, line {number}: _id and text must be texts")
        if row["_id"] in texts:
            raise InputError(f"{home / 'queries.jsonl'}, line {number}: the id {row['_id']} occurs twice")
        texts[row["_id"]] = row["text"]
    path = home / "qrels" / "test.tsv"
    if not path.is_file():
        path = home / "qrels.tsv"
    rows = numbered_lines(path)
    if rows and "#" not in rows[0][1]:  # the header, which names no page
        rows = rows[1:]
    return _judged(texts, path, ((number, line.split("\t")) for number, line in rows))


def _trec_questions(home: Path) -> tuple[CollectionQuestion, ...]:
    texts = {}
    for number, line in numbered_lines(home / "queries.tsv"):
        identifier, tab, text = line.partition("\t")
        if not tab:
            raise InputError(f"{home / 'queries.tsv'}, line {number}: an id, a tab and the text are needed")
        if identifier in texts:
            raise InputError(f"{home / 'queries.tsv'}, line {number}: the id {identifier} occurs twice")
        texts[identifier] = text
    path = home / "qrels.txt"

    def rows() -> Iterator[tuple[int, list[str]]]:
        for number, line in numbered_lines(path):
            parts = line.split()
            # A file name may hold blanks: what is between the second field and the grade is the page.
            yield number, [parts[0], " ".join(parts[2:-1]), parts[-1]] if len(parts) >= 4 else parts

    return _judged(texts, path, rows())


def _judged(
    texts: Mapping[str, str], path: Path, rows: Iterator[tuple[int, list[str]]]
) -> tuple[CollectionQuestion, ...]:
    gold: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for number, row in rows:
        where = f"{path}, line {number}"
        if len(row) != 3:
            raise InputError(f"{where}: a query, a page and a grade are needed")
        query, name, grade = row
        document, mark, page = name.rpartition("#")
        if not mark or not page.isdigit():
            raise InputError(f"{where}: {name!r} is no page; write file.pdf#7 for the eighth page")
        if query not in texts:
            raise InputError(f"{where}: the query {query} is not among the queries")
        try:
            relevant = float(grade) > 0
        except ValueError:
            raise InputError(f"{where}: the grade {grade!r} is no number") from None
        if relevant:
            gold[query].add((document, int(page)))
    return tuple(CollectionQuestion(query, texts[query], frozenset(pages)) for query, pages in gold.items())


def _pooled_mmdocir(home: Path, cache: Path) -> CollectionBenchmark:
    from mmrank.evaluate.documents import name_subjects, plain_texts
    from mmrank.evaluate.mmdocir import load_mmdocir

    benchmark = load_mmdocir(home, cache=cache / "mmdocir")
    named = name_subjects(benchmark, plain_texts(benchmark, cache / "reference"))
    questions = tuple(
        CollectionQuestion(
            f"{one.question.document}#{one.question.index}",
            one.question.text,
            frozenset((one.question.document, page) for page in one.question.pages),
        )
        for one in named
    )
    note = f"{len(questions)} of {len(benchmark)} questions name their subject; the others fit any document"
    return CollectionBenchmark(
        f"{benchmark.name}, pooled", {paper.name: paper.path for paper in benchmark.papers}, questions, (note,)
    )


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file, each with the number of its line.

    Raises:
        InputError: for a line that holds no object; names it.
    """
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number} holds no object")
        yield number, row
