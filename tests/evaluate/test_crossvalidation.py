from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.evaluate import SystemRanking
from mmrank.evaluate.benchmark import Benchmark, BenchmarkQuestion, Paper
from mmrank.evaluate.crossvalidation import Judged, cross_fit, document_folds, fit_weights

SMALL_PAGE = (10.0, 10.0)


def paper(name: str, domain: str) -> Paper:
    question = BenchmarkQuestion(name, 0, "What?", "", frozenset({1}), (), ())
    return Paper(name, domain, Path(name), (SMALL_PAGE,) * 3, (question,))


BENCHMARK = Benchmark("b", tuple(paper(f"d{at}", "law" if at < 5 else "news") for at in range(10)))


class TwoSignals:
    """Page 1 is right. `honest` says so in every document, `liar` points at page 2 in documents of one fold only."""

    name = "two signals"

    def __init__(self, fooled: set[str]) -> None:
        self.fooled = fooled

    def prepare(self, documents: Mapping[str, Path]) -> None:
        pass

    def signals(self, document: str, question: str) -> dict[str, np.ndarray]:
        liar = [0.0, 0.0, 1.0] if document in self.fooled else [0.0, 1.0, 0.0]
        return {"honest": np.array([0.0, 1.0, 0.0]), "liar": np.array(liar)}

    def rank(self, document: str, question: str) -> SystemRanking:
        return SystemRanking((0.0, 0.0, 0.0))


def test_folds_are_even_and_spread_every_domain():
    folds = document_folds(BENCHMARK, 5)
    assert Counter(folds.values()) == dict.fromkeys(range(5), 2)
    for part in range(5):
        assert {paper.domain for paper in BENCHMARK.papers if folds[paper.name] == part} == {"law", "news"}
    assert document_folds(BENCHMARK, 5) == folds


def test_the_fit_is_where_the_loss_by_hand_is_least():
    judged = [Judged(np.array([[1.0], [0.0]]), (0,)), Judged(np.array([[1.0], [0.0]]), (1,))]
    # One question for, one against: likelihood alone says 0, the prior says 2. Loss: log(1 + e^-w) / 2 + ...
    weight = float(fit_weights(judged, [2.0], strength=0.1)[0])

    def loss(w: float) -> float:
        chance = 1 / (1 + np.exp(-w))
        return float(-(np.log(chance) + np.log(1 - chance)) / 2 + 0.1 * (w / 2 - 1) ** 2)

    assert weight == pytest.approx(min(np.linspace(0, 2, 20001), key=loss), abs=1e-3)


def test_a_question_without_a_page_that_can_be_found_has_no_say():
    told = [Judged(np.array([[1.0, 0.0], [0.0, 1.0]]), (0,))]
    silent = [*told, Judged(np.array([[0.0, 1.0], [1.0, 0.0]]), ())]
    assert fit_weights(told, [1.0, 1.0]) == pytest.approx(fit_weights(silent, [1.0, 1.0]))


def test_a_fold_has_no_say_in_the_weights_that_answer_it():
    folds = document_folds(BENCHMARK, 2)
    fooled = {name for name, part in folds.items() if part == 0}
    found = cross_fit(TwoSignals(fooled), BENCHMARK, {"honest": 1.0, "liar": 1.0}, folds=2)
    # Without fold 0 nothing speaks against the liar; without fold 1 everything does.
    assert found.weights[0]["liar"] > 1.0 > found.weights[1]["liar"]
    assert len(found.evaluation.run) == 10
    answered = {one.document: one.ranking.page_scores for one in found.evaluation.run}
    of_fooled = answered[min(fooled)]
    assert of_fooled[2] == pytest.approx(found.weights[0]["liar"])
    assert of_fooled[1] == pytest.approx(found.weights[0]["honest"])


@pytest.mark.parametrize("folds", [1, 11])
def test_folds_that_cannot_be_dealt_are_refused(folds: int):
    with pytest.raises(InputError, match=f"into {folds} folds"):
        document_folds(BENCHMARK, folds)
