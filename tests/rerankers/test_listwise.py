from __future__ import annotations

import re

import numpy as np
import pytest
import scripted_server

from mmrank.errors import InputError
from mmrank.llm.http import ModelServer
from mmrank.llm.openai_engine import OpenAIChat
from mmrank.llm.protocol import Answer, LabelLogits, ModelInfo
from mmrank.llm.transformers_engine import TransformersChat
from mmrank.rerankers import AnswerStatus
from mmrank.rerankers.answering import Thinking
from mmrank.rerankers.listwise import Listwise
from mmrank.rerankers.setwise import Setwise
from mmrank.types import Candidate, Part, PartKind


def ids(ranking) -> list[str]:
    return [item.candidate.id for item in ranking.items]


def test_each_candidate_carries_the_reason_given_for_it(overlap_model, candidates, question) -> None:
    ranking = Listwise(overlap_model).rerank(question, candidates)
    for item in ranking.items:
        shared = len({"which", "page", "shows", "the", "red", "circle"} & set(item.candidate.text.split()))
        assert item.reasoning == f"shares {shared} words."


def test_an_unusable_answer_keeps_the_order_and_says_so(overlap_model, candidates, question) -> None:
    overlap_model.script = ["I would rather not."]
    ranking = Listwise(overlap_model).rerank(question, candidates)
    assert ids(ranking) == [c.id for c in candidates]
    assert ranking.statuses == (AnswerStatus.UNUSABLE,)


def test_a_repaired_answer_says_so(overlap_model, candidates, question) -> None:
    overlap_model.script = ["<think>x</think><answer>[3, 3, 9]</answer>"]
    ranking = Listwise(overlap_model).rerank(question, candidates)
    assert ids(ranking) == ["2", "0", "1", "3", "4", "5"]
    assert ranking.statuses == (AnswerStatus.REPAIRED,)


def test_only_the_head_is_ranked_when_asked(overlap_model, candidates, question) -> None:
    ranking = Listwise(overlap_model, style="chain", head=2).rerank(question, candidates)
    assert ids(ranking)[2:] == ["2", "3", "4", "5"]


def test_the_official_mode_ranks_short_lists_and_nothing_after_the_30th(
    overlap_model, candidates, candidate, question
) -> None:
    assert ids(Listwise(overlap_model, mode="official").rerank(question, candidates))[0] == "2"
    many = [candidate(f"x{i}", "purple") for i in range(31)]
    many.append(candidate("best", "which page shows the red circle"))
    ranking = Listwise(overlap_model, mode="official").rerank(question, many)
    assert ids(ranking)[-1] == "best" and ranking.calls == 2


def test_dear_sends_each_passage_in_a_turn_of_its_own(overlap_model, candidates, question) -> None:
    Listwise(overlap_model, style="chain").rerank(question, candidates)
    [chat] = overlap_model.chats
    assert [m.role for m in chat] == ["system", "user", *["assistant", "user"] * (len(candidates) + 1)]


def test_a_held_answer_is_always_complete(tiny_llama, candidates, question) -> None:
    for style in ("list", "chain"):
        ranking = Listwise(tiny_llama, style=style, thinking=Thinking(tokens=12)).rerank(question, candidates)
        assert ranking.statuses == (AnswerStatus.COMPLETE,)
        assert ranking.calls == 2
    plain = Listwise(tiny_llama, thinking=Thinking(tokens=0)).rerank(question, candidates)
    assert plain.statuses == (AnswerStatus.COMPLETE,) and plain.calls == 1


def written_by(grammar: str) -> str:
    """The first answer a grammar allows; each "id" is the greatest not yet written."""
    rules = dict(line.split(" ::= ") for line in grammar.splitlines())
    ids = re.findall(r'"(\d+)"', rules.get("id", ""))

    def expand(rule: str) -> str:
        if rule == "id":
            return ids.pop()
        terms = re.findall(r'"([^"]*)"|(\w+)', rules[rule].partition(" | ")[0])
        return "".join(literal or (expand(name) if name else "") for literal, name in terms)

    return expand("root")


