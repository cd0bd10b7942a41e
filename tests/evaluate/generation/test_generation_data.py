"""What the comparison of retrieval and generation reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.evaluate.generation import load_generation_data


def written(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_folder_gives_the_tasks_that_it_has_files_for(tmp_path) -> None:
    written(tmp_path, "corpus.jsonl", [{"_id": "a", "title": "Ferries", "text": "The Gannet sails."}])
    with pytest.raises(InputError, match="nothing to ask"):
        load_generation_data(tmp_path)
    written(tmp_path, "questions.jsonl", [{"question": "Which ferry sails?", "answer": "The Gannet"}])
    data = load_generation_data(tmp_path)
    assert data.passages == {"a": "Ferries\nThe Gannet sails."}
    assert data.questions[0].answers == ("The Gannet",)
    assert data.tasks == ("questions",)
    written(tmp_path, "queries.jsonl", [{"_id": "q", "text": "ferry"}])
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    (tmp_path / "text.txt").write_text("The ferry sails at nine.\n")
    assert load_generation_data(tmp_path).tasks == ("questions", "reranking", "modelling")


def test_passages_are_read_as_dpr_writes_them(tmp_path) -> None:
    (tmp_path / "passages.tsv").write_text('id\ttext\ttitle\n1\t"The ""Gannet"" sails."\tFerries\n', encoding="utf-8")
    (tmp_path / "text.txt").write_text("The ferry sails.")
    assert load_generation_data(tmp_path).passages == {"1": 'Ferries\nThe "Gannet" sails.'}
    (tmp_path / "passages.tsv").write_text("id\ttext\ttitle\nalone\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        load_generation_data(tmp_path)


def test_a_question_without_an_answer_is_named(tmp_path) -> None:
    written(tmp_path, "corpus.jsonl", [{"_id": "a", "text": "The Gannet sails."}])
    written(tmp_path, "questions.jsonl", [{"question": "Which?", "answer": [" "]}])
    with pytest.raises(InputError, match="question 1, has no answer"):
        load_generation_data(tmp_path)


def test_a_folder_without_passages_says_what_is_missing(tmp_path) -> None:
    with pytest.raises(InputError, match=r"corpus\.jsonl"):
        load_generation_data(tmp_path)
