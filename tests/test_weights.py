"""The adapters that come with mmrank: small, described, and better than the models they change."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmrank.weights
from mmrank.adapters import read_adapter
from mmrank.rerankers import load_reranker
from mmrank.rerankers.building import AS_TRAINED
from mmrank.types import Candidate, Part, PartKind, Query
from mmrank.weights import LISTWISE, shipped

FOLDER = Path(mmrank.weights.__file__).parent
ASKED = {
    "Who designed the lighthouse?": "The lighthouse was drawn by the engineer Ada Brandt and lit in 1902.",
    "How much did the new bridge cost?": "Building the bridge took four years and 12 million crowns.",
    "When does the museum open on Sundays?": "Opening hours: Monday to Saturday 9 to 18, Sunday 11 to 16.",
    "What were net sales in 2019?": "| | 2019 | 2018 |\n| Net sales | 1,452 | 1,146 |\n| Other income | 44 | 57 |",
    "Which bird nests on the cliffs?": "Every spring the kittiwake comes back to nest on the northern cliffs.",
    "What should be done when the pump overheats?": "If the pump gets too hot, switch it off and open valve B.",
}
PASSAGES = list(ASKED.values())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.safetensors")), ids=lambda path: path.stem)
def test_an_adapter_is_small_and_has_a_card(path: Path) -> None:
    assert path.stat().st_size <= 8_000_000
    assert read_adapter(path).tensors
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    for said in ("Base model", "Data", "Command", "Seed", "Result"):
        assert f"**{said}**" in card


def test_all_adapters_together_are_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.glob("*.safetensors")]
    assert sizes and sum(sizes) <= 24_000_000


def right_ones(reranker) -> int:
    """Of six questions, each with its passage before and after three others."""
    found = 0
    for at, (question, answer) in enumerate(ASKED.items()):
        others = [PASSAGES[(at + step) % len(PASSAGES)] for step in (1, 2, 3)]
        for place in (0, 3):
            shown = [*others[:place], answer, *others[place:]]
            candidates = [Candidate(str(i), (Part(PartKind.TEXT, text, ("e",)),), 0.0) for i, text in enumerate(shown)]
            found += reranker.rerank(Query(question), candidates).items[0].candidate.id == str(place)
    return found


@pytest.mark.slow
def test_the_embedded_listwise_reranker_is_the_trained_one_and_finds_what_the_untrained_does_not() -> None:
    pytest.importorskip("llama_cpp")
    trained = load_reranker("listwise", think_tokens=0)
    untrained = load_reranker("listwise:smollm2", **(AS_TRAINED | {"think_tokens": 0}))
    assert right_ones(trained) >= 9  # of twelve; 10 and 6 were seen
    assert right_ones(untrained) <= 7


@pytest.mark.slow
def test_its_written_list_can_be_asked_for() -> None:
    pytest.importorskip("llama_cpp")
    candidates = [Candidate(str(i), (Part(PartKind.TEXT, text, ("e",)),), 0.0) for i, text in enumerate(PASSAGES[:4])]
    ranking = load_reranker("listwise", by="answer", think_tokens=8).rerank(Query(next(iter(ASKED))), candidates)
    assert sorted(item.candidate.id for item in ranking.items) == list("0123")


@pytest.mark.slow
def test_both_engines_run_the_adapter_alike() -> None:
    pytest.importorskip("llama_cpp")
    settings = AS_TRAINED | {"adapter": shipped(LISTWISE), "think_tokens": 0}
    by_llama = load_reranker("listwise:smollm2", **settings)
    by_torch = load_reranker("listwise:smollm2-torch", **settings)
    candidates = [Candidate(str(i), (Part(PartKind.TEXT, text, ("e",)),), 0.0) for i, text in enumerate(PASSAGES[:4])]
    for question in list(ASKED)[:4]:
        scores = [
            {item.candidate.id: item.score for item in ranker.rerank(Query(question), candidates).items}
            for ranker in (by_llama, by_torch)
        ]
        assert scores[0] == pytest.approx(scores[1], abs=0.5)
