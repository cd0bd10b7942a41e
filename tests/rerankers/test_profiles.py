"""Prompts by checkpoint and from files: chosen by name, read from YAML, refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.llm.transformers_engine import TransformersChat
from mmrank.rerankers import load_reranker
from mmrank.rerankers.listwise import Listwise
from mmrank.rerankers.pointwise import Pointwise
from mmrank.rerankers.profiles import find_profile, known, names, read_profile
from mmrank.rerankers.setwise import Setwise
from mmrank.types import Candidate, ImageRef

PICTURE = ImageRef("a.pdf", 0)


@pytest.mark.parametrize(
    ("family", "model", "name"),
    [
        ("pointwise", "Qwen/Qwen3-VL-Reranker-2B", "qwen3-vl-reranker"),
        ("pointwise", "/models/Qwen3-Reranker-0.6B", "qwen3-reranker"),
        ("pointwise", "vec-ai/lychee-rerank-mm", "lychee"),
        ("pointwise", "mixedbread-ai/mxbai-rerank-base-v2", "prorank"),
        ("pointwise", "mixedbread-ai/mxbai-rerank-base-v1", None),
        ("pointwise", "Qwen/Qwen2.5-VL-7B-Instruct", None),
        ("listwise", "http://localhost:8000/v1#i2vec/MM-R5", "mm-r5"),
        ("listwise", "abdoelsayed/dear-8b-reranker-listwise-v1", "dear"),
        ("listwise", "abdoelsayed/dear-8b-reranker-ce-v1", None),
        ("setwise", "ielabgroup/Rank-R1-7B-v0.1", "rank-r1"),
        ("setwise", "i2vec/MM-R5", None),
    ],
)
def test_a_checkpoint_brings_its_prompt_by_its_name(family: str, model: str, name: str | None) -> None:
    found = find_profile(family, "auto", model)
    assert (found.name if found else None) == name


def test_every_known_prompt_puts_query_candidates_and_numbers_in(candidates: list[Candidate]) -> None:
    for name, (expressions, profile) in known().items():
        assert expressions and profile.name == name in names(profile.family)
        shown = [("first text",)] if profile.family == "pointwise" else [("first text",), ("second text",)]
        text = "\n".join(message.text for message in profile.layout.chat(("What?",), shown, instruction="why"))
        assert all(text.count(piece) == 1 for [piece] in shown) and "What?" in text and "{" not in text
        if profile.family != "pointwise":
            assert ("[2] second text" in text) or ("Passage 2: second text" in text)
            assert "settings" not in text and profile.settings


def test_the_order_of_question_and_pictures_is_that_of_the_checkpoint() -> None:
    mm_r5 = find_profile("listwise", "mm-r5", "")
    [_, turn] = mm_r5.layout.chat(("What?",), [(PICTURE,), (PICTURE,)], noun="Image")
    assert "What?" in turn.content[0] and turn.content[0].endswith("Image 1: ") and turn.content[1] is PICTURE
    qwen = find_profile("pointwise", "qwen3-vl-reranker", "")
    [_, turn] = qwen.judge.chat(("What?",), ("some text", PICTURE), "find")
    assert turn.content == ("<Instruct>: find<Query>:What?\n<Document>:", PICTURE, "some text")
    assert [message.role for message in find_profile("listwise", "dear", "").layout.chat(("q",), [("a",), ("b",)])] == [
        *("system", "user", "assistant"),
        *("user", "assistant") * 2,
        "user",
    ]
    assert find_profile("pointwise", "qwen3-reranker", "").judge.chat(("q",), ("d",), "i")[-1].role == "assistant"


def test_prorank_has_no_instruction_unless_one_is_given() -> None:
    judge = find_profile("pointwise", "prorank", "").judge
    assert judge.chat(("q",), ("d",), judge.instruction)[-1].text.startswith("query: q\ndocument: d\n")
    assert judge.chat(("q",), ("d",), "in law")[-1].text.startswith("instruction: in law\nquery: q\n")


OWN = {
    "pointwise": """
family: pointwise
turns:
  - system: Be brief.
  - user: "Frage: {query}\\nSeite: {candidate}\\nPasst sie?"
labels: ["yes", "no"]
""",
    "setwise": """
family: setwise
turns:
  - user: "Which fits {query}?\\n{candidates}"
candidate: "[{number}] {candidate}\\n"
settings: {children: 2, think_tokens: 6}
""",
    "listwise": """
family: listwise
turns:
  - user: "Order {count} {nouns} for: {query}"
  - each:
      - user: "[{number}] {candidate}"
      - assistant: "[{number}] read."
  - user: "Now the order: [2] > [1]"
