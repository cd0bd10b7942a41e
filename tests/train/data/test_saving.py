"""What every builder ends with: two files that share nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample, read_examples
from mmrank.train.data.labels import from_qrels, read_questions
from mmrank.train.data.pages import page_picture
from mmrank.train.data.saving import from_elsewhere, save_split


def example(document: int, text: str) -> RankingExample:
    return RankingExample(f"what of {text}", (text,), ("nothing here",) if document % 2 else (), f"document {document}")


def test_examples_that_share_a_passage_with_the_held_out_ones_are_dropped_and_counted(tmp_path: Path) -> None:
    made = [RankingExample("q", ("boilerplate",), (), f"document {i}") for i in range(20)]
    made += [RankingExample("q", (f"text {i}",), (), f"document {i}") for i in range(20)]
    saved = save_split(made, tmp_path, folds=4)
    train, held_out = list(read_examples(saved.train)), list(read_examples(saved.held_out))
    assert saved.dropped > 0
    assert (saved.train_examples, saved.held_out_examples) == (len(train), len(held_out))
    assert "boilerplate" in {text for e in held_out for text in e.positives}
    assert "boilerplate" not in {text for e in train for text in e.positives}


def test_negatives_of_other_documents_are_the_best_scored_of_them() -> None:
    made = [example(0, "red apples"), example(2, "green apples"), example(4, "grey stones")]
    first = from_elsewhere(made, 1)[0]
    assert first.negatives == ("green apples",)


def test_one_document_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="never divided"):
        save_split([example(0, "a"), example(0, "b")], tmp_path)
    assert not list(tmp_path.iterdir())


def test_judgements_of_pages_become_labels_by_document() -> None:
    labels = from_qrels({"q": "what?"}, {"q": {"a.pdf#page=3": 1, "a.pdf#page=1": 1, "b.pdf#page=2": 0}})
    assert labels == {"a.pdf": [("what?", (0, 2))]}
    with pytest.raises(InputError, match=r"b\.pdf"):
        from_qrels({"q": "what?"}, {"q": {"b.pdf": 1}})


@pytest.mark.parametrize("row", [{"query": "q", "document": "d"}, {"query": "q", "document": "d", "pages": [0]}, [1]])
def test_a_line_that_is_no_question_is_named(tmp_path: Path, row: object) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_questions(path)


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.pdf"):
        page_picture(f"{tmp_path}/gone.pdf#page=2")
    with pytest.raises(InputError, match="names no page"):
        page_picture("a passage")


@pytest.mark.parametrize("documents", [2, 3, 5])
def test_few_documents_are_split_into_folds_that_can_be_filled(tmp_path: Path, documents: int) -> None:
    saved = save_split([example(i, f"text {i}") for i in range(documents)], tmp_path, folds=10)
    assert saved.train_examples + saved.held_out_examples + saved.dropped == documents
    assert saved.train_examples and saved.held_out_examples and 0 <= saved.fold < saved.folds <= 10
