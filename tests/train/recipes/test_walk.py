"""The walk of docs/training.md, from PDFs and questions to a reranker of page pictures, on a shrunk Qwen2.5-VL."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from mmrank.cli.app import app
from mmrank.rerankers import Ranking
from mmrank.rerankers.listwise import Listwise
from mmrank.types import Candidate, Query

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
pytest.importorskip("trl")

import shrunk
from strict_server import strict_server

DISHES = ("soup of lentils", "bread with seeds", "tea from mint", "rice and beans", "cake of plums", "salad of kale")


def mmrank(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.stdout


@pytest.mark.slow
def test_from_pdfs_and_questions_to_hits_of_the_trained_reranker(tmp_path: Path, monkeypatch) -> None:
    import pymupdf

    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports"
    reports.mkdir()
    questions = []
    for number in range(8):
        with pymupdf.open() as file:
            for place, dish in enumerate(DISHES):
                file.new_page(width=200, height=120).insert_text((12, 60), f"Kitchen {number} serves {dish}.")
                asked = {"query": f"Where is {dish} served?", "document": f"{number}.pdf", "pages": [place + 1]}
                questions.append(asked)
            file.save(reports / f"{number}.pdf")
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    base = shrunk.bases(tmp_path)
    library = tmp_path / "library.mmrank"
    mmrank("index", reports, "-c", library)
    built = ["--pictures", "--positives", 1, "--negatives", 2, "--out", "data"]
    mmrank("train", "data", "labels", "questions.jsonl", "-c", library, *built)
    few = (tmp_path / "data" / "train.jsonl").read_text().splitlines()[:6]
    (tmp_path / "data" / "few.jsonl").write_text("\n".join(few) + "\n")
    mmrank("train", "data", "reasons", "data/few.jsonl", "--teacher", base["llama"], "--out", "data/reasoned.jsonl")
    steps = {"max_steps": 1, "save_steps": 1, "log_steps": 1, "batch": 2, "bf16": False}
    settings = {
        "base": base["vl"],
        "pictures": True,
        "max_pixels": 3136,
        "candidates": 3,
        "prompt_tokens": 2000,
        "source": {"examples": "data/reasoned.jsonl", "held_out": "data/held_out.jsonl"},
        "measure": {"answers": 2},
        "grpo": {"completions": 2, "completion_tokens": 8},
        "sft": steps,
        "trainer": steps,
    }
    (tmp_path / "mm_r5.yaml").write_text(yaml.safe_dump(settings))
    assert "memory per GPU" in mmrank("train", "mm_r5", "--config", "mm_r5.yaml", "--plan", "--gpus", 4)
    mmrank("train", "mm_r5", "--config", "mm_r5.yaml", "--out", "runs/mm_r5", "--json")
    reranker = ["--rerank", "listwise:runs/mm_r5/model", "--unit", "picture", "--depth", 3]
    tuned = ["--set", "think_tokens=8", "--set", "max_pixels=3136", "--set", "window=3", "--set", "stride=1"]
    found = json.loads(mmrank("search", "Where is soup served?", "-c", library, *reranker, *tuned, "--json"))
    assert found
    annotations = [
        {
            "doc_name": f"{number}.pdf",
            "domain": "Kitchens",
            "page_indices": [0, len(DISHES)],
            "layout_indices": [0, len(DISHES)],
            "questions": [
                {"Q": f"Where is {dish} served?", "A": "", "page_id": [page], "type": "['Text']", "layout_mapping": []}
                for page, dish in enumerate(DISHES[:2])
            ],
        }
        for number in range(2)
    ]
    (tmp_path / "annotations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in annotations))
    (tmp_path / "documents").symlink_to(reports)
    measured = ["--weight", 1, "--cache", tmp_path / "cache", "--run", "run.jsonl", "--json"]
    ranked, rerank = [], Listwise.rerank

    def noted(self: Listwise, query: Query, candidates: list[Candidate]) -> Ranking:
        ranked.append(candidates)
        return rerank(self, query, candidates)

    with monkeypatch.context() as patch:
        patch.setattr(Listwise, "rerank", noted)
        assert mmrank("eval", "mmdocir", "--data", tmp_path, *reranker, *tuned, *measured)
    assert len((tmp_path / "run.jsonl").read_text().splitlines()) == len(ranked) == 4
    assert all(len(candidates) == 3 and any(part.image for part in candidates[0].parts) for candidates in ranked)
    with strict_server(context=32768, images=10) as server:
        served = ["--rerank", f"listwise:{server.url}#reports", "--unit", "picture", "--set", "flavour=vllm"]
        served += ["--set", "image_tokens=1282"]
        assert json.loads(mmrank("search", "Where is soup served?", "-c", library, *served, "--json"))
        assert not server.refusals
        shown = [part for body in server.bodies for turn in body["messages"] for part in turn["content"]]
    assert any(isinstance(part, dict) and part["type"] == "image_url" for part in shown)
