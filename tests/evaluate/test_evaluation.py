import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate import SystemRanking, read_run, run_mmdocir, score_run, system_names


class Firm:
    """A system that prefers one page, whatever is asked, and cannot read one document."""

    name = "firm"

    def __init__(self, page: int, unreadable: str = "") -> None:
        self.page = page
        self.unreadable = unreadable
        self.prepared: list[str] = []
        self.sizes = {"whales.pdf": 3, "Nordbank.pdf": 2}

    def prepare(self, documents: Mapping[str, Path]) -> None:
        assert all(path.is_file() for path in documents.values())
        self.prepared += documents

    def rank(self, document: str, question: str) -> SystemRanking:
        if document == self.unreadable:
            raise MmrankError(f"{document} is beyond reading")
        return SystemRanking(tuple(float(page == self.page) for page in range(self.sizes[document])))


def test_a_system_is_prepared_once_and_asked_every_question(data: Path, tmp_path: Path):
    system, steps = Firm(1), []
    report = run_mmdocir(data, system, cache=tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert system.prepared == ["whales.pdf", "Nordbank.pdf"]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert report.system == "firm"
    assert report.micro["page_recall@1"].value == pytest.approx(2 / 3)
    assert report.seconds is not None


def test_results_are_written_and_the_run_gives_the_same_figures_again(data: Path, tmp_path: Path):
    out, run = tmp_path / "results.json", tmp_path / "run.jsonl"
    report = run_mmdocir(data, Firm(1), out=out, run=run, cache=tmp_path)
    assert json.loads(out.read_text())["micro"]["mrr"]["value"] == report.micro["mrr"].value
    assert len(read_run(run)) == 3
    again = score_run(data, run, cache=tmp_path)
    assert again.micro == report.micro
    assert again.macro == report.macro


def test_a_document_that_fails_costs_only_its_own_questions(data: Path, tmp_path: Path):
    report = run_mmdocir(data, Firm(1, unreadable="Nordbank.pdf"), run=tmp_path / "run.jsonl", cache=tmp_path)
    assert report.micro["page_recall@1"].value == pytest.approx(1 / 3)
    assert "Nordbank.pdf is beyond reading" in report.notes[-1]
    assert read_run(tmp_path / "run.jsonl")[2].error


def test_a_limit_asks_only_so_many_questions(data: Path, tmp_path: Path):
    report = run_mmdocir(data, Firm(1), limit=2, cache=tmp_path)
    assert (report.questions, report.documents) == (2, 1)


def test_an_unknown_system_lists_the_known_ones(data: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"unknown system 'best'.*reference"):
        run_mmdocir(data, "best", cache=tmp_path)
    assert "reference" in system_names()


@pytest.mark.parametrize("option", ["out", "run"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(data: Path, tmp_path: Path, option: str):
    system = Firm(1)
    with pytest.raises(MmrankError, match="cannot be written"):
        run_mmdocir(data, system, cache=tmp_path, **{option: tmp_path / "none" / "file"})
    assert system.prepared == []
