"""Questions to a whole collection: what is read, what is measured, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate.collection_data import CollectionBenchmark, CollectionQuestion, load_collection_benchmark
from mmrank.evaluate.collection_eval import (
    Response,
    ask_all,
    kept_collection,
    read_responses,
    score_responses,
    write_responses,
)

PAGES = {"ferries.txt": "Ferries to Lunna sail at noon.", "bread.txt": "Bread needs flour, water and yeast."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "harbour"
    (home / "documents").mkdir(parents=True)
    for name, text in PAGES.items():
        (home / "documents" / name).write_text(text)
    return home


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def plain(home: Path) -> None:
    write_lines(
        home / "questions.jsonl",
        [
            {"id": "f", "question": "When do ferries sail?", "document": "ferries.txt", "pages": [0]},
            {"id": "b", "question": "What does bread need?", "document": "bread.txt", "pages": [0]},
        ],
    )


def beir(home: Path) -> None:
    queries = [{"_id": "f", "text": "When do ferries sail?"}, {"_id": "b", "text": "What does bread need?"}]
    write_lines(home / "queries.jsonl", queries)
    (home / "qrels").mkdir()
    (home / "qrels" / "test.tsv").write_text(
        "query\tpage\tgrade\nf\tferries.txt#0\t1\nb\tbread.txt#0\t1\nb\tferries.txt#0\t0\n"
    )


def trec(home: Path) -> None:
    (home / "queries.tsv").write_text("f\tWhen do ferries sail?\nb\tWhat does bread need?\n")
    (home / "qrels.txt").write_text("f 0 ferries.txt#0 1\nb 0 bread.txt#0 2\n")


@pytest.mark.parametrize("write", [plain, beir, trec])
def test_questions_come_in_three_kinds_of_files(folder: Path, write) -> None:
    write(folder)
    benchmark = load_collection_benchmark(folder, cache=folder)
    assert benchmark.name == "harbour" and benchmark.files.keys() == PAGES.keys()
    assert {(one.id, one.text, *one.pages) for one in benchmark.questions} == {
        ("f", "When do ferries sail?", ("ferries.txt", 0)),
        ("b", "What does bread need?", ("bread.txt", 0)),
    }


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "line 1 holds no object"),
        ('{"question": "?", "document": "ferries.txt", "pages": []}', "pages must be a list"),
        ('{"question": "?", "document": "ferries.txt", "pages": [true]}', "pages must be a list"),
        ('{"question": " ", "document": "ferries.txt", "pages": [0]}', "must be texts"),
        ('{"question": "?", "document": "absent.pdf", "pages": [0]}', r"absent\.pdf, which is not in"),
    ],
)
def test_a_malformed_question_is_named(folder: Path, line: str, complaint: str) -> None:
    (folder / "questions.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=complaint):
        load_collection_benchmark(folder, cache=folder)


def test_a_folder_without_questions_or_documents_says_what_is_missing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"questions\.jsonl, queries\.jsonl"):
        load_collection_benchmark(folder, cache=folder)
    with pytest.raises(InputError, match="documents holds no files"):
        load_collection_benchmark(tmp_path / "nowhere", cache=folder)


def test_judgements_of_beir_need_no_header(folder: Path) -> None:
    (folder / "queries.jsonl").write_text('{"_id": "a", "text": "ferry"}\n')
    (folder / "qrels.tsv").write_text("a\tferries.txt#0\t1\n")
    [question] = load_collection_benchmark(folder, cache=folder).questions
    assert question.pages == {("ferries.txt", 0)}


@pytest.mark.parametrize(
    ("name", "line"), [("queries.jsonl", '{"_id": "a", "text": "ferry"}'), ("queries.tsv", "a\tferry")]
)
def test_a_query_that_occurs_twice_is_refused(folder: Path, name: str, line: str) -> None:
    (folder / name).write_text(f"{line}\n{line}\n")
    with pytest.raises(InputError, match="line 2: the id a occurs twice"):
        load_collection_benchmark(folder, cache=folder)


def test_a_whole_collection_is_asked_scored_and_scored_again(folder: Path, tmp_path: Path) -> None:
    plain(folder)
    benchmark = load_collection_benchmark(folder, cache=tmp_path)
    with kept_collection(benchmark, tmp_path) as library:
        responses = ask_all(benchmark, lambda text: [(hit.document, hit.page) for hit in library.search(text, k=10)])
    report = score_responses(benchmark, responses)
    assert {name: figure.value for name, figure in report.figures.items()} == dict.fromkeys(report.figures, 1.0)
    write_responses(tmp_path / "run.jsonl", responses)
    assert score_responses(benchmark, read_responses(tmp_path / "run.jsonl")).figures == report.figures


def test_a_question_that_fails_scores_nothing_and_is_named() -> None:
    questions = tuple(CollectionQuestion(name, name, frozenset({("a.pdf", 0)})) for name in ("good", "bad"))
    benchmark = CollectionBenchmark("b", {"a.pdf": Path("a.pdf")}, questions)

    def ask(text: str) -> list[tuple[str, int]]:
        if text == "bad":
            raise MmrankError("no")
        return [("a.pdf", 0)]

    report = score_responses(benchmark, ask_all(benchmark, ask))
    assert report.figures["document first"].value == 0.5
    assert report.notes == ("question bad failed: no",)


@pytest.mark.parametrize(
    ("responses", "complaint"),
    [
        ([Response("q", ()), Response("other", ())], "answers other"),
        ([], "no answer to 1 questions"),
    ],
)
def test_a_run_of_other_questions_is_refused(responses: list[Response], complaint: str) -> None:
    benchmark = CollectionBenchmark("b", {}, (CollectionQuestion("q", "?", frozenset({("a.pdf", 0)})),))
    with pytest.raises(InputError, match=complaint):
        score_responses(benchmark, responses)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"question": "q"}',
        '{"question": "q", "pages": [["a.pdf"]]}',
        '{"question": "q", "pages": [["a", 0], ["a", 0]]}',
    ],
)
def test_a_malformed_line_of_a_run_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "run.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match="line 1"):
        read_responses(tmp_path / "run.jsonl")