@pytest.fixture
def llama_server(scripted, monkeypatch) -> OpenAIChat:
    """A model of a server that is held by grammars alone, and otherwise writes thoughts and no list."""

    def reply(path, body):
        said = written_by(body["grammar"]) if "grammar" in body else "<think>Passage 2: a chart."
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"prompt_tokens": 11, "completion_tokens": 2}}

    monkeypatch.setattr(scripted_server, "_reply", reply)
    return OpenAIChat(ModelServer(scripted.url, wait=0.01), "m", flavour="llama.cpp")


@pytest.mark.parametrize("style", ["list", "chain"])
def test_a_server_that_cannot_continue_is_asked_again_with_the_grammar(
    llama_server, scripted, candidates, question, style
) -> None:
    ranking = Listwise(llama_server, style=style, thinking=Thinking(tokens=60)).rerank(question, candidates)
    first, second = scripted.bodies
    assert "grammar" not in first and "grammar" in second
    assert [turn["role"] for turn in second["messages"][-2:]] == ["assistant", "user"]
    assert second["messages"][-2]["content"] == "Passage 2: a chart."
    assert ranking.statuses == (AnswerStatus.COMPLETE,) and ranking.calls == 2
    assert ids(ranking) == ["5", "4", "3", "2", "1", "0"]
    assert {item.candidate.id: item.reasoning for item in ranking.items}["1"] == "a chart."


def test_a_server_with_grammars_needs_one_call_where_nothing_is_thought(
    llama_server, scripted, candidates, question
) -> None:
    silent = Thinking(tokens=0)
    assert Listwise(llama_server, thinking=silent).rerank(question, candidates).statuses == (AnswerStatus.COMPLETE,)
    assert Setwise(llama_server, top=1, thinking=silent).rerank(question, candidates).statuses == (
        AnswerStatus.COMPLETE,
    )
    assert [body["messages"][-1]["role"] for body in scripted.bodies if "grammar" in body] == ["user", "user"]


def test_a_server_without_grammars_writes_freely(scripted, candidates, question) -> None:
    plain = OpenAIChat(ModelServer(scripted.url, wait=0.01), "m")
    assert Listwise(plain).rerank(question, candidates).calls == 1


def test_a_free_answer_of_a_random_model_is_not_taken_for_a_ranking(tiny_llama, candidates, question) -> None:
    ranking = Listwise(tiny_llama, thinking=Thinking(tokens=24, hold=False)).rerank(question, candidates)
    assert ranking.statuses != (AnswerStatus.COMPLETE,)
    assert sorted(ids(ranking)) == sorted(c.id for c in candidates)


@pytest.fixture(params=["tiny_qwen2_5_vl", "tiny_qwen3_vl"])
def vision(request) -> TransformersChat:
    parts = request.getfixturevalue(request.param)
    return TransformersChat(parts.model, parts.processor.tokenizer, parts.processor, name="tiny-vl", max_pixels=56 * 56)


def test_page_images_are_ranked_with_reasons(vision, page_pictures, question) -> None:
    ranking = Listwise(vision, thinking=Thinking(tokens=8)).rerank(question, page_pictures)
    assert sorted(ids(ranking)) == ["p0", "p1", "p2"]
    assert ranking.statuses == (AnswerStatus.COMPLETE,)


def test_page_images_are_called_images_and_stand_behind_their_number(vision, page_pictures, question) -> None:
    chat = Listwise(vision)._chat([question.text], [(c.parts[0].image,) for c in page_pictures], "Image")
    content = chat[-1].content
    for i, piece in enumerate(content):
        if not isinstance(piece, str):
            assert content[i - 1].endswith(f"Image {piece.page + 1}: ")


def test_interleaved_and_textual_candidates_share_a_window(vision, page_pictures, question) -> None:
    mixed = [
        page_pictures[0],
        Candidate("text", (Part(PartKind.TEXT, "the red circle", ()),), 0),
        Candidate("both", (Part(PartKind.TEXT, "a chart", ()), page_pictures[1].parts[0]), 0),
    ]
    ranking = Listwise(vision, thinking=Thinking(tokens=0)).rerank(question, mixed)
    assert sorted(ids(ranking)) == ["both", "p0", "text"]


