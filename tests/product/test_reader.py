"""A reader from documents to a search: questions made of a collection, training, and `rerank="reader:FOLDER"`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mmrank
from mmrank.adapters import read_adapter
from mmrank.errors import InputError, MmrankError
from mmrank.llm.protocol import LabelLogits, ModelInfo
from mmrank.rerankers import load_reranker
from mmrank.rerankers.protocol import Habits
from mmrank.rerankers.reader import Reader
from mmrank.train.data.page_groups import PageGroup, made_groups, read_groups, write_groups
from mmrank.train.data.page_questions import page_questions
from mmrank.train.loading import run_recipe

sys.path.append(str(Path(__file__).parents[1] / "train"))
pytest.importorskip("trl")

QUESTION = "What does error code E2 of the dehumidifier mean?"


@pytest.fixture(scope="module")
def groups(library_path: Path) -> list[PageGroup]:
    """Questions made from the samples; half of them as if people had asked them."""
    with mmrank.Collection.open(library_path, read_only=True) as library:
        made = [
            group
            for record in library.documents()
            for group in made_groups(library, record.name, page_questions(library.document(record.name), count=4))
        ]
    return [replace(group, kind="asked") if at % 2 else group for at, group in enumerate(made)]


@pytest.fixture(scope="module")
def trained(groups: list[PageGroup], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader on the class of its base model, shrunk; its arm passes a gate that is open."""
    import shrunk

    folder = tmp_path_factory.mktemp("reader")
    write_groups(folder / "pages.jsonl", groups)
    settings = {"pages": [str(folder / "pages.jsonl")], "base": shrunk.bases(folder)["qwen"], "max_tokens": 500}
    run_recipe("reader", variant="small", out=folder / "run", arms=["cl"], final="cl", **settings)
    return folder / "run"


def test_questions_are_made_from_documents_with_their_first_pages(groups: list[PageGroup]) -> None:
    assert len(groups) > 10
    assert all(any(page.gold for page in group.pages) for group in groups)
    scores = [[page.score for page in group.pages] for group in groups]
    assert all(row == sorted(row, reverse=True) for row in scores)
    assert all(0 < group.confidence < 1 for group in groups)
    headings = [group for group in groups if group.origin == "heading"]
    assert headings and not any(group.query in page.view for group in headings for page in group.pages)


@pytest.mark.slow
def test_the_recipe_writes_an_adapter_with_its_weight_and_a_card(trained: Path) -> None:
    adapter = read_adapter(trained / "adapter.safetensors")
    [row] = [json.loads(line) for line in (trained / "table.jsonl").open()]
    assert row["arm"] == adapter.metadata["arm"] == "cl"
    assert float(adapter.metadata["weight"]) == pytest.approx(row["weight"], rel=1e-3)
    assert row["tokens"] > 0 and row["kinds"]["asked, first 3"]["questions"] > 5
    assert "made, first 3" not in row["kinds"]
    card = (trained / "card.md").read_text()
    assert "SHA-256" in card and "| asked, first 3 pages |" in card


