from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmrank.encoders.minilm import MiniLM, MiniLMTokens
from mmrank.errors import InputError, MmrankError
from mmrank.rerankers import load_reranker
from mmrank.rerankers.cross_encoder import (
    CrossEncoderReranker,
    MiniLMCrossEncoder,
    merge_weights,
    minilm_with_head,
)
from mmrank.rerankers.late_interaction import LateInteraction, maxsim
from mmrank.types import Query

PAIRS = [("red circle", "a red circle"), ("red circle", "a long text about nothing " * 20), ("q", "x")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A head and one adapter, as training writes them."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "head.safetensors"
    target = "bert.encoder.layer.5.attention.self.query"
    tensors = {
        "classifier.weight": torch.randn(1, 384),
        "classifier.bias": torch.randn(1),
        "bert.pooler.dense.bias": torch.randn(384),
        f"{target}.lora_A.weight": torch.randn(4, 384) * 0.1,
        f"{target}.lora_B.weight": torch.randn(384, 4) * 0.1,
    }
    save_file(tensors, path, metadata={"scale": "2.0"})
    return path, tensors


def test_adapters_are_added_and_whole_tensors_replaced(weights) -> None:
    path, tensors = weights
    model, plain = minilm_with_head(), minilm_with_head()
    merge_weights(model, path)
    target = "bert.encoder.layer.5.attention.self.query"
    wanted = plain.state_dict()[f"{target}.weight"] + 2.0 * (
        tensors[f"{target}.lora_B.weight"] @ tensors[f"{target}.lora_A.weight"]
    )
    torch.testing.assert_close(model.state_dict()[f"{target}.weight"], wanted)
    torch.testing.assert_close(model.state_dict()["classifier.weight"], tensors["classifier.weight"])


def test_it_scores_as_transformers_does_whatever_the_batch(weights) -> None:
    path, _ = weights
    scorer = MiniLMCrossEncoder(path, dtype="float32", device="cpu")
    model = minilm_with_head()
    merge_weights(model, path)
    from mmrank.rerankers.minilm_bert import bert_tokenizer

    tokenizer = bert_tokenizer()
    alone = []
    for query, text in PAIRS:
        coded = tokenizer(query, text, return_tensors="pt", truncation="only_second", max_length=256)
        with torch.inference_mode():
            alone.append(float(model.eval()(**coded).logits))
    np.testing.assert_allclose(scorer.predict(PAIRS), alone, atol=1e-4)


def test_its_ranking_does_not_depend_on_the_order_of_the_candidates(weights, candidates, question) -> None:
    reranker = load_reranker("cross-encoder", weights=weights[0], dtype="float32")
    first, second = (reranker.rerank(question, some).items for some in (candidates, candidates[::-1]))
    assert [item.candidate.id for item in first] == [item.candidate.id for item in second]


def test_it_ranks_and_counts(weights, candidates, question) -> None:
    ranking = load_reranker("cross-encoder", weights=weights[0], dtype="float32").rerank(question, candidates)
    assert len(ranking.items) == len(candidates) == ranking.calls
    assert ranking.prompt_tokens > 0


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path) -> None:
    save_file({"classifier.weight": torch.zeros(1, 384), "bert.other": torch.zeros(2)}, tmp_path / "a.safetensors")
    save_file({"bert.pooler.dense.bias": torch.zeros(384)}, tmp_path / "b.safetensors")
    (tmp_path / "c.safetensors").write_bytes(b"junk")
    for name, words in (("a", "bert.other"), ("b", "no scoring head"), ("c", "cannot be read")):
        with pytest.raises(MmrankError, match=words):
            merge_weights(minilm_with_head(), tmp_path / f"{name}.safetensors")


def test_a_sentence_transformers_cross_encoder_of_ones_own_ranks(tmp_path, candidates, question) -> None:
    from mmrank.rerankers.minilm_bert import bert_tokenizer

    torch.manual_seed(1)
    model = minilm_with_head()
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(tmp_path)
    bert_tokenizer().save_pretrained(tmp_path)
    ranking = CrossEncoderReranker.load(tmp_path, dtype="float32", device="cpu").rerank(question, candidates)
    assert len(ranking.items) == len(candidates)
    coded = bert_tokenizer()(question.text, candidates[0].text, return_tensors="pt")
    with torch.inference_mode():
        logit = float(model.eval()(**coded).logits)
    score = next(item.score for item in ranking.items if item.candidate.id == "0")
    assert score == pytest.approx(logit, abs=1e-3)


def test_maxsim_is_the_mean_of_the_best_matches() -> None:
    query = np.eye(3, dtype=np.float32)[:2]
    candidate = np.array([[1, 0, 0], [0, 0.5, 0.5]], dtype=np.float32)
    assert maxsim(query, candidate) == pytest.approx(0.75)
    assert maxsim(query, candidate[:0]) == -1.0


def test_late_interaction_finds_the_passage_in_other_words(candidate) -> None:
    reranker = LateInteraction(MiniLMTokens(MiniLM(dtype="float32")))
    ranking = reranker.rerank(
        Query("How much money did the company make?"),
        [candidate("a", "Bananas are yellow."), candidate("b", "The firm's revenue was 4 million euros.")],
    )
    assert ranking.items[0].candidate.id == "b"


def test_a_candidate_without_text_is_refused_by_late_interaction(page_pictures, question) -> None:
    with pytest.raises(InputError, match="'p0' holds no text"):
        load_reranker("late-interaction").rerank(question, page_pictures)
