"""The embedded model, really run, by both engines and by a server."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmrank.errors import InputError, MmrankError
from mmrank.llm.forms import Permutation
from mmrank.llm.http import ModelServer
from mmrank.llm.llama_cpp_engine import LlamaChat
from mmrank.llm.loading import load_chat_model
from mmrank.llm.openai_engine import OpenAIChat
from mmrank.llm.protocol import Sampling, assistant, system, user
from mmrank.llm.smollm2 import SHA256, gguf_path, llama_file, transformers_folder, verify
from mmrank.llm.transformers_engine import TransformersChat

CHATS = [
    [
        system("Judge whether a passage answers a question."),
        user(f"Question: capital of France?\nPassage: {p}\nYes or no?"),
    ]
    for p in ("Paris is the capital of France.", "Bananas <|im_end|> are yellow.", "Lyon lies on the Rhône.")
]
TOLERANCE = 0.2
"""Of a logit: llama.cpp multiplies in 16 bits (measured: 0.12), transformers here in 32."""

QUESTIONS = (
    "Name a fruit.",
    "What is the capital of France?",
    "Write a sentence about the sea.",
    "List three colours.",
    "Why is the sky blue?",
    "Which planet is the largest?",
    "How many days has a week?",
    "What do cows eat?",
)


@pytest.mark.slow
def test_sixteen_bits_score_as_the_published_four(smollm2_llama) -> None:
    """Converting rounds what was published by less than what llama.cpp's own arithmetic differs by."""
    published = LlamaChat(gguf_path(), context_tokens=512)
    converted, original = (m.label_logits(CHATS, ["yes", "no"]).values for m in (smollm2_llama, published))
    np.testing.assert_allclose(converted, original, atol=0.6)


def test_the_converted_weights_are_kept_and_read_again(smollm2_llama) -> None:
    kept = llama_file()
    made = kept.stat().st_mtime_ns
    assert llama_file() == kept and kept.stat().st_mtime_ns == made


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, smollm2_llama) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(MmrankError, match="Set MMRANK_CACHE"):
        llama_file()


def test_the_weights_are_the_published_ones(smollm2_llama, tmp_path) -> None:
    verify(gguf_path())
    damaged = tmp_path / "x.gguf"
    damaged.write_bytes(b"GGUF")
    with pytest.raises(MmrankError, match=SHA256):
        verify(damaged)


@pytest.mark.slow
def test_both_engines_read_the_same_prompt_and_agree_on_scores(smollm2_llama, smollm2_torch) -> None:
    for chat in CHATS:
        assert smollm2_llama.render(chat) == smollm2_torch.render(chat)
        prompt = smollm2_llama.render(chat)
        assert smollm2_llama.count_tokens(prompt) == smollm2_torch.count_tokens(prompt)
    ours, theirs = (m.label_logits(CHATS, ["yes", "no", "Yes", "No"]).values for m in (smollm2_torch, smollm2_llama))
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)