answer: chain
settings: {think_tokens: 5, temperature: 0.7, context_tokens: 2000}
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from tiny_models import tiny_llama

    model, tokenizer = tiny_llama()
    model.save_pretrained(tmp_path / "tiny")
    tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.mark.parametrize("family", OWN)
def test_a_prompt_file_says_every_word_and_brings_settings(
    family: str, tmp_path: Path, folder: Path, candidates: list[Candidate], question
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN[family], encoding="utf-8")
    reranker = load_reranker(f"{family}:{folder}", prompt=str(path), device="cpu")
    chats: list = []
    model: TransformersChat = reranker._model  # type: ignore[attr-defined]
    render = model.render
    model.render = lambda chat: (chats.append(chat), render(chat))[1]  # type: ignore[method-assign]
    ranking = reranker.rerank(question, candidates)
    assert len(ranking.items) == len(candidates)
    said = "\n".join(message.text for message in chats[0])
    if family == "pointwise":
        assert isinstance(reranker, Pointwise) and "Seite: " in said and "Be brief." in said and "Document" not in said
    elif family == "setwise":
        assert isinstance(reranker, Setwise) and said.startswith("Which fits ")
        assert reranker._children == 2 and reranker._thinking.tokens == 6
    else:
        assert isinstance(reranker, Listwise) and said.startswith("Order 6 passages for: ") and "[6] read." in said
        thinking = reranker._thinking
        assert (thinking.tokens, thinking.temperature, model.info.context_tokens) == (5, 0.7, 2000)


def test_what_is_given_wins_over_what_a_prompt_brings(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN["listwise"], encoding="utf-8")
    reranker = load_reranker(f"listwise:{folder}", prompt=str(path), think_tokens="9", device="cpu")
    assert isinstance(reranker, Listwise) and reranker._thinking.tokens == 9


def test_a_checkpoint_may_render_query_and_document_itself(
    tiny_llama: TransformersChat, folder: Path, candidates: list[Candidate], question
) -> None:
    reranker = load_reranker(f"pointwise:{folder}", prompt="template", instruction="Find it.", device="cpu")
    assert isinstance(reranker, Pointwise)
    prompt = reranker._model.render(reranker._prompt.chat(("Q",), ("D",), "Find it."))  # type: ignore[attr-defined]
    assert prompt == (
        "<|im_start|>system\nFind it.<|im_end|>\n<|im_start|>query\nQ<|im_end|>\n<|im_start|>document\nD<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert len(reranker.rerank(question, candidates).items) == len(candidates)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "family: pointwise\nturns:\n - user: '{query} {candidate}'\nlabels: [yes, no]",
            "put yes, no, 1 and 0 in quotes",
        ),
        ("family: pointwise\nturns:\n - user: '{query} {document}'", "names {document}; there are: query"),
        ("family: pointwise\nturns:\n - user: '{query}'", "lacks a place for {query} or for {candidate}"),
        ("family: pointwise\nturns:\n - human: '{query}'", "holds a turn that is none"),
        ("family: pointwise\nturns:\n - user: '{query} {candidate}'\n - system: x", "the user's turn comes last"),
        ("family: pointwise\nturns: []", "turns: List should have at least 1 item"),
        ("family: other\nturns: [{user: x}]", "family: Input should be 'pointwise', 'setwise' or 'listwise'"),
        ("family: pointwise\ncolour: red\nturns: [{user: x}]", "colour: Extra inputs"),
        ("family: setwise\nturns:\n - user: '{query} {candidates}'", "is for the family setwise, not for pointwise"),
        ("- a\n- b", "holds no settings"),
        ("a: [", "is no YAML"),
        ("!!python/object/apply:os.system [x]", "is no YAML"),
    ],
)
def test_a_prompt_file_that_is_none_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_profile(path, "pointwise")
    assert said in str(raised.value) and str(path) in str(raised.value)


def test_unknown_prompts_and_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no prompt 'mm-r5' for pointwise.*there are: auto, yes-no, zero-one, template"
    ):
        load_reranker("pointwise:owner/name", prompt="mm-r5")
    path = tmp_path / "own.yaml"
    path.write_text(OWN["listwise"].replace("temperature", "warmth"), encoding="utf-8")
    with pytest.raises(InputError, match="sets 'warmth', which listwise does not have"):
        load_reranker("listwise:owner/name", prompt=str(path))
    with pytest.raises(InputError, match="asks for the style list, not chain"):
        load_reranker("listwise:http://127.0.0.1:9/v1#m", prompt="list", style="chain")
