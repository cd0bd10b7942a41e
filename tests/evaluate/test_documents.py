from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Benchmark, BenchmarkQuestion, Paper
from mmrank.evaluate.documents import (
    documents_table,
    evaluate_documents,
    name_subjects,
    plain_texts,
    question_names,
)
from mmrank.evaluate.mmdocir import load_mmdocir


def paper(name: str, *questions: str) -> Paper:
    asked = tuple(
        BenchmarkQuestion(name, index, text, "", frozenset({0}), (), ()) for index, text in enumerate(questions)
    )
    return Paper(name, "Brochure", Path(name), ((10.0, 10.0),), asked)


def test_names_are_capitalised_words_that_open_no_sentence():
    assert question_names('What did Nike sell? Answer in USD. "Total" counts.') == ["nike", "usd"]
    assert question_names("how many lines does an iPhone of R2D2 show, in a U.S. store?") == ["iphone", "r2d2"]
    assert question_names("WHAT IS THE LAST YEAR IN THE COLUMN?") == []


def test_a_question_names_its_subject_when_a_name_is_in_a_tenth_of_the_documents_at_most():
    papers = [paper("0", "What did Nike sell in Texas?"), *(paper(str(at), "Where is Texas?") for at in range(1, 30))]
    texts = {at.name: "A shop in Texas." for at in papers}
    for at in ("0", "5", "9"):
        texts[at] += " NIKE shoes."
    named = name_subjects(Benchmark("b", tuple(papers)), texts)
    assert [(found.question.document, found.names) for found in named] == [("0", ("nike",))]
    texts["11"] += " Nike again."
    with pytest.raises(InputError, match="no question names its subject"):
        name_subjects(Benchmark("b", tuple(papers)), texts)


def test_the_rule_knows_nothing_of_the_gold():
    texts = {"0": "Nike", "1": "Reebok", "2": "nothing"}
    right = name_subjects(Benchmark("b", (paper("0", "What did Nike sell?"), paper("1"), paper("2"))), texts)
    wrong = name_subjects(Benchmark("b", (paper("0"), paper("1", "What did Nike sell?"), paper("2"))), texts)
    assert right[0].names == wrong[0].names == ("nike",)


def test_a_document_without_text_is_refused():
    with pytest.raises(InputError, match="no text of 0"):
        name_subjects(Benchmark("b", (paper("0", "What did Nike sell?"),)), {})


def test_rankers_are_evaluated_and_compared_with_the_first():
    papers = (paper("0", "What did Nike sell?"), paper("1", "What did Reebok sell?"), paper("2"))
    named = name_subjects(Benchmark("b", papers), {"0": "Nike", "1": "Reebok", "2": "nothing"})
    rankers = {
        "right": lambda text: ["0", "1", "2"] if "Nike" in text else ["1", "0", "2"],
        "fixed": lambda text: ["2", "0", "1"],
        "silent": lambda text: [],
    }
    right, fixed, silent = evaluate_documents(rankers, named)
    assert right.figures["recall@1"].value == right.figures["mrr"].value == 1.0
    assert fixed.figures["recall@1"].value == 0.0
    assert fixed.figures["recall@5"].value == 1.0
    assert fixed.figures["mrr"].value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert fixed.differences["recall@1"].value == -1.0
    assert silent.figures["recall@5"].value == 0.0
    assert documents_table([right, fixed, silent], 3).row_count == 3


def test_a_document_ranked_twice_is_refused():
    named = name_subjects(Benchmark("b", (paper("0", "What did Nike sell?"),)), {"0": "Nike"})
    with pytest.raises(InputError, match="ranked twice"):
        evaluate_documents({"twice": lambda text: ["0", "0"]}, named)


def test_texts_come_from_the_documents_themselves(data: Path, tmp_path: Path):
    benchmark = load_mmdocir(data, cache=tmp_path)
    named = name_subjects(benchmark, plain_texts(benchmark, tmp_path))
    assert [(found.question.document, found.names) for found in named] == [("Nordbank.pdf", ("nordbank",))]
