from collections import Counter
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.evaluate import Answered, Ranking, score
from mmrank.evaluate.benchmark import Benchmark, Paper, Question
from mmrank.evaluate.crossvalidation import cross_validate, document_folds

SMALL_PAGE = (10.0, 10.0)


def paper(name: str, domain: str) -> Paper:
    question = Question(name, 0, "What?", "", frozenset({1}), (), ())
    return Paper(name, domain, Path(name), (SMALL_PAGE,) * 3, (question,))


BENCHMARK = Benchmark("b", tuple(paper(f"d{at}", "law" if at < 5 else "news") for at in range(10)))


def run(right: set[str]) -> list[Answered]:
    """Right at once for some documents, last for the others."""
    return [
        Answered(paper.name, 0, Ranking((0.5, 1.0, 0.2) if paper.name in right else (0.5, 0.0, 0.2)))
        for paper in BENCHMARK.papers
    ]


def test_folds_are_even_and_spread_every_domain():
    folds = document_folds(BENCHMARK, 5)
    assert Counter(folds.values()) == dict.fromkeys(range(5), 2)
    for part in range(5):
        assert {paper.domain for paper in BENCHMARK.papers if folds[paper.name] == part} == {"law", "news"}
    assert document_folds(BENCHMARK, 5) == folds


def test_a_fold_has_no_say_in_the_setting_that_answers_it():
    folds = document_folds(BENCHMARK, 2)
    first = {name for name, part in folds.items() if part == 0}
    # Each setting is right only on one fold, so each fold is answered by the setting that fails on it.
    found = cross_validate({"on 0": run(first), "on 1": run(set(folds) - first)}, BENCHMARK, folds=2)
    assert found.chosen == ("on 1", "on 0")
    assert score(found.run, BENCHMARK).micro["page_recall@1"].value == 0.0


def test_the_setting_that_is_best_everywhere_answers_every_fold():
    names = {paper.name for paper in BENCHMARK.papers}
    found = cross_validate({"poor": run(set()), "good": run(names)}, BENCHMARK)
    assert set(found.chosen) == {"good"}
    assert list(found.run) == run(names)


def test_of_equals_the_first_is_chosen():
    assert set(cross_validate({"plain": run(set()), "same": run(set())}, BENCHMARK).chosen) == {"plain"}


@pytest.mark.parametrize("folds", [1, 11])
def test_folds_that_cannot_be_dealt_are_refused(folds: int):
    with pytest.raises(InputError, match=f"into {folds} folds"):
        document_folds(BENCHMARK, folds)


def test_an_unknown_measure_is_named():
    with pytest.raises(InputError, match="'f1'"):
        cross_validate({"a": run(set())}, BENCHMARK, measures=["f1"])
