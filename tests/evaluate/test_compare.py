import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.evaluate import SystemRanking, evaluate
from mmrank.evaluate.compare import ablate, ablation_table, compare, compare_files, write_ablation
from mmrank.evaluate.mmdocir import load_mmdocir
from mmrank.evaluate.run_files import write_run


class Knowing:
    """A system that knows the right page of the questions that contain a word."""

    def __init__(self, name: str, word: str) -> None:
        self.name = name
        self.word = word

    def prepare(self, documents: Mapping[str, Path]) -> None:
        pass

    def rank(self, document: str, question: str) -> SystemRanking:
        right = {"blue": 1, "sperm": 2, "Nordbank": 1}
        page = next(page for word, page in right.items() if word in question) if self.word in question else 0
        return SystemRanking(tuple(float(at == page) for at in range(3 if document == "whales.pdf" else 2)))


@pytest.fixture
def benchmark(data: Path, tmp_path: Path):
    return load_mmdocir(data, cache=tmp_path)


def test_a_difference_is_the_mean_of_the_differences_by_question(benchmark):
    all_known = evaluate(Knowing("all", ""), benchmark).run
    one_known = evaluate(Knowing("one", "whale hunt"), benchmark).run
    found = compare(all_known, one_known, benchmark)
    assert found["page_recall@1"].value == pytest.approx(2 / 3)
    assert found["page_recall@1"].low > 0
    assert compare(one_known, all_known, benchmark)["page_recall@1"].value == pytest.approx(-2 / 3)


def test_a_run_does_not_differ_from_itself(benchmark):
    run = evaluate(Knowing("one", "whale hunt"), benchmark).run
    for figure in compare(run, run, benchmark).values():
        assert (figure.low, figure.value, figure.high) == (0, 0, 0)


def test_pairing_makes_the_interval_of_a_constant_difference_vanish(benchmark):
    # Rank 1 or 2 in every document's every question: MRR differs by the same half everywhere.
    class Second(Knowing):
        def rank(self, document: str, question: str) -> SystemRanking:
            scores = super().rank(document, question).page_scores
            best = scores.index(max(scores))
            return SystemRanking(tuple(0.5 if at == best else float(at == 0) for at in range(len(scores))))

    first = evaluate(Knowing("all", ""), benchmark).run
    second = evaluate(Second("second", ""), benchmark).run
    found = compare(first, second, benchmark)["mrr"]
    assert (found.low, found.value, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_an_ablation_compares_every_setting_with_the_first(benchmark, tmp_path: Path):
    seen = []
    rows = ablate(
        [("all", lambda: Knowing("all", "")), ("without", lambda: Knowing("one", "whale hunt"))],
        benchmark,
        on_evaluated=lambda name, evaluation: seen.append((name, len(evaluation.run))),
    )
    assert seen == [("all", 3), ("without", 3)]
    assert rows[0].differences["page_recall@1"].value == 0
    assert rows[1].figures["page_recall@1"].value == pytest.approx(1 / 3)
    assert rows[1].differences["page_recall@1"].value == pytest.approx(-2 / 3)
    write_ablation(tmp_path / "ablation.json", rows)
    assert json.loads((tmp_path / "ablation.json").read_text())[1]["name"] == "without"


def test_the_table_shows_differences_in_points_and_marks_what_is_not_chance(benchmark):
    from rich.console import Console

    rows = ablate([("all", lambda: Knowing("all", "")), ("without", lambda: Knowing("one", "whale hunt"))], benchmark)
    console = Console(width=200, record=True, force_terminal=True, file=io.StringIO())
    console.print(ablation_table(rows))
    text = console.export_text(styles=True)
    assert "1.000" in text
    assert "\x1b[1m−66.7 (" in text


@pytest.mark.parametrize("names", [[], ["same", "same"]])
def test_settings_need_names_of_their_own(benchmark, names: list[str]):
    with pytest.raises(InputError, match="names of their own"):
        ablate([(name, lambda: Knowing("x", "")) for name in names], benchmark)


def test_an_unknown_measure_lists_the_known_ones(benchmark):
    run = evaluate(Knowing("all", ""), benchmark).run
    with pytest.raises(InputError, match=r"'f1'; there are: page_recall@1"):
        compare(run, run, benchmark, ["f1"])


def test_two_run_files_are_compared_on_what_both_answer(benchmark, data: Path, tmp_path: Path):
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    write_run(few, evaluate(Knowing("one", "blue"), benchmark).run[:2])
    write_run(many, evaluate(Knowing("all", ""), benchmark).run)
    before, after = compare_files(many, few, data, cache=tmp_path)
    assert (before.name, after.name) == (str(few), str(many))
    assert before.figures["page_recall@1"].value == 0.5
    assert after.figures["page_recall@1"].value == 1.0
    assert before.differences["page_recall@1"].value == 0
    assert after.differences["page_recall@1"].value == 0.5


def test_runs_that_answer_nothing_in_common_are_refused(benchmark, data: Path, tmp_path: Path):
    run = evaluate(Knowing("all", ""), benchmark).run
    write_run(tmp_path / "a.jsonl", run[:1])
    write_run(tmp_path / "b.jsonl", run[1:])
    with pytest.raises(InputError, match="in common"):
        compare_files(tmp_path / "a.jsonl", tmp_path / "b.jsonl", data, cache=tmp_path)
