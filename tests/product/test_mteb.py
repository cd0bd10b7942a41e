"""MTEB runs the encoders, the whole system, and a task of the samples' pages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
import torch
from mteb.abstasks.retrieval import AbsTaskRetrieval
from PIL import Image

from mmrank import Collection, InputError, Query
from mmrank.encoders import load_encoder
from mmrank.integrations.mteb import MtebEncoder, MtebSearch, page_task

REPORT, PAPER, MANUAL = (
    "tidewater-annual-report-2025.pdf",
    "eelgrass-acoustics-paper.pdf",
    "brisa-dehumidifier-manual.pdf",
)
QUESTIONS = {
    "When was the vessel Kittiwake built?": [(REPORT, 4)],
    "What was the total revenue of Tidewater Ferries in 2025?": [(REPORT, 5)],
    "What does a survey by divers cost?": [(PAPER, 3)],
    "How many passengers were carried on the Skerry route?": [(REPORT, 3)],
}


@pytest.fixture(scope="module")
def task(library_path: Path) -> AbsTaskRetrieval:
    with Collection.open(library_path, read_only=True) as library:
        return page_task(library, QUESTIONS, name="SamplePages")


def run(model: Any, task: AbsTaskRetrieval, folder: Path | None = None) -> dict[str, Any]:
    result = mteb.evaluate(
        model, task, cache=None, co2_tracker=False, show_progress_bar=False, prediction_folder=folder
    )
    scores: dict[str, Any] = result.task_results[0].scores["test"][0]
    return scores


def test_the_pages_of_a_collection_are_a_task_like_those_of_vidore(task: AbsTaskRetrieval) -> None:
    task.load_data()
    split = task.dataset["default"]["test"]
    assert task.metadata.type == "DocumentUnderstanding" and task.metadata.category == "t2it"
    assert len(split["corpus"]) == 25 and len(split["queries"]) == 4
    page = split["corpus"][split["corpus"]["id"].index(f"{REPORT}#4")]
    assert "Kittiwake" in page["text"] and page["image"].height > 1000
    assert split["relevant_docs"]["q1"] == {f"{REPORT}#4": 1}


def test_the_whole_system_is_scored_on_its_own_pages(
    task: AbsTaskRetrieval, library: Collection, tmp_path: Path
) -> None:
    scores = run(MtebSearch(library), task, tmp_path)
    first = {
        f"q{at}": f"{hit.document}#{hit.page_number}"
        for at, hit in enumerate((library.search(question, k=1)[0] for question in QUESTIONS), 1)
    }
    gold = {f"q{at}": {f"{name}#{page}" for name, page in pages} for at, pages in enumerate(QUESTIONS.values(), 1)}
    assert scores["hit_rate_at_1"] == sum(first[q] in gold[q] for q in gold) / 4 >= 0.75
    saved = json.loads((tmp_path / "SamplePages_predictions.json").read_text())
    assert saved["mteb_model_meta"]["model_name"] == "mmrank/search"
    assert {q: max(found, key=found.get) for q, found in saved["default"]["test"].items()} == first


def test_an_encoder_is_scored_by_its_vectors(task: AbsTaskRetrieval) -> None:
    model = MtebEncoder("minilm")
    assert model.mteb_model_meta.embed_dim == 384
    assert 0.25 <= run(model, task)["recall_at_5"] <= 1


def test_vectors_are_those_of_the_encoder() -> None:
    encoder = load_encoder("minilm")
    wrapped = MtebEncoder(encoder)
    batches = [{"text": ["The ferry sails at nine.", "Descale the boiler."]}, {"text": ["Eelgrass"]}]
    said: dict[str, Any] = {"task_metadata": None, "hf_split": "test", "hf_subset": "default"}
    asked = wrapped.encode(batches, prompt_type=mteb.types.PromptType.query, **said)
    np.testing.assert_allclose(
        asked, encoder.encode_queries([Query(text) for batch in batches for text in batch["text"]]), atol=1e-5
    )
    stored = wrapped.encode(batches, prompt_type=mteb.types.PromptType.document, **said)
    similar = wrapped.similarity(asked, stored)
    assert similar.shape == (3, 3) and torch.allclose(similar.diagonal(), wrapped.similarity_pairwise(asked, stored))
    with pytest.raises(InputError, match="reads no pictures"):
        wrapped.encode([{"image": [Image.new("RGB", (8, 8))]}], **said)


def test_pictures_are_encoded_by_encoders_that_see(tiny_colqwen2: Any, tmp_path: Path) -> None:
    encoder = load_encoder(str(tiny_colqwen2.save(tmp_path / "colqwen")), device="cpu", dtype="float32")
    wrapped = MtebEncoder(encoder)
    assert wrapped.mteb_model_meta.modalities == ["text", "image"]
    pages = [Image.new("RGB", (64, 64), colour) for colour in ("white", "navy")]
    said: dict[str, Any] = {"task_metadata": None, "hf_split": "test", "hf_subset": "default"}
    stored = wrapped.encode([{"image": pages}], prompt_type=mteb.types.PromptType.document, **said)
    asked = wrapped.encode([{"text": ["navy"]}], prompt_type=mteb.types.PromptType.query, **said)
    assert isinstance(stored, torch.Tensor) and stored.shape[0] == 2 and not torch.equal(stored[0], stored[1])
    assert wrapped.similarity(asked, stored).shape == (1, 2)


class TokenEncoder:
    """One vector per letter, to see that padding has no part in MaxSim."""

    info = None  # set below

    def encode_passages(self, passages: Any) -> list[np.ndarray]:
        return [self._letters(passage.text) for passage in passages]

    def encode_queries(self, queries: Any) -> list[np.ndarray]:
        return [self._letters(query.text) for query in queries]

    @staticmethod
    def _letters(text: str) -> np.ndarray:
        signs = np.array([[-1.0] if letter == "-" else [1.0] for letter in text], np.float32)
        return signs


def test_late_interaction_leaves_padding_out() -> None:
    from mmrank.encoders.protocol import EncoderInfo

    encoder = TokenEncoder()
    encoder.info = EncoderInfo("letters", "1", 1, "float32", "none", 8, multi_vector=True)  # type: ignore[assignment]
    wrapped = MtebEncoder(encoder)  # type: ignore[arg-type]
    said: dict[str, Any] = {"task_metadata": None, "hf_split": "test", "hf_subset": "default"}
    asked = wrapped.encode([{"text": ["++", "+"]}], prompt_type=mteb.types.PromptType.query, **said)
    stored = wrapped.encode([{"text": ["-", "-+-"]}], prompt_type=mteb.types.PromptType.document, **said)
    assert wrapped.similarity(asked, stored).tolist() == [[-2.0, 2.0], [-1.0, 1.0]]


@pytest.fixture(scope="module")
def text_task() -> AbsTaskRetrieval:
    from datasets import Dataset

    class Ferries(AbsTaskRetrieval):
        metadata = mteb.TaskMetadata(
            name="Ferries", description="x", dataset={"path": "local", "revision": "1"}, type="Retrieval",
            category="t2t", modalities=["text"], eval_splits=["test"], eval_langs=["eng-Latn"],
            main_score="ndcg_at_10", reference=None,
        )  # fmt: skip

        def load_data(self, num_proc: int | None = None, **further: Any) -> None:
            texts = {
                "a/1": "The Skerry ferry sails at nine.",
                "a/2": "Descale the boiler once every two years.",
                "a/3": "Eelgrass beds are mapped with a microphone.",
                "a/4": "The Skerry ferry sails at nine.",
            }
            self.dataset = {"default": {"test": {
                "corpus": Dataset.from_dict({"id": list(texts), "text": list(texts.values())}),
                "queries": Dataset.from_dict({"id": ["q"], "text": ["When does the ferry sail?"]}),
                "relevant_docs": {"q": {"a/1": 1, "a/4": 1}},
                "top_ranked": None,
            }}}  # fmt: skip
            self.data_loaded = True

    return Ferries()


@pytest.fixture
def search() -> Iterator[MtebSearch]:
    made = MtebSearch(workers=1)
    yield made
    made.close()


def test_the_whole_system_indexes_a_corpus_and_finds_all_twins(search: MtebSearch, text_task: AbsTaskRetrieval) -> None:
    assert run(search, text_task)["ndcg_at_10"] == 1
    text_task.load_data()
    queries = text_task.dataset["default"]["test"]["queries"]
    said: dict[str, Any] = {"task_metadata": text_task.metadata, "hf_split": "test", "hf_subset": "default"}
    ranked = search.search(queries, top_k=9, encode_kwargs={}, top_ranked={"q": ["a/2", "a/4"]}, **said)
    assert list(ranked["q"]) == ["a/4", "a/2"]


def test_what_a_collection_does_not_hold_is_named(library: Collection, text_task: AbsTaskRetrieval) -> None:
    with pytest.raises(InputError, match=r"does not hold a/1 of Ferries"):
        run(MtebSearch(library), text_task)
    with pytest.raises(InputError, match=r"does not hold tidewater-annual-report-2025.pdf#99"):
        page_task(library, {"Where?": [(REPORT, 99)]}, pictures=False)
    with pytest.raises(InputError, match="needs questions"):
        page_task(library, {})
