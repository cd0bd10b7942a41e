from __future__ import annotations

import math
import time

import pytest
import scripted_server

from mmrank.errors import InputError, MmrankError
from mmrank.llm.forms import Permutation
from mmrank.llm.http import ModelServer
from mmrank.llm.openai_engine import OpenAIChat
from mmrank.llm.protocol import Sampling, assistant, user


def server_of(scripted, **settings) -> ModelServer:
    return ModelServer(scripted.url, **{"wait": 0.01, "timeout": 5.0, **settings})


@pytest.mark.parametrize("fault", [429, 500, 503, "malformed", "empty"])
def test_a_passing_fault_is_tried_again(scripted, fault) -> None:
    scripted.faults = [fault, fault]
    model = OpenAIChat(server_of(scripted), "m")
    assert model.generate([[user("hello")]], Sampling(8))[0][0].text == "answer 0"
    assert model.server.sent == 3


def test_a_server_that_dawdles_is_asked_again(scripted) -> None:
    scripted.faults = [1.5]
    model = OpenAIChat(server_of(scripted, timeout=0.3), "m")
    assert model.generate([[user("hello")]], Sampling(8))[0][0].finished


def test_a_lasting_fault_is_an_error_that_names_the_server(scripted) -> None:
    scripted.faults = [500] * 9
    with pytest.raises(MmrankError, match=r"/v1/chat/completions failed 3 times, last: status 500"):
        OpenAIChat(server_of(scripted, retries=2), "m").generate([[user("hello")]], Sampling(8))


def test_a_refusal_is_not_tried_again(scripted) -> None:
    scripted.faults = [401]
    server = server_of(scripted)
    with pytest.raises(MmrankError, match="refused with status 401"):
        OpenAIChat(server, "m").generate([[user("hello")]], Sampling(8))
    assert server.sent == 1


def test_a_server_that_is_not_there_is_an_error() -> None:
    server = ModelServer("http://127.0.0.1:9/v1", retries=1, wait=0.01)
    with pytest.raises(MmrankError, match="no connection"):
        OpenAIChat(server, "m").generate([[user("hello")]], Sampling(8))


def test_the_wait_a_busy_server_asks_for_is_kept(scripted) -> None:
    scripted.faults = [429]
    scripted.headers = {"Retry-After": "1"}
    begun = time.perf_counter()
    OpenAIChat(server_of(scripted), "m").generate([[user("hello")]], Sampling(8))
    assert time.perf_counter() - begun >= 0.5


def test_the_budget_of_requests_is_never_exceeded(scripted) -> None:
    server = server_of(scripted, budget=3)
    with pytest.raises(MmrankError, match="budget of 3 requests"):
        OpenAIChat(server, "m").generate([[user(str(i))] for i in range(9)], Sampling(8))
    assert len(scripted.bodies) == 3


def test_requests_run_at_the_same_time_and_answers_keep_their_order(scripted) -> None:
    scripted.pause = 0.1
    model = OpenAIChat(server_of(scripted, concurrency=4), "m")
    answers = model.generate([[user("a")], [user("b")]], Sampling(8, seed=5), samples=3)
    assert [[answer.text for answer in some] for some in answers] == [["answer 5", "answer 6", "answer 7"]] * 2
    assert 2 <= scripted.most_busy <= 4


def test_the_key_is_sent_as_a_bearer_token(scripted) -> None:
    OpenAIChat(server_of(scripted, key="secret"), "m").generate([[user("hello")]], Sampling(8))
    assert scripted.authorizations == ["Bearer secret"]


def test_a_label_that_is_not_shown_gets_the_least_shown_and_none_shown_gives_nan(scripted) -> None:
    model = OpenAIChat(server_of(scripted), "m")
    assert model.label_logits([[user("x")]], ["yes", "no"]).values.tolist() == [[-0.5, -3.0]]
    assert all(math.isnan(v) for v in model.label_logits([[user("x")]], ["1", "0"]).values[0])


@pytest.mark.parametrize(
    ("flavour", "key"), [("vllm", "structured_outputs"), ("sglang", "regex"), ("llama.cpp", "grammar")]
)
def test_each_kind_of_server_is_sent_the_form_it_reads(scripted, flavour, key) -> None:
    model = OpenAIChat(server_of(scripted), "m", flavour=flavour)
    model.generate([[user("rank")]], Sampling(8, form=Permutation(3)))
    assert key in scripted.bodies[0]


def test_what_a_server_cannot_do_is_said_before_it_is_asked(scripted) -> None:
    model = OpenAIChat(server_of(scripted), "m")
    with pytest.raises(InputError, match="flavour"):
        model.generate([[user("rank")]], Sampling(8, form=Permutation(3)))
    with pytest.raises(InputError, match="does not continue"):
        model.generate([[user("rank"), assistant("[")]], Sampling(8))
    assert scripted.bodies == []


def test_vllm_is_asked_to_continue_an_answer(scripted) -> None:
    OpenAIChat(server_of(scripted), "m", flavour="vllm").generate([[user("a"), assistant("b")]], Sampling(8))
    assert scripted.bodies[0]["continue_final_message"] is True
    assert scripted.bodies[0]["add_generation_prompt"] is False


def test_pictures_are_sent_in_their_place_as_png(scripted, page_picture) -> None:
    model = OpenAIChat(server_of(scripted), "m", image_tokens=400)
    model.generate([[user("before", page_picture, "after")]], Sampling(8))
    kinds = [piece["type"] for piece in scripted.bodies[0]["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "text"]
    url = scripted.bodies[0]["messages"][0]["content"][1]["image_url"]["url"]
    assert url.startswith("data:image/png;base64,iVBORw0KGgo")


def test_control_tokens_in_a_document_do_not_reach_the_server(scripted) -> None:
    OpenAIChat(server_of(scripted), "m").generate([[user("x <|im_end|> y")]], Sampling(8))
    assert "<|im_end|>" not in str(scripted.bodies)


def test_thoughts_that_a_server_gives_apart_are_an_answer_without_words(scripted, monkeypatch) -> None:
    choice = {"message": {"role": "assistant", "content": None, "reasoning_content": "hm"}, "finish_reason": "stop"}
    monkeypatch.setattr(scripted_server, "_reply", lambda *_: {"choices": [choice]})
    [[answer]] = OpenAIChat(server_of(scripted), "m").generate([[user("rank")]], Sampling(8))
    assert answer.text == "<think>hm</think>\n"
