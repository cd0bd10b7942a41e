import json
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.evaluate.text_benchmarks import (
    TextDocument,
    load_beir,
    read_qrels,
    read_trec_run,
    text_figures,
    write_trec_run,
)


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    corpus = [{"_id": "d1", "title": "Whales", "text": "They sing."}, {"_id": "d2", "title": "", "text": "Bats."}]
    queries = [{"_id": "q1", "text": "who sings"}, {"_id": "q2", "text": "never judged"}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n")
    return tmp_path


def test_a_beir_folder_gives_corpus_judged_queries_and_qrels(beir: Path):
    benchmark = load_beir(beir)
    assert benchmark.corpus == {"d1": TextDocument("Whales", "They sing."), "d2": TextDocument("", "Bats.")}
    assert benchmark.queries == {"q1": "who sings"}
    assert benchmark.qrels == {"q1": {"d1": 2, "d2": 0}}


def test_qrels_beside_the_corpus_are_taken_too(beir: Path):
    (beir / "qrels" / "test.tsv").rename(beir / "qrels.tsv")
    assert load_beir(beir).qrels == {"q1": {"d1": 2, "d2": 0}}


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("corpus.jsonl", "{", "line 3, is not JSON"),
        ("corpus.jsonl", '{"_id": "d3"}', "line 3, needs _id, text"),
        ("qrels/test.tsv", "q1 d1 1", "line 4"),
        ("qrels/test.tsv", "q7\td1\t1", "'q7' is judged"),
    ],
)
def test_a_bad_line_is_named(beir: Path, file: str, line: str, reason: str):
    content = (beir / file).read_text().rstrip("\n")
    (beir / file).write_text(f"{content}\n{line}\n")
    with pytest.raises(InputError, match=reason):
        load_beir(beir)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"corpus\.jsonl cannot be read"):
        load_beir(tmp_path)


def test_a_trec_run_is_read_as_it_was_written(tmp_path: Path):
    run = {"q1": {"d2": 0.25, "d1": 1 / 3}, "q2": {"d9": -4.0}}
    write_trec_run(tmp_path / "run.trec", run, "ours")
    assert read_trec_run(tmp_path / "run.trec") == run
    assert (tmp_path / "run.trec").read_text().splitlines()[0] == f"q1 Q0 d1 1 {1 / 3!r} ours"


def test_a_trec_run_cannot_hold_an_id_with_a_space(tmp_path: Path):
    with pytest.raises(InputError, match="'d 1'"):
        write_trec_run(tmp_path / "run.trec", {"q": {"d 1": 1.0}}, "ours")


def test_trec_lines_that_do_not_fit_are_named(tmp_path: Path):
    (tmp_path / "qrels").write_text("q1 0 d1 1\nq1 0 d1\n")
    with pytest.raises(InputError, match="line 2"):
        read_qrels(tmp_path / "qrels")
    (tmp_path / "run").write_text("q1 Q0 d1 1 0.5 x\nq1 Q0 d1 2 0.4 x\n")
    with pytest.raises(InputError, match="d1 a second time"):
        read_trec_run(tmp_path / "run")


def test_figures_are_those_worked_by_hand_and_a_query_without_results_counts_0(tmp_path: Path):
    (tmp_path / "qrels").write_text("q1 0 a 1\nq1 0 b 0\nq2 0 c 1\n")
    (tmp_path / "run").write_text("q1 Q0 b 1 2.0 x\nq1 Q0 a 2 1.0 x\n")
    figures = text_figures(read_trec_run(tmp_path / "run"), read_qrels(tmp_path / "qrels"), ["nDCG@10", "RR@10"])
    assert figures == pytest.approx({"nDCG@10": 0.6309297535714574 / 2, "RR@10": 0.25})


@pytest.mark.parametrize("measure", ["foo@3", "nDCG@x"])
def test_an_unknown_measure_is_refused(measure: str):
    with pytest.raises(InputError, match="unknown measure"):
        text_figures({"q": {"d": 1.0}}, {"q": {"d": 1}}, [measure])
