"""Retrieval and generation compared: what must hold whatever the models are."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch

from mmrank.encoders.minilm import MiniLM
from mmrank.errors import InputError
from mmrank.evaluate.generation import GenerationData, compare_generation, report_of
from mmrank.evaluate.generation.asking import CUTS, NO_TEXT, accuracies, holds, rank_judged
from mmrank.evaluate.generation.data import AnsweredQuestion
from mmrank.evaluate.generation.modelling import NO_DOCUMENT, Modelling, score_step, steps
from mmrank.evaluate.generation.run import LOG_PROBABILITY, Choice
from mmrank.evaluate.generation.sources import Retriever, Text, merge
from mmrank.llm.protocol import Answer, Chat, ModelInfo, Sampling
from mmrank.llm.transformers_engine import TransformersChat
from mmrank.rerankers.likelihood import Likelihood

PASSAGES = {
    "gannet": "The Gannet is a ferry that sails between Arden and Holm twice a day.",
    "plover": "The Plover carries freight from Holm to the northern islands.",
    "light": "The lighthouse of Arden was built in 1862 and shines white every nine seconds.",
    "mill": "The mill at Holm ground barley until 1911.",
    "school": "The school at Arden has forty pupils and two teachers.",
}
QUESTIONS = (
    AnsweredQuestion("1", "Which ferry sails between Arden and Holm?", ("Gannet",)),
    AnsweredQuestion("2", "When was the lighthouse of Arden built?", ("1862",)),
)
TEXT = "The ferry sails at nine. The lighthouse shines white. The mill ground barley and the school has pupils. " * 3


class Writer:
    """Writes what it is told to, and counts how often it is asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.asked = 0

    info = ModelInfo("writer", "none", 4096)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, chats: Sequence[Chat], sampling: Sampling, *, samples: int = 1) -> list[tuple[Answer, ...]]:
        self.asked += len(chats)
        texts = (self.texts * samples)[:samples]
        return [tuple(Answer(text, True, 1, 1) for text in texts) for _ in chats]

    def label_logits(self, chats: Sequence[Chat], labels: Sequence[str]) -> None:
        raise NotImplementedError


@pytest.fixture(scope="module")
def tiny() -> TransformersChat:
    parts = tiny_models.tiny_llama(max_position_embeddings=2048, attn_implementation="mmrank_readable")
    return TransformersChat(*parts, name="tiny")


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM(dtype="float32")


@pytest.fixture(scope="module")
def retriever(encoder: MiniLM) -> Retriever:
    return Retriever(PASSAGES, encoder)


def test_an_empty_document_predicts_as_no_document_does(tiny) -> None:
    how = Modelling(stride=4, query=8, context=1000)
    ids = tiny.text_ids(TEXT)
    cut = list(steps(ids, how))
    found = [score_step(tiny, step, {NO_DOCUMENT: "", "empty": " \n", "full": PASSAGES["mill"]}, how) for step in cut]
    assert all(row["empty"] == row[NO_DOCUMENT] for row in found)
    assert any(row["full"] != row[NO_DOCUMENT] for row in found)
    # The model's own loss over the whole text at once, on the same tokens.
    whole = [*tiny.beginning, *ids[: how.query + 4 * len(cut)]]
    labels = [-100] * (len(tiny.beginning) + how.query) + whole[len(tiny.beginning) + how.query :]
    with torch.inference_mode():
        loss = float(tiny.model(torch.tensor([whole]), labels=torch.tensor([labels])).loss)
    mean = sum(row["empty"] for row in found) / len(found)
    assert math.exp(-mean) == pytest.approx(math.exp(loss), rel=1e-3)


def test_the_tokens_scored_do_not_depend_on_the_document() -> None:
    cut = list(steps(range(50), Modelling(stride=4, query=8, context=10)))
    assert [token for step in cut for token in step.scored] == list(range(8, 48))
    assert all(step.before[-8:] == step.query and len(step.before) <= 10 for step in cut)


def test_accuracy_grows_with_k_and_tells_whose_text_it_is() -> None:
    texts = [
        Text("g", "It was the Gannet.", "generated"),
        Text("a", "nothing", "retrieved"),
        *(Text(f"b{at}", "nothing", "retrieved") for at in range(4)),
        Text("c", "The gannet, a ferry.", "retrieved"),
    ]
    row = accuracies(texts, ["The Gannet"], CUTS, 20)
    assert [row[f"accuracy@{k}"] for k in (1, 5, 10, 20)] == [1, 1, 1, 1]
    assert [row[f"accuracy@{k}, retrieved"] for k in (1, 5, 10, 20)] == [0, 0, 1, 1]
    assert "accuracy@50" not in row
    assert not holds("Gannets are birds.", ["Gannet"])


