from __future__ import annotations

import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.llm.estimate import estimated_tokens
from mmrank.llm.http import ModelServer
from mmrank.rerankers import FAMILIES, load_reranker
from mmrank.rerankers.compose import Cascade, DualStage, Fused
from mmrank.rerankers.explain import Explainer, grounded
from mmrank.rerankers.focus import focus
from mmrank.rerankers.listwise import Listwise
from mmrank.rerankers.pointwise import Pointwise
from mmrank.rerankers.served import Served
from mmrank.types import Candidate, Query


def ids(ranking) -> list[str]:
    return [item.candidate.id for item in ranking.items]


def test_a_cascade_shows_the_expensive_model_only_the_kept(
    overlap_model, make_overlap_model, candidates, question
) -> None:
    expensive = make_overlap_model()
    ranking = Cascade(Pointwise(overlap_model), Pointwise(expensive), keep=2).rerank(question, candidates)
    assert len(expensive.chats) == 2
    assert ranking.calls == len(candidates) + 2
    assert ids(ranking)[0] == "2"


def test_a_dual_stage_runs_the_list_over_the_head(overlap_model, candidates, question) -> None:
    ranking = DualStage(Pointwise(overlap_model), Listwise(overlap_model, style="chain"), head=3).rerank(
        question, candidates
    )
    assert ranking.stage == "dual-stage" and ids(ranking)[0] == "2"
    assert [item.reasoning is not None for item in ranking.items] == [True] * 3 + [False] * 3


@pytest.mark.parametrize(("weight", "first"), [(0.0, "0"), (1.0, "2")])
def test_the_weight_decides_between_reranker_and_first_stage(
    overlap_model, candidates, question, weight, first
) -> None:
    assert ids(Fused(Pointwise(overlap_model), weight=weight).rerank(question, candidates))[0] == first


def test_fusion_takes_the_score_it_is_told(overlap_model, candidates, question) -> None:
    named = [Candidate(c.id, c.parts, 0, scores={"dense": float(c.id == "5")}) for c in candidates]
    assert ids(Fused(Pointwise(overlap_model), "dense", 0.0).rerank(question, named))[0] == "5"
    with pytest.raises(InputError, match=r"no score named 'lexical'; it has: dense"):
        Fused(Pointwise(overlap_model), "lexical").rerank(question, named)


@pytest.mark.parametrize("path", ["rerank", "score"])
def test_a_server_reranks(scripted, candidates, question, path) -> None:
    server = ModelServer(scripted.url, wait=0.01)
    ranking = Served(server, "m", path=path, batch=2).rerank(question, candidates)
    assert ids(ranking)[0] == "2"
    assert ranking.calls == (1 if path == "rerank" else 3)
    assert ranking.prompt_tokens > 0


@pytest.mark.parametrize("fault", [429, 500, "malformed", "empty"])
def test_a_server_that_fails_once_is_asked_again(scripted, candidates, question, fault) -> None:
    scripted.faults = [fault]
    ranking = Served(ModelServer(scripted.url, wait=0.01), "m").rerank(question, candidates)
    assert ids(ranking)[0] == "2"


def test_a_server_that_loses_a_candidate_is_an_error(scripted, candidates, question) -> None:
    scripted.faults = ["empty"] * 9
    with pytest.raises(MmrankError, match="malformed answer"):
        Served(ModelServer(scripted.url, wait=0.01, retries=1), "m").rerank(question, candidates)


@pytest.mark.parametrize("path", ["rerank", "score"])
def test_what_a_server_is_sent_is_shortened_evenly_when_bounded(scripted, candidate, path) -> None:
    rows = " ".join(f"{year} net sales {year * 977:,}" for year in range(1900, 2024))
    long = candidate("long", rows, heading_path=("Net sales by year",))
    short = candidate("short", "the red circle")
    reranker = load_reranker(f"served:{scripted.url}#m", path=path, max_tokens=200, wait=0.01)
    ranking = reranker.rerank(Query("Which year? " + "sales " * 400), [long, short])
    assert sorted(ids(ranking)) == ["long", "short"]
    [body] = scripted.bodies
    query, texts = (body["query"], body["documents"]) if path == "rerank" else (body["text_1"], body["text_2"])
    assert query.startswith("Which year? sales") and texts[0].startswith("Net sales by year\n1900 net sales")
    assert texts[1] == "the red circle"
    assert 150 < estimated_tokens(query) + estimated_tokens(texts[0]) <= 200


def test_a_server_is_sent_whole_texts_unless_bounded(scripted, candidate, question) -> None:
    load_reranker(f"served:{scripted.url}#m").rerank(question, [candidate("long", "word " * 9000)])
    assert len(scripted.bodies[0]["documents"][0].split()) == 9000
    with pytest.raises(InputError, match="max_tokens must be a whole number, at least 0, got -1"):
        load_reranker(f"served:{scripted.url}#m", max_tokens=-1)
    with pytest.raises(InputError, match="max_tokens is 0"):
        load_reranker(f"served:{scripted.url}#m", max_tokens=31)


