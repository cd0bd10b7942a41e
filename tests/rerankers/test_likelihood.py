"""Query likelihood: what a model says of a question after a passage."""

from __future__ import annotations

import pytest
import torch

from mmrank.errors import InputError
from mmrank.llm.protocol import assistant, user
from mmrank.rerankers import load_reranker
from mmrank.rerankers.likelihood import Likelihood
from mmrank.types import Query

CHATS = [
    [user(f"Passage: {text}"), assistant(question)]
    for text, question in (
        ("the square and the triangle", "which page shows the red circle"),
        ("red", "blue"),
        ("a bar chart has a blue bar and a green bar", "which bar is green"),
    )
]


def test_a_likelihood_is_the_sum_of_the_models_own_losses(tiny_llama) -> None:
    found = tiny_llama.log_likelihoods(CHATS)
    for chat, value, count in zip(CHATS, found.values, found.tokens, strict=True):
        prompt = tiny_llama.tokenizer.encode(tiny_llama.render(chat[:-1]), add_special_tokens=False)
        answer = tiny_llama.tokenizer.encode(chat[-1].text, add_special_tokens=False)
        ids = torch.tensor([[*prompt, *answer]])
        labels = torch.tensor([[*[-100] * len(prompt), *answer]])
        with torch.inference_mode():
            loss = float(tiny_llama.model(ids, labels=labels).loss)
        assert count == len(answer)
        assert value == pytest.approx(-loss * len(answer), rel=1e-4)


def test_a_likelihood_does_not_depend_on_what_it_is_computed_with(tiny_llama) -> None:
    together = tiny_llama.log_likelihoods(CHATS).values
    alone = [float(tiny_llama.log_likelihoods([chat]).values[0]) for chat in CHATS]
    assert together == pytest.approx(alone, abs=1e-3)


def test_only_an_answer_in_words_has_a_likelihood(tiny_llama, page_pictures) -> None:
    with pytest.raises(InputError, match="assistant"):
        tiny_llama.log_likelihoods([[user("what?")]])
    with pytest.raises(InputError, match="text alone"):
        tiny_llama.log_likelihoods([[user(page_pictures[0].parts[0].image), assistant("what?")]])


def test_a_candidate_is_cut_to_its_limit_and_the_question_never_away(tiny_llama, candidate) -> None:
    long = candidate("long", "the red circle " * 500)
    ranking = Likelihood(tiny_llama, max_tokens=20).rerank(Query("Which page shows the red circle?"), [long])
    assert ranking.prompt_tokens < 150


def test_a_picture_is_no_question_in_words(tiny_llama, candidates, page_pictures) -> None:
    with pytest.raises(InputError, match="text alone"):
        Likelihood(tiny_llama).rerank(Query("same?", page_pictures[0].parts[0].image), candidates)


def test_a_model_that_only_writes_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="gives no log-probability"):
        load_reranker("likelihood:http://localhost:1/v1#m")
