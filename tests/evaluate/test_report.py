import io
import json
from collections import defaultdict
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.evaluate import Answered, Layout, SystemRanking, read_run, score, write_run
from mmrank.evaluate.benchmark import Benchmark
from mmrank.evaluate.mmdocir import load_mmdocir
from mmrank.evaluate.tables import report_tables
from mmrank.types import BBox


@pytest.fixture
def benchmark(data: Path, tmp_path: Path) -> Benchmark:
    return load_mmdocir(data, cache=tmp_path)


@pytest.fixture
def run() -> list[Answered]:
    """The first question is right at once, the second third, the third at once; gold boxes are 320 × 60 points."""
    half = Layout(1, BBox(40, 40, 360, 70), 1.0)
    page = Layout(1, BBox(0, 0, 400, 500), 0.5)
    return [
        Answered("whales.pdf", 0, SystemRanking((0.2, 0.9, 0.1), (half, page), "handle")),
        Answered("whales.pdf", 1, SystemRanking((0.3, 0.2, 0.1), (half,), "text")),
        Answered("Nordbank.pdf", 0, SystemRanking((0.0, 1.0), (), "text")),
    ]


def test_micro_macro_and_slices_are_as_worked_by_hand(benchmark: Benchmark, run: list[Answered]):
    report = score(run, benchmark)
    assert report.micro["page_recall@1"].value == pytest.approx(2 / 3)
    assert report.macro["page_recall@1"].value == pytest.approx((0.5 + 1) / 2)
    assert report.micro["page_recall@3"].value == 1.0
    assert report.micro["mrr"].value == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert report.by_domain["Guidebook"]["page_recall@1"].value == 0.5
    assert report.by_domain["Financial report"]["page_recall@1"].questions == 1
    assert report.by_kind["Figure"]["mrr"].value == report.by_kind["Table"]["mrr"].value == pytest.approx(1 / 3)
    assert report.by_kind["not given"]["page_recall@1"].value == 1.0
    assert report.stages == {"handle": 1, "text": 2}


def test_layout_figures_are_as_worked_by_hand(benchmark: Benchmark, run: list[Answered]):
    micro = score(run, benchmark).micro
    assert micro["layout_recall@1"].value == pytest.approx(0.5 / 3)
    assert micro["layout_recall@5"].value == pytest.approx((0.5 + 1.0) / 3)
    assert micro["layout_covered@5"].value == pytest.approx(1 / 3)
    small = 320 * 30 / (400 * 500)
    assert micro["layout_page_share@5"].value == pytest.approx(((small + 1) / 2 + small) / 2)
    assert micro["layout_page_share@5"].questions == 2


def test_what_no_system_can_exceed_is_said(edit, tmp_path: Path, run: list[Answered]):
    folder = edit(lambda lines: lines[0]["questions"][0].update(page_id=[0, 1]))
    assert score(run, load_mmdocir(folder, cache=tmp_path)).best["page_recall@1"] == pytest.approx(2.5 / 3)


def test_a_failed_question_scores_0_and_is_noted(benchmark: Benchmark, run: list[Answered]):
    report = score([run[0], Answered("whales.pdf", 1, SystemRanking(()), 0.0, "out of ink"), run[2]], benchmark)
    assert report.micro["page_recall@5"].value == pytest.approx(2 / 3)
    assert "1 questions could not be answered" in report.notes[-1]
    assert "out of ink" in report.notes[-1]


def test_a_run_that_leaves_a_question_out_is_refused(benchmark: Benchmark, run: list[Answered]):
    with pytest.raises(InputError, match=r"does not answer question 1 of whales\.pdf"):
        score([run[0], run[2]], benchmark)


def test_a_run_of_other_questions_is_refused(benchmark: Benchmark, run: list[Answered]):
    with pytest.raises(InputError, match=r"question 4 of other\.pdf"):
        score([*run, Answered("other.pdf", 4, SystemRanking((1.0,)))], benchmark)


def test_a_ranking_of_another_number_of_pages_is_refused(benchmark: Benchmark, run: list[Answered]):
    with pytest.raises(InputError, match=r"scores 2 pages for question 0 of whales\.pdf, which has 3 pages"):
        score([Answered("whales.pdf", 0, SystemRanking((1.0, 2.0))), *run[1:]], benchmark)


def test_a_layout_past_the_last_page_is_refused(benchmark: Benchmark, run: list[Answered]):
    astray = SystemRanking((1.0, 2.0, 3.0), (Layout(3, BBox(0, 0, 1, 1), 1.0),))
    with pytest.raises(InputError, match="page index 3"):
        score([Answered("whales.pdf", 0, astray), *run[1:]], benchmark)


def test_the_report_is_json(benchmark: Benchmark, run: list[Answered]):
    found = json.loads(json.dumps(score(run, benchmark).to_json()))
    assert found["micro"]["page_recall@1"]["questions"] == 3
    assert found["by_domain"]["Guidebook"]["page_recall@1"]["value"] == 0.5


def test_tables_show_the_figures_and_the_area_caveat(benchmark: Benchmark, run: list[Answered]):
    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    for part in report_tables(score(run, benchmark, system="ours")):
        console.print(part)
    text = console.export_text()
    for promised in ("ours", ".667", "Guidebook", "Figure", "perfect", "covered, every spot once", "scores 1)"):
        assert promised in text


def test_figures_can_be_recomputed_from_the_run_file_by_other_code(data: Path, benchmark, run, tmp_path: Path):
    """What anyone would write who trusts none of this: annotations and run file in, figures out."""
    write_run(tmp_path / "run.jsonl", run)
    gold = {}
    for line in map(json.loads, (data / "annotations.jsonl").open()):
        for index, asked in enumerate(line["questions"]):
            gold[line["doc_name"], index] = line["domain"], set(asked["page_id"]), asked["layout_mapping"]
    recalls, layouts, domains = [], [], defaultdict(list)
    for line in map(json.loads, (tmp_path / "run.jsonl").open()):
        domain, pages, spots = gold.pop((line["doc_name"], line["question"]))
        best = sorted(enumerate(line["page_scores"]), key=lambda pair: -pair[1])[:1]
        recalls.append(len({page for page, _ in best} & pages) / len(pages))
        domains[domain].append(recalls[-1])
        shared = 0.0
        for box in line["layouts"][:5]:
            for spot in spots:
                (a, b, c, d), (e, f, g, h) = box["bbox"], spot["bbox"]
                if box["page"] == spot["page"] and min(c, g) > max(a, e) and min(d, h) > max(b, f):
                    shared += (min(c, g) - max(a, e)) * (min(d, h) - max(b, f))
        layouts.append(shared / sum((g - e) * (h - f) for e, f, g, h in (spot["bbox"] for spot in spots)))
    assert not gold
    report = score(read_run(tmp_path / "run.jsonl"), benchmark)
    assert report.micro["page_recall@1"].value == pytest.approx(sum(recalls) / len(recalls))
    assert report.macro["page_recall@1"].value == pytest.approx(
        sum(sum(values) / len(values) for values in domains.values()) / len(domains)
    )
    assert report.micro["layout_recall@5"].value == pytest.approx(sum(layouts) / len(layouts))