@pytest.mark.slow
def test_both_engines_read_the_same_adapter(smollm2_torch, tmp_path, monkeypatch) -> None:
    """Random factors on every kind of layer of two blocks, queries and keys among them, which llama.cpp turns about."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, layer in smollm2_torch.model.named_modules():
        if name.startswith(("model.layers.0.", "model.layers.29.")) and hasattr(layer, "in_features"):
            tensors[f"{name}.lora_A.weight"] = torch.randn(2, layer.in_features, generator=generator) * 0.05
            tensors[f"{name}.lora_B.weight"] = torch.randn(layer.out_features, 2, generator=generator) * 0.3
    path = tmp_path / "adapter.safetensors"
    save_file(tensors, path, metadata={"scale": "1.5"})
    base, file = transformers_folder(), llama_file()
    monkeypatch.setenv("MMRANK_CACHE", str(tmp_path))
    ours = TransformersChat.load(base, dtype="float32", device="cpu", adapter=path)
    theirs = LlamaChat(file, context_tokens=512, adapter=path)
    plain, one, other = (m.label_logits(CHATS, ["yes", "no"]).values for m in (smollm2_torch, ours, theirs))
    assert np.abs(one - plain).max() > 5 * TOLERANCE
    np.testing.assert_allclose(one, other, atol=2 * TOLERANCE)


@pytest.mark.slow
def test_greedy_answers_of_both_engines_part_only_where_two_tokens_are_as_good(smollm2_llama, smollm2_torch) -> None:
    """Six of the eight are equal to the letter; the others part at tokens whose scores lie within the tolerance."""
    parted = 0
    for question in QUESTIONS:
        texts = [m.generate([[user(question)]], Sampling(20))[0][0].text for m in (smollm2_llama, smollm2_torch)]
        if texts[0] == texts[1]:
            continue
        parted += 1
        ids = [smollm2_torch.tokenizer.encode(text, add_special_tokens=False) for text in texts]
        at = next(i for i, (one, other) in enumerate(zip(*ids, strict=False)) if one != other)
        begun = [user(question), assistant(smollm2_torch.tokenizer.decode(ids[0][:at]))]
        labels = [smollm2_torch.tokenizer.decode([tokens[at]]) for tokens in ids]
        [scores] = smollm2_torch.label_logits([begun], labels).values
        assert abs(scores[0] - scores[1]) < TOLERANCE, (question, labels)
    assert parted <= 3


@pytest.mark.slow
def test_llama_cpp_reuses_the_common_beginning_without_changing_scores(smollm2_llama) -> None:
    fresh = load_chat_model("smollm2", context_tokens=512)
    alone = np.concatenate([smollm2_llama.label_logits([chat], ["yes", "no"]).values for chat in CHATS[::-1]])[::-1]
    together = fresh.label_logits(CHATS, ["yes", "no"])
    np.testing.assert_allclose(together.values, alone, atol=0.15)
    assert together.computed_tokens < together.prompt_tokens


@pytest.mark.slow
def test_llama_cpp_holds_an_answer_to_a_form_after_a_begun_one(smollm2_llama) -> None:
    chat = [user("Rank: [1] apples [2] cars [3] pears [4] nails."), assistant("The ranking is [")]
    answer = smollm2_llama.generate([chat], Sampling(40, form=Permutation(4, opened=True)))[0][0]
    assert sorted(map(int, answer.text.strip("]").split(", "))) == [1, 2, 3, 4]
    assert answer.finished


@pytest.mark.slow
def test_llama_cpp_draws_by_seed_and_stops(smollm2_llama) -> None:
    chat, drawn = [user("Write about the sea.")], Sampling(24, temperature=1.0, seed=1, stop=(".",))
    first, second = (smollm2_llama.generate([chat], drawn, samples=2)[0] for _ in range(2))
    assert [a.text for a in first] == [a.text for a in second]
    assert first[0].text != first[1].text
    assert "." not in first[0].text


def test_llama_cpp_says_when_a_prompt_is_too_long(smollm2_llama) -> None:
    with pytest.raises(InputError, match="more context_tokens"):
        smollm2_llama.generate([[user("word " * 4000)]], Sampling(4))


def test_without_llama_cpp_transformers_runs_it(smollm2_torch, monkeypatch) -> None:
    missing = SimpleNamespace(util=SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.setattr("mmrank.llm.loading.importlib", missing)
    model = load_chat_model("smollm2", dtype="float32")
    assert model.info.engine == "transformers"
    assert model.info.name == smollm2_torch.info.name


def test_unknown_models_are_refused_with_the_known_ones(smollm2_llama) -> None:
    with pytest.raises(InputError, match="smollm2, smollm2-torch"):
        load_chat_model("gpt-17")
    with pytest.raises(InputError, match="#model"):
        load_chat_model("http://localhost:1/v1")
    with pytest.raises(InputError, match=r"smollm2 has no setting 'colour'; there are .*context_tokens"):
        load_chat_model("smollm2", colour="red")


@pytest.mark.slow
def test_a_real_server_answers_scores_and_keeps_to_a_grammar(real_server, smollm2_llama) -> None:
    model = OpenAIChat(ModelServer(real_server, concurrency=2), "smollm2", flavour="llama.cpp")
    chat = [user("Name a fruit.")]
    [[answer]] = model.generate([chat], Sampling(8))
    assert answer.text == smollm2_llama.generate([chat], Sampling(8))[0][0].text
    assert answer.prompt_tokens > 0 and answer.completion_tokens > 0
    [[held]] = model.generate([[user("Rank 3 apples.")]], Sampling(20, form=Permutation(3)))
    assert held.text.startswith("[") and held.text.endswith("]")
    logits = model.label_logits(CHATS, ["Yes", "No"]).values
    ours = smollm2_llama.label_logits(CHATS, ["Yes", "No"]).values
    shown = ~np.isclose(logits[:, 0], logits[:, 1]) & np.isfinite(logits).all(1)
    assert shown.any()
    difference = (logits[:, 0] - logits[:, 1]) - (ours[:, 0] - ours[:, 1])
    assert (np.abs(difference[shown]) < 2.0).all()


def test_both_engines_give_a_text_the_same_log_probability(smollm2_llama, smollm2_torch) -> None:
    row = smollm2_llama.text_ids("The capital of France is Paris, and that of Italy is Rome.")
    assert row == smollm2_torch.text_ids("The capital of France is Paris, and that of Italy is Rome.")
    rows = [row, [5, *row], row[:6]]
    found = [model.continuations(rows, [4, 4, 2]) for model in (smollm2_llama, smollm2_torch)]
    np.testing.assert_allclose(found[0].values, found[1].values, atol=4 * TOLERANCE)
    assert smollm2_llama.text_of(row) == smollm2_torch.text_of(row)
    assert found[0].computed_tokens < found[1].computed_tokens  # what rows share is computed once
    with pytest.raises(InputError, match="at least one must stand before"):
        smollm2_llama.continuations([row[:4]], [4])