def test_merged_text_holds_all_that_was_retrieved_before_it_is_cut(retriever) -> None:
    retrieved = retriever.hybrid("Which ferry sails?", 5)
    generated = [Text("g1", "The Gannet sails.", "generated"), Text("g2", PASSAGES["mill"].upper(), "generated")]
    merged = merge(retrieved, generated)
    assert [one for one in merged if one.source == "retrieved"] == retrieved
    assert [one.id for one in merged if one.source == "generated"] == ["g1"]


def test_all_tasks_run_and_go_on_where_they_stopped(tmp_path, encoder, tiny) -> None:
    data = GenerationData(PASSAGES, QUESTIONS, {"q": "When was the lighthouse built?"}, {"q": {"light": 1}}, TEXT)
    run = tmp_path / "run.jsonl"
    kept: dict[str, Any] = {
        "rerankers": {"likelihood": Likelihood(tiny)},
        "choice": Choice(depth=5, rerank_depth=3, samples=1, tokens=4, least=-1.0),
        "modelling": Modelling(query=16, context=32, document=16, candidates=2),
        "scored": 64,
        "run": run,
    }
    counted: list[tuple[int, int]] = []
    items = compare_generation(data, encoder, tiny, progress=lambda *at: counted.append(at), **kept)
    assert counted[-1] == (len(items), len(items)) and len(items) == 2 + 1 + 16
    assert all(
        item.arms[arm][f"accuracy@{low}"] <= item.arms[arm][f"accuracy@{high}"]
        for item in items[:2]
        for arm in item.arms
        if arm != NO_TEXT
        for low, high in ((1, 5),)
    )
    report = report_of(items)
    arms = {NO_DOCUMENT, "bm25", "dense", "hybrid", "generated", "merged, likelihood"}
    assert set(report.figures["modelling"]) == arms
    row = report.figures["modelling"][NO_DOCUMENT]
    assert row["perplexity"].value == pytest.approx(math.exp(-row[LOG_PROBABILITY].value))
    assert row["perplexity"].low <= row["perplexity"].value <= row["perplexity"].high
    assert report.figures["reranking"]["bm25"]["nDCG@10"].value == 1.0
    assert "hybrid, likelihood, conditioned" in report.changes["reranking"]

    lines = run.read_text().splitlines(keepends=True)
    shown = [json.loads(line)["shown"]["arms"] for line in lines[1:3]]
    marks = {source for arms in shown for arm in arms.values() for source, _ in arm["texts"]}
    assert marks == {"retrieved", "generated"}
    run.write_text("".join(lines[:-1]) + lines[-1][:20])  # stopped while it wrote the last line
    again = compare_generation(data, encoder, tiny, **kept)
    assert again == items
    assert len(run.read_text().splitlines()) == len(lines)
    with pytest.raises(InputError, match="another choice of least"):
        compare_generation(data, encoder, tiny, **(kept | {"choice": replace(kept["choice"], least=0.5)}))


def test_generated_text_unlike_the_question_is_left_out_and_asked_for_once(encoder) -> None:
    writer = Writer("The Gannet is the ferry that sails between Arden and Holm.", "Bananas are yellow.")
    data = GenerationData(PASSAGES, QUESTIONS[:1])
    items = compare_generation(data, encoder, writer, {}, choice=Choice(depth=5, samples=2))
    row = items[0].arms
    assert row["generated"]["accuracy@1"] == 1.0 and row["generated"]["accuracy@1, retrieved"] == 0.0
    assert row["merged"]["texts generated of the first 5"] == 0.2
    with pytest.raises(InputError, match="gives no log-probability"):
        compare_generation(GenerationData(PASSAGES, text=TEXT), encoder, writer, {})
    with pytest.raises(InputError, match="no data for the task 'reranking'"):
        compare_generation(data, encoder, writer, {}, tasks=["reranking"])


def test_generated_text_is_never_ranked_where_it_has_no_judgement(encoder, retriever) -> None:
    from mmrank.evaluate.generation.asking import Arms
    from mmrank.evaluate.generation.sources import Generator, Writing

    writer = Writer("The mill at Holm ground barley until 1911, and the lighthouse is another matter.")
    arms = Arms(retriever, Generator(writer, retriever, Writing(samples=1, least=-1.0)), {}, depth=5)
    measures, shown = rank_judged("barley", {"mill": 1}, arms)
    assert set(measures) == {"bm25", "dense", "hybrid", "bm25, expanded", "hybrid, expanded"}
    assert measures["bm25"]["nDCG@10"] == 1.0
    assert "ground barley" in str(shown["generated"])


def test_more_questions_hold_those_of_fewer(encoder) -> None:
    many = tuple(AnsweredQuestion(str(at), "Which ferry?", ("Gannet",)) for at in range(12))
    writer = Writer("")
    drawn = [
        {item.id for item in compare_generation(GenerationData(PASSAGES, many), encoder, writer, {}, items=count)}
        for count in (3, 7)
    ]
    assert len(drawn[0]) == 3 and drawn[0] < drawn[1]
    assert np.unique([int(one) for one in drawn[1]]).size == 7