def test_setwise_keeps_the_reasons_of_comparisons_won(overlap_model, candidates, question) -> None:
    ranking = Setwise(overlap_model, top=2).rerank(question, candidates)
    assert ids(ranking)[0] == "2"
    assert "shares 5 words" in (ranking.items[0].reasoning or "")
    assert ranking.items[-1].reasoning is None


def test_setwise_calls_as_often_as_the_heap_needs(overlap_model, candidate, question) -> None:
    twenty = [candidate(str(i), f"text {i}") for i in range(20)]
    assert Setwise(overlap_model).rerank(question, twenty).calls == 10
    assert Setwise(overlap_model, top=1).rerank(question, twenty).calls == 1
    assert Setwise(overlap_model, top=1, votes=3).rerank(question, twenty).calls == 3


def test_setwise_shuffles_before_every_call_by_its_seed(make_overlap_model, candidates, question) -> None:
    orders = []
    for seed in (929, 929, 7):
        model = make_overlap_model()
        Setwise(model, top=2, seed=seed).rerank(question, candidates)
        orders.append([chat[-1].text for chat in model.chats])
    assert orders[0] == orders[1] != orders[2]
    assert len(set(orders[0])) == len(orders[0])


def test_setwise_votes_outweigh_a_single_wrong_answer(overlap_model, candidates, question) -> None:
    overlap_model.script = ["<answer>[1]</answer>"]
    ranking = Setwise(overlap_model, top=1, votes=5).rerank(question, candidates)
    assert ids(ranking)[0] == "2"


def test_setwise_without_usable_answers_keeps_the_order(overlap_model, candidates, question) -> None:
    overlap_model.script = ["?"] * 40
    ranking = Setwise(overlap_model, top=1).rerank(question, candidates)
    assert ids(ranking) == [c.id for c in candidates]
    assert set(ranking.statuses) == {AnswerStatus.UNUSABLE}


def test_setwise_holds_a_random_model_to_a_label(tiny_llama, candidates, question) -> None:
    ranking = Setwise(tiny_llama, top=3, thinking=Thinking(tokens=6)).rerank(question, candidates)
    assert set(ranking.statuses) == {AnswerStatus.COMPLETE}


def test_a_candidate_is_shown_by_the_words_that_fit_the_question(overlap_model, candidate, question) -> None:
    long = candidate("long", f"{'the sea is wide ' * 40} the red circle is on this page {'and the sky is high ' * 40}")
    ranking = Listwise(overlap_model, passage_words=20).rerank(question, [long, candidate("short", "purple")])
    [chat] = overlap_model.chats
    assert "red circle" in chat[-1].text and len(chat[-1].text.split()) < 150
    assert ids(ranking) == ["long", "short"]
    with pytest.raises(InputError, match="at least 8 words"):
        Listwise(overlap_model, passage_words=3)


class FirstId:
    """A chat model asked which id comes first: words shared with the question, and a liking for the first place."""

    def __init__(self, liking: float = 0.0, *, continues: bool = True) -> None:
        self.info = ModelInfo("first", "test", 4000, continues=continues, holds=continues)
        self.liking = liking
        self.asked: list[str] = []
        self.written = 0
        self.invents = 1

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def label_logits(self, chats, labels) -> LabelLogits:
        rows = []
        for chat in chats:
            assert chat[-1].role == "assistant" and chat[-1].text == "<think>Passage "
            shown = re.findall(r"^Passage \d+: (.*)", chat[-2].text, re.MULTILINE)
            assert list(labels) == [str(i) for i in range(1, len(shown) + 1)]
            self.asked.append(shown[0])
            rows.append([len({"red", "circle", "page"} & set(text.split())) for text in shown])
            rows[-1][0] += self.liking
        return LabelLogits(np.array(rows, np.float32), 7 * len(chats), 7 * len(chats))

    def generate(self, chats, sampling, *, samples=1) -> list[tuple[Answer, ...]]:
        self.written += 1
        [chat] = chats
        number = int(re.fullmatch(r'<think>Passage (\d+): says "', chat[-1].text)[1])
        shown = re.findall(r"^Passage \d+: (.*)", chat[-2].text, re.MULTILINE)
        text = "what nobody wrote" if number == self.invents else " ".join(shown[number - 1].split()[:3])
        return [(Answer(text, True, 1, 1),)]