def test_reasons_come_one_by_one_in_the_order_of_the_hits(overlap_model, candidates, question) -> None:
    overlap_model.script = ["It shows the square.", "It has a chart with 77 bars. And then it"]
    reasons = Explainer(overlap_model).explain(question, candidates)
    first = next(reasons)
    assert first.candidate_id == "0" and first.text == "It shows the square."
    assert len(overlap_model.chats) == 1
    assert first.supported
    second = next(reasons)
    assert second.text == "It has a chart with 77 bars. And then it"
    assert not second.supported


def test_of_a_long_text_the_part_that_fits_the_query_is_read() -> None:
    text = " ".join([*(f"word{i}" for i in range(500)), "the red circle is here", *(f"other{i}" for i in range(500))])
    part = focus("Where is the red circle?", text, 80)
    assert "red circle" in part and 20 <= len(part.split()) <= 80


def test_what_a_reason_invents_lowers_its_grounding() -> None:
    assert grounded("the revenue was 4.2 million", "revenue 4.2 million") > grounded("the revenue was 9", "revenue 4.2")


def test_unknown_families_and_settings_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="late-interaction, cross-encoder, likelihood, pointwise"):
        load_reranker("magic")
    with pytest.raises(
        InputError, match=r"late-interaction has no setting 'colour'; there are .* weights, device, dtype"
    ):
        load_reranker("late-interaction", colour="red")
    with pytest.raises(InputError, match=r"no prompt 'maybe' for pointwise.*there are: auto, yes-no, zero-one"):
        load_reranker("pointwise", prompt="maybe")
    with pytest.raises(InputError, match="Name both"):
        load_reranker("served:http://localhost:8000/v1")
    with pytest.raises(InputError, match="between 0 and 1"):
        load_reranker("late-interaction", fuse=2)


def test_the_table_names_each_family_of_the_documentation() -> None:
    assert {"pointwise", "setwise", "listwise", "attention", "document-cascade", "dual-stage"} <= set(FAMILIES)


def test_a_reranker_by_name_ranks(candidates, question) -> None:
    ranking = load_reranker("late-interaction", fuse=0.9, dtype="float32").rerank(question, candidates)
    assert ids(ranking)[0] == "2"


def test_the_cascade_within_documents_takes_its_settings_by_name(candidate, question) -> None:
    words = " ".join(f"word{i}" for i in range(30))
    documents = [candidate("plant", f"the red circle {words}"), candidate("twice", f"red {words} red circle {words}")]
    settings = {
        "selector": "lexical",
        "expensive": "late-interaction:minilm-tokens",
        "dtype": "float32",
        "size": 10,
        "overlap": 0,
    }
    every = load_reranker("document-cascade", keep=0, weights=(1, 0.5, 0.2), **settings).rerank(question, documents)
    scores = {item.candidate.id: item.score for item in every.items}
    windows = [" ".join(f"the red circle {words}".split()[i : i + 10]) for i in range(0, 33, 10)]
    alone = load_reranker("late-interaction:minilm-tokens", dtype="float32").rerank(
        question, [candidate(w, w) for w in windows]
    )
    best = [item.score for item in alone.items]
    assert scores["plant"] == pytest.approx(best[0] + 0.5 * best[1] + 0.2 * best[2], abs=1e-4)
    one = load_reranker("document-cascade", keep=1, top=0, missing=-2.0, weights=(1, 1), **settings)
    assert one.rerank(question, documents).items[0].score == pytest.approx(best[0] - 2.0, abs=1e-4)


def test_the_expensive_model_of_the_cascade_is_of_any_family_and_named_once(tmp_path) -> None:
    with pytest.raises(InputError, match="unknown reranker 'magic'"):
        load_reranker("document-cascade", selector="lexical", expensive="magic")
    with pytest.raises(InputError, match="a cross-encoder needs a model"):
        load_reranker("document-cascade", selector="lexical", expensive="cross-encoder")
    with pytest.raises(MmrankError, match=r"can(not)? be (loaded|read)"):
        load_reranker(f"document-cascade:{tmp_path}", selector="lexical", expensive="cross-encoder")
    with pytest.raises(MmrankError, match=r"can(not)? be (loaded|read)"):
        load_reranker("document-cascade", selector="lexical", expensive=f"cross-encoder:{tmp_path}")
    with pytest.raises(InputError, match="two expensive models"):
        load_reranker("document-cascade:one", expensive="cross-encoder:another")
    with pytest.raises(
        InputError, match=r"no setting 'colour'; there are .*selector.* those of late-interaction: weights"
    ):
        load_reranker("document-cascade", selector="lexical", expensive="late-interaction", colour="red")
    with pytest.raises(InputError, match="size must be a whole number, at least 1, got 0"):
        load_reranker("document-cascade", selector="lexical", expensive="late-interaction", size=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["pointwise", "setwise", "listwise", "dual-stage", "attention", "cascade", "document-cascade"]
)
def test_every_family_runs_with_the_embedded_model(name, candidates, question) -> None:
    pytest.importorskip("llama_cpp")
    few = {"think_tokens": 16} if name in {"setwise", "listwise", "dual-stage"} else {}
    few |= {"top": 1} if name == "setwise" else {}
    ranking = load_reranker(name, **few).rerank(question, candidates[:4])
    assert sorted(ids(ranking)) == list("0123")
