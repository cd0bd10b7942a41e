from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmrank.errors import InputError
from mmrank.llm.http import ModelServer
from mmrank.llm.openai_engine import OpenAIChat
from mmrank.llm.transformers_engine import TransformersChat
from mmrank.rerankers import AnswerStatus
from mmrank.rerankers.pointwise import NO_QUESTION, Pointwise, label_scores
from mmrank.rerankers.prompts import YES_NO, ZERO_ONE
from mmrank.types import Candidate, Part, PartKind, Query

YES, NO = np.array([1, 0.5, -0.2], np.float32), np.array([0, 0.3, 0.4], np.float32)


def test_scores_follow_from_two_logits() -> None:
    assert label_scores(YES, NO) == pytest.approx([1.0, 0.2, -0.6])
    probability = label_scores(YES, NO, scale="probability")
    assert 1 - probability[0] == pytest.approx(0.268941, abs=1e-6)
    assert probability[1:] == pytest.approx([0.549834, 0.354344], abs=1e-6)
    assert label_scores(YES, NO, scale="positive") == pytest.approx(YES)
    assert label_scores(YES, NO, scale="probability", shift=4.5)[0] == pytest.approx(1 / (1 + np.exp(3.5)))


def test_the_best_candidates_do_not_tie_as_in_half_precision() -> None:
    yes = np.array([12.0, 12.5, 13.0], np.float32)
    assert len(set(label_scores(yes, np.zeros(3, np.float32), scale="probability"))) == 3


def test_prompts_put_every_field_in_its_place() -> None:
    for prompt, order in ((YES_NO, ("judge!", "Q", "D")), (ZERO_ONE, ("judge!", "Q", "D", "Relevance:"))):
        text = prompt.chat(["Q"], ["D"], "judge!")[-1].text
        places = [text.index(piece) for piece in order]
        assert places == sorted(places)
    assert ZERO_ONE.chat(["Q"], ["D"], "judge!")[-1].text.endswith("Relevance:")


@pytest.fixture(params=["tiny_qwen2_5_vl", "tiny_qwen3_vl"])
def vision(request) -> TransformersChat:
    parts = request.getfixturevalue(request.param)
    return TransformersChat(parts.model, parts.processor.tokenizer, parts.processor, name="tiny-vl", max_pixels=56 * 56)


def test_pages_as_pictures_are_scored_each_by_itself(vision, page_pictures, question) -> None:
    reranker = Pointwise(vision)
    scores = {i.candidate.id: i.score for i in reranker.rerank(question, page_pictures).items}
    again = {i.candidate.id: i.score for i in reranker.rerank(question, page_pictures[::-1]).items}
    assert scores == pytest.approx(again, abs=1e-4)
    assert len(set(scores.values())) == 3


def test_interleaved_candidates_show_their_pictures_in_place(vision, page_pictures, question) -> None:
    picture = page_pictures[0].parts[0]
    words = Part(PartKind.TEXT, "the red circle", ())
    before, after = Candidate("b", (words, picture), 0), Candidate("a", (picture, words), 0)
    scores = {i.candidate.id: i.score for i in Pointwise(vision).rerank(question, [before, after]).items}
    assert scores["a"] != pytest.approx(scores["b"], abs=1e-6)


def test_a_picture_may_be_the_query(vision, page_pictures, candidates) -> None:
    image = page_pictures[0].parts[0].image
    assert len(Pointwise(vision).rerank(Query("same?", image), candidates).items) == len(candidates)


def test_a_text_model_names_the_candidate_it_cannot_read(tiny_llama, page_pictures, candidates, question) -> None:
    with pytest.raises(InputError, match=r"'p0' holds pictures only.*vision-language"):
        Pointwise(tiny_llama).rerank(question, [*candidates, page_pictures[0]])
    with pytest.raises(InputError, match="query holds a picture"):
        Pointwise(tiny_llama).rerank(replace(question, image=page_pictures[0].parts[0].image), candidates)


def test_a_candidate_a_server_does_not_judge_is_unusable_and_last(scripted, candidates, question) -> None:
    server = ModelServer(scripted.url, wait=0.01)
    ranking = Pointwise(OpenAIChat(server, "m"), prompt=ZERO_ONE).rerank(question, candidates)
    assert set(ranking.statuses) == {AnswerStatus.UNUSABLE}
    ranking = Pointwise(OpenAIChat(server, "m")).rerank(question, candidates)
    assert set(ranking.statuses) == {AnswerStatus.COMPLETE}
    assert ranking.items[0].score == pytest.approx(2.5)


def test_what_a_candidate_gets_for_no_question_may_be_taken_off(tiny_llama, candidates, question) -> None:
    def scores(reranker: Pointwise, asked: Query) -> dict[str, float]:
        return {item.candidate.id: item.score for item in reranker.rerank(asked, candidates).items}

    plain = scores(Pointwise(tiny_llama), question)
    nothing = scores(Pointwise(tiny_llama), Query(NO_QUESTION))
    ranking = Pointwise(tiny_llama, neutral=True).rerank(question, candidates)
    found = {item.candidate.id: item.score for item in ranking.items}
    assert found == pytest.approx({name: plain[name] - nothing[name] for name in plain}, abs=1e-4)
    assert [item.score for item in ranking.items] == sorted(found.values(), reverse=True)