def test_the_first_id_orders_a_window_and_log_probabilities_are_the_scores(candidates, question) -> None:
    model = FirstId()
    silent = Listwise(model, by="first-id", thinking=Thinking(tokens=0))
    ranking = silent.rerank(question, candidates)
    assert ids(ranking)[:2] == ["2", "4"]
    assert np.exp([item.score for item in ranking.items]).sum() == pytest.approx(1)
    assert ranking.statuses == (AnswerStatus.COMPLETE,) and ranking.calls == 1 and model.written == 0


def test_a_reason_is_what_is_quoted_of_a_candidate_and_stands_there(candidates, question) -> None:
    ranking = Listwise(FirstId(), by="first-id").rerank(question, candidates)
    reasons = {item.candidate.id: item.reasoning for item in ranking.items}
    assert reasons["2"] == 'says "the page that"'
    assert reasons["0"] is None  # it was invented


def test_rotations_take_a_liking_for_a_place_away(candidates, question) -> None:
    plain = Listwise(FirstId(liking=9), by="first-id", thinking=Thinking(tokens=0)).rerank(question, candidates)
    assert ids(plain)[0] == "0"
    model = FirstId(liking=9)
    turned = Listwise(model, by="first-id", rotations=6, thinking=Thinking(tokens=0)).rerank(question, candidates)
    assert ids(turned)[:2] == ["2", "4"]
    assert sorted(model.asked) == sorted(candidate.text for candidate in candidates)


def test_what_is_not_ranked_by_the_first_id_stays_behind_what_is(candidates, question) -> None:
    ranker = Listwise(FirstId(), by="first-id", head=3, thinking=Thinking(tokens=0))
    ranking = ranker.rerank(question, candidates)
    assert ids(ranking)[0] == "2" and ids(ranking)[3:] == ["3", "4", "5"]
    assert len({item.score for item in ranking.items[2:]}) == 1


def test_windows_by_the_first_id_reach_the_head(candidates, question) -> None:
    ranker = Listwise(FirstId(), by="first-id", window=2, stride=1, thinking=Thinking(tokens=0))
    ranking = ranker.rerank(question, candidates)
    assert ids(ranking)[0] == "2" and ranking.calls == 5
    model = FirstId()
    Listwise(model, by="first-id", window=2, stride=1).rerank(question, candidates)
    assert model.written == 2  # the window at the head


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"by": "last-id"}, "answer or its first-id"),
        ({"by": "first-id", "style": "chain"}, "first id"),
        ({"rotations": 2}, "rotations"),
        ({"by": "first-id", "rotations": 21}, "rotations"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, words) -> None:
    with pytest.raises(InputError, match=words):
        Listwise(FirstId(), **settings)


def test_an_engine_that_continues_nothing_is_not_asked_for_a_first_id() -> None:
    with pytest.raises(InputError, match="continues a started answer"):
        Listwise(FirstId(continues=False), by="first-id")


@pytest.mark.parametrize("name", ["tiny_qwen2_5_vl", "tiny_qwen3_vl", "tiny_smolvlm"])
@pytest.mark.parametrize("family", [Listwise, Setwise])
def test_pictures_are_encoded_once_for_thoughts_and_a_held_answer(
    name, family, request, page_pictures, question
) -> None:
    parts = request.getfixturevalue(name)
    rankings = []
    for cached in (True, False):
        model = TransformersChat(
            parts.model, parts.processor.tokenizer, parts.processor, name="vl", max_pixels=4096, cache_prefixes=cached
        )
        inner = parts.model.model
        tower = getattr(inner, "visual", None) or inner.vision_model
        seen: list[int] = []
        handle = tower.register_forward_pre_hook(lambda *_, seen=seen: seen.append(1))
        try:
            ranking = family(model, thinking=Thinking(tokens=8)).rerank(question, page_pictures)
        finally:
            handle.remove()
        rankings.append([(item.candidate.id, item.reasoning) for item in ranking.items])
        assert set(ranking.statuses) == {AnswerStatus.COMPLETE}
        assert len(seen) == (ranking.calls // 2 if cached else ranking.calls)
    assert rankings[0] == rankings[1]
