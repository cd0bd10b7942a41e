"""Candidates from files, ranked, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmrank.errors import InputError
from mmrank.evaluate.candidate_files import check_output, read_candidates, rerank_all, write_ranking
from mmrank.evaluate.text_benchmarks import read_trec_run
from mmrank.rerankers import RankedCandidate, Ranking
from mmrank.types import Candidate, Query


class Longest:
    """Puts long texts first, and says so."""

    name = "longest"

    def rerank(self, query: Query, candidates: list[Candidate]) -> Ranking:
        ordered = sorted(candidates, key=lambda candidate: -len(candidate.text))
        items = [RankedCandidate(c, float(len(c.text)), f"{len(c.text)} letters") for c in ordered]
        return Ranking(tuple(items), self.name, calls=1, prompt_tokens=7)


def line(**changes: Any) -> dict[str, Any]:
    candidates = [{"id": "a", "text": "short", "score": 2}, {"id": "b", "text": "a longer text", "score": 1.5}]
    return {"id": "q", "query": "which is long?", "candidates": candidates, **changes}


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "candidates.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in lines))
    return path


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    corpus = [
        {"_id": "d1", "title": "Whales", "text": "They sing."},
        {"_id": "d2", "title": "", "text": "Bats are the only mammals that really fly."},
        {"_id": "d3", "title": "", "text": ""},
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "which mammals fly?"}))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td2\t1\n")
    return folder


def ids(found: Any) -> list[str]:
    return [item.id if isinstance(item, Candidate) else item.candidate.id for item in found]


def test_lines_give_queries_and_candidates_best_first(tmp_path: Path) -> None:
    other = line(id="r", candidates=[{"id": "x", "text": "one", "score": 1}, {"id": "y", "text": "two", "score": 3}])
    asked = read_candidates(written(tmp_path, line(), "", other))
    assert asked.queries == {"q": "which is long?", "r": "which is long?"}
    assert ids(asked.found["q"]) == ["a", "b"]
    assert ids(asked.found["r"]) == ["y", "x"]
    assert asked.found["r"][0].text == "two"


def test_a_line_without_an_id_is_known_by_its_number(tmp_path: Path) -> None:
    row = line()
    del row["id"]
    assert list(read_candidates(written(tmp_path, row, row)).queries) == ["1", "2"]


def test_candidates_without_scores_stand_best_first(tmp_path: Path) -> None:
    row = line(candidates=[{"id": "a", "text": "one"}, {"id": "b", "text": "two"}])
    found = read_candidates(written(tmp_path, row)).found["q"]
    assert ids(found) == ["a", "b"]
    assert found[0].score > found[1].score


def test_a_line_may_hold_marks_that_end_lines_elsewhere(tmp_path: Path) -> None:
    row = line(query="one\u2028two\x85three")
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    assert read_candidates(path).queries == {"q": "one\u2028two\x85three"}


def test_a_candidate_may_be_a_picture(tmp_path: Path, page_pdf: Path) -> None:
    row = line(candidates=[{"id": "p", "picture": f"{page_pdf.name}#2"}, {"id": "t", "text": "text"}])
    found = read_candidates(written(page_pdf.parent, row)).found["q"]
    picture = found[0].parts[0].image
    assert picture is not None and picture.page == 1
    assert picture.open(max_pixels=10_000).size[0] > 0


@pytest.fixture
def page_pdf(tmp_path: Path) -> Path:
    import pymupdf

    path = tmp_path / "two.pdf"
    with pymupdf.open() as file:
        file.new_page(width=100, height=100)
        file.new_page(width=100, height=100)
        file.save(path)
    return path


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "line 2"),
        ("[1]", "line 2"),
        ({"query": "x"}, "'candidates' is missing"),
        ({"candidates": []}, "'query' is missing"),
        (line(query="  "), "the query is empty"),
        (line(query=None), "query is no text but None"),
        (line(candidates=[{"id": "a"}]), "'text' is missing"),
        (line(candidates=[{"id": "a", "text": None}]), "text is no text but None"),
        (line(candidates=[{"id": "a", "text": "x", "score": float("nan")}]), "the score nan of candidate a"),
        (line(candidates=[{"id": "a", "text": "x", "score": "high"}]), "high"),
        (line(candidates=[{"id": "a", "text": "x", "score": 1}, {"id": "b", "text": "y"}]), "either all candidates"),
        (line(id="r", candidates=[{"id": "a", "text": "x"}] * 2), "names a candidate twice"),
        (line(candidates=[{"id": "a", "picture": "gone.png"}]), "there is no picture"),
        (line(), "names the query q a second time"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as failure:
        read_candidates(written(tmp_path, line(), bad))
    assert "candidates.jsonl, line 2" in str(failure.value)


def test_an_empty_or_missing_file_is_named(tmp_path: Path, beir: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    for folder in (None, beir):
        with pytest.raises(InputError, match=r"empty\.jsonl holds no query"):
            read_candidates(empty, folder)
    with pytest.raises(InputError, match=r"gone\.jsonl cannot be read"):
        read_candidates(tmp_path / "gone.jsonl")


def test_a_run_takes_its_texts_and_judgements_from_the_folder(tmp_path: Path, beir: Path) -> None:
    run = tmp_path / "first.run"
    run.write_text("q1 Q0 d2 2 1.5 bm25\nq1 Q0 d1 1 3.5 bm25\n")
    asked = read_candidates(run, beir)
    assert ids(asked.found["q1"]) == ["d1", "d2"]
    assert asked.found["q1"][0].text == "Whales\nThey sing."
    report = rerank_all(asked, Longest()).report()
    assert report["before"]["RR@10"] == 0.5
    assert report["after"]["RR@10"] == 1.0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("q9 Q0 d1 1 1 x", "query q9, which"),
        ("q1 Q0 d9 1 1 x", "document d9, which"),
        ("q1 d1 1", "line 1, is not in the TREC format"),
    ],
)
def test_a_run_that_names_what_is_not_there_is_refused(tmp_path: Path, beir: Path, row: str, reason: str) -> None:
    run = tmp_path / "bad.run"
    run.write_text(row + "\n")
    with pytest.raises(InputError, match=reason):
        read_candidates(run, beir)


def test_beyond_the_depth_the_order_stays(tmp_path: Path) -> None:
    candidates = [{"id": name, "text": name * size} for name, size in (("a", 1), ("b", 2), ("c", 9), ("d", 8))]
    asked = read_candidates(written(tmp_path, line(candidates=candidates)))
    ranked = rerank_all(asked, Longest(), depth=2)
    assert ids(ranked.items["q"]) == ["b", "a", "c", "d"]
    scores = [item.score for item in ranked.items["q"]]
    assert scores == sorted(scores, reverse=True)


def test_a_candidate_that_holds_nothing_follows_those_that_were_judged(tmp_path: Path, beir: Path) -> None:
    run = tmp_path / "first.run"
    run.write_text("q1 Q0 d3 1 9 x\nq1 Q0 d1 2 3 x\nq1 Q0 d2 3 1 x\n")
    assert ids(rerank_all(read_candidates(run, beir), Longest()).items["q1"]) == ["d2", "d1", "d3"]


def test_what_it_cost_is_added_up(tmp_path: Path) -> None:
    report = rerank_all(read_candidates(written(tmp_path, line(), line(id="r"))), Longest()).report()
    assert (report["queries"], report["calls"], report["tokens read"]) == (2, 2, 14)
    assert "before" not in report


def test_rankings_are_written_as_lines_that_can_be_read_again(tmp_path: Path) -> None:
    ranked = rerank_all(read_candidates(written(tmp_path, line(query="größer\u2028?"))), Longest())
    write_ranking(tmp_path / "out.jsonl", ranked, tag="longest")
    row = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert (row["id"], row["query"]) == ("q", "größer\u2028?")
    assert row["candidates"][0] == {"id": "b", "score": 13.0, "reasoning": "13 letters"}


def test_rankings_are_written_as_a_run_of_trec(tmp_path: Path) -> None:
    ranked = rerank_all(read_candidates(written(tmp_path, line())), Longest())
    write_ranking(tmp_path / "out.run", ranked, tag="longest")
    assert read_trec_run(tmp_path / "out.run") == {"q": {"b": 1.0, "a": 0.5}}


def test_what_cannot_be_written_after_a_long_run_is_refused_before_it(tmp_path: Path) -> None:
    asked = read_candidates(written(tmp_path, line(candidates=[{"id": "two words", "text": "x"}])))
    check_output(tmp_path / "out.jsonl", asked, "tag")
    with pytest.raises(InputError, match="'two words'"):
        check_output(tmp_path / "out.run", asked, "tag")
    with pytest.raises(InputError, match="there is no folder"):
        check_output(tmp_path / "nowhere" / "out.jsonl", asked, "tag")


def test_predictions_of_mteb_are_a_run(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(
        "\n".join(json.dumps({"_id": one, "title": "", "text": f"Text {one}."}) for one in "ab")
    )
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "Which?"}))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    path = tmp_path / "predictions.json"
    meta = {"mteb_model_meta": {"model_name": "x", "revision": "1"}}
    path.write_text(json.dumps(meta | {"default": {"test": {"q": {"a": 0.5, "b": 1.0}}}}))
    read = read_candidates(path, tmp_path)
    assert [(one.id, one.text) for one in read.found["q"]] == [("b", "Text b."), ("a", "Text a.")]
    for written, said in (
        (meta | {"en": {"test": {}}, "de": {"test": {}}}, "en/test, de/test"),
        ([1], "no predictions"),
        (meta | {"default": {"test": {"q": {"a": "much"}}}}, "no predictions"),
    ):
        path.write_text(json.dumps(written))
        with pytest.raises(InputError, match=said):
            read_candidates(path, tmp_path)