@pytest.mark.slow
def test_a_run_that_lost_a_fold_makes_it_again(trained: Path, groups: list[PageGroup], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(trained, tmp_path / "run")
    before = (tmp_path / "run" / "cl" / "fold-1" / "margins.json").read_text()
    shutil.rmtree(tmp_path / "run" / "cl" / "fold-1")
    settings = {"pages": [str(trained.parent / "pages.jsonl")], "base": str(trained.parent / "qwen")}
    run_recipe("reader", variant="small", out=tmp_path / "run", resume=True, arms=["cl"], max_tokens=500, **settings)
    after = (tmp_path / "run" / "cl" / "fold-1" / "margins.json").read_text()
    assert np.allclose(
        np.concatenate(json.loads(before)["margins"]), np.concatenate(json.loads(after)["margins"]), atol=1e-4
    )


@pytest.mark.slow
def test_a_search_reads_three_pages_with_it(library_path: Path, trained: Path) -> None:
    with mmrank.Collection.open(library_path, read_only=True, rerank_confidence=1.0) as library:
        plain = library.search(QUESTION, k=8)
        hits = library.search(QUESTION, k=8, rerank=f"reader:{trained}")
    places = [[(hit.document, hit.page) for hit in found] for found in (plain, hits)]
    assert hits[0].stage == "reader" and hits[0].answers == {"complete": 3}
    assert set(places[0][:3]) == set(places[1][:3])
    assert places[0][3:] == places[1][3:]


class Believer:
    """Says yes to pages that hold a word."""

    info = ModelInfo("believer", "test", 4000)

    def __init__(self, word: str) -> None:
        self.word, self.prompts = word, []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def label_logits(self, chats, labels):
        texts = [chat[-1].text for chat in chats]
        self.prompts += texts
        values = [[3.0 * (self.word in text), 0.0] for text in texts]
        return LabelLogits(np.array(values, np.float32), 1, 1)


def test_the_margin_is_added_to_the_score_of_retrieval(library: mmrank.Collection) -> None:
    plain = library.search(QUESTION, k=5)
    believer = Believer(f"page {plain[1].page_number} of")
    reader = Reader(believer, weight=10.0, habits=Habits(unit="page", depth=2, shown=False))
    hits = library.search(QUESTION, k=5, rerank=reader)
    assert (hits[0].document, hits[0].page) == (plain[1].document, plain[1].page)
    assert hits[0].score == pytest.approx(plain[1].score + 30.0, abs=1e-6)
    assert len(believer.prompts) == 2
    asked = [prompt.partition("<Document>")[0] for prompt in believer.prompts]
    assert asked[0] == asked[1] and QUESTION in asked[0]


def test_it_is_not_asked_where_retrieval_is_sure(library: mmrank.Collection) -> None:
    believer = Believer("page")
    [hit] = library.search(QUESTION, k=1)
    reader = Reader(believer, weight=1.0, habits=Habits(unit="page", depth=3, confidence=hit.confidence - 0.01))
    [again] = library.search(QUESTION, k=1, rerank=reader)
    assert again.stage == "retrieve" and not believer.prompts


def test_a_reader_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no reader comes with mmrank.*hf download Qwen/Qwen2\.5-0\.5B-Instruct"):
        load_reranker("reader")
    with pytest.raises(MmrankError, match="needs nobody/nothing, which is not on this machine; get it with `hf down"):
        load_reranker("reader:nobody/nothing", weight=1.0)
    with pytest.raises(MmrankError, match="not on this machine"):
        load_reranker(f"reader:{tmp_path / 'run'}")


@pytest.mark.slow
def test_a_base_model_without_a_weight_is_refused(trained: Path) -> None:
    base = trained.parent / "qwen"
    with pytest.raises(InputError, match="it is not known what the margin"):
        load_reranker(f"reader:{base}")
    assert load_reranker(f"reader:{base}", adapter=trained / "adapter.safetensors").name == "reader"


def test_the_command_writes_questions_with_pages(samples: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from mmrank.cli.app import app

    folder = tmp_path / "set"
    (folder / "documents").mkdir(parents=True)
    name = sorted(path.name for path in samples.glob("*.pdf"))[0]
    (folder / "documents" / name).write_bytes((samples / name).read_bytes())
    asked = {"question": "What is it about?", "document": name, "pages": [0]}
    (folder / "questions.jsonl").write_text(json.dumps(asked) + "\n")
    out = tmp_path / "pages.jsonl"
    command = ["train", "data", "pages", str(folder), "--out", str(out), "--made", "4", "--cache", str(tmp_path / "c")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    found = list(read_groups(out))
    assert found[0].query == "What is it about?" and found[0].kind == "set"
    assert len(found) > 1 and all(group.kind == "made" for group in found[1:])
