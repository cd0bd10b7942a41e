from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmrank.encoders.minilm import MiniLM
from mmrank.errors import InputError
from mmrank.rerankers.chunking import official_windows, window_spans
from mmrank.rerankers.ck import CKSelector
from mmrank.rerankers.document_cascade import DocumentCascade, combine
from mmrank.rerankers.minilm_selector import MiniLMSelector
from mmrank.rerankers.pointwise import Pointwise
from mmrank.rerankers.selector import MEANS, CKNetwork, LexicalSelector
from mmrank.types import Query

torch.set_num_threads(1)


@pytest.mark.parametrize(("length", "valid"), [(50, 1), (51, 2), (151, 4), (2000, 40)])
def test_windows_are_counted_as_published(length: int, valid: int) -> None:
    cut = official_windows(range(1, length + 1))
    assert sum(cut.valid) == valid == len(window_spans(length))
    assert len(cut.ids) == length // 50 + 1
    assert {len(ids) for ids in cut.ids} == {64}


def test_windows_carry_context_and_cover_every_token() -> None:
    cut = official_windows(range(1, 121))
    assert cut.ids[1][:8] == (44, 45, 46, 47, 48, 49, 50, 51)
    assert cut.ids[0][:8] == (0, 0, 0, 0, 0, 0, 0, 1)
    assert {i for ids in cut.ids for i in ids} - {0} == set(range(1, 121))
    for ids, (begin, end) in zip(cut.ids, window_spans(120), strict=True):
        assert [i - 1 for i in ids if i] == list(range(begin, end))


def reference_score(network: CKNetwork, query: torch.Tensor, window: torch.Tensor, length: int) -> float:
    """One pair, token by token in plain Python; `length` real tokens of the window, padding seen by the convolution."""

    def convolved(tokens: torch.Tensor) -> list[torch.Tensor]:
        rows = []
        for i in range(len(tokens)):
            total = network.convolution.bias.clone()
            for tap in range(3):
                if i + tap < len(tokens):
                    total += network.convolution.weight[:, :, tap] @ tokens[i + tap]
            row = torch.relu(total)
            rows.append(row / max(float(row.norm()), 1e-12))
        return rows

    q, w = convolved(query), convolved(window)
    features = []
    for k, mean in enumerate(MEANS):
        total = 0.0
        for term in q:
            soft = sum(math.exp(-((float(term @ token) - mean) ** 2) / (2 * 0.1**2)) for token in w[:length])
            total += math.log(max(float(network.alpha[k]) * soft, 1e-4))
        features.append(total)
    return float(network.combine.weight[0] @ torch.tensor(features))


def test_the_network_computes_what_the_paper_says() -> None:
    torch.manual_seed(0)
    network = CKNetwork(12, mode="official")
    query, window = torch.randn(4, 12), torch.randn(9, 12)
    mask = torch.tensor([True] * 7 + [False] * 2)
    with torch.no_grad():
        score = network(query[None], torch.ones(1, 4, dtype=torch.bool), window[None], mask[None])
        wanted = reference_score(network, query, window, 7)
    assert float(score) == pytest.approx(wanted, abs=1e-4)


def test_a_fixed_score_does_not_depend_on_padding_and_an_official_one_does() -> None:
    torch.manual_seed(0)
    query, window = torch.randn(1, 4, 12), torch.randn(1, 9, 12)
    ones = torch.ones(1, 4, dtype=torch.bool)
    changes = {}
    for mode in ("official", "fixed"):
        network = CKNetwork(12, mode=mode)
        torch.nn.init.uniform_(network.combine.weight, -1, 1)
        scores = []
        for filling in (0.0, 5.0):
            padded = torch.cat([window, torch.full((1, 3, 12), filling)], dim=1)
            mask = torch.tensor([[True] * 9 + [False] * 3])
            with torch.no_grad():
                scores.append(float(network(query, ones, padded, mask)))
        changes[mode] = abs(scores[0] - scores[1])
    assert changes["fixed"] == 0.0
    assert changes["official"] > 1e-3


def test_selection_and_score_equal_a_plain_reference() -> None:
    """The whole cascade with a small random encoder: same windows, same score."""
    torch.manual_seed(1)
    network = CKNetwork(16, narrow=(12, 8))
    embeddings = torch.nn.Embedding(100, 16, padding_idx=0)
    selector = CKSelector(network, embeddings, lambda text: [int(word) for word in text.split()])
    dice = np.random.default_rng(0)
    query, document = [5, 6, 7], dice.integers(1, 100, 420).tolist()
    cut = official_windows(document)
    valid = [ids for ids, good in zip(cut.ids, cut.valid, strict=True) if good]
    ours = selector.score_ids(query, valid)
    with torch.no_grad():
        alone = [float(network(*_one(embeddings, query), *_one(embeddings, ids))) for ids in valid]
    np.testing.assert_allclose(ours, alone, atol=1e-4)
    expensive = torch.nn.Embedding(100, 1)
    with torch.no_grad():
        scored = [float(expensive(torch.tensor(valid[i])).mean()) for i in np.argsort(-ours)[:4]]
    best = sorted(scored, reverse=True)
    assert combine(scored, (0.7, 0.2, 0.1)) == pytest.approx(0.7 * best[0] + 0.2 * best[1] + 0.1 * best[2])


def _one(embeddings: torch.nn.Module, ids) -> tuple[torch.Tensor, torch.Tensor]:
    row = torch.tensor([list(ids)])
    return embeddings(row), row != 0


def test_a_trained_selector_is_loaded_from_its_file(tmp_path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(2)
    network = CKNetwork(384, narrow=(64, 32))
    save_file(network.state_dict(), tmp_path / "ck.safetensors")
    loaded = CKSelector.load(tmp_path / "ck.safetensors")
    scores = loaded.select("a red circle", [["the red circle", "a table of costs"], ["one"]])
    assert [len(row) for row in scores] == [2, 1]
    with torch.no_grad():
        for mine, theirs in zip(loaded.network.parameters(), network.parameters(), strict=True):
            assert torch.equal(mine, theirs)


def test_missing_windows_do_not_let_short_documents_win() -> None:
    short, long = [-0.35], [-0.35, -0.35, -0.35]
    assert combine(short, (1, 1, 1)) > combine(long, (1, 1, 1))
    assert combine(short, (1, 1, 1), missing=-0.35) == combine(long, (1, 1, 1), missing=-0.35)


def filler(count: int) -> str:
    return " ".join(f"word{i % 37}" for i in range(count))


def test_the_cascade_scores_few_windows_and_finds_the_planted_one(overlap_model, candidate) -> None:
    plant = "the red circle shows on which page"
    documents = [candidate(str(i), filler(600)) for i in range(4)]
    documents.append(candidate("gold", filler(300) + " " + plant + " " + filler(300)))
    question = Query("which page shows the red circle")
    few = DocumentCascade(LexicalSelector(), Pointwise(overlap_model), keep=2).rerank(question, documents)
    every = DocumentCascade(LexicalSelector(), Pointwise(overlap_model), keep=0).rerank(question, documents)
    assert few.items[0].candidate.id == every.items[0].candidate.id == "gold"
    assert few.calls == 10 and every.calls == 4 * 12 + 13
    assert "red circle" in (few.items[0].reasoning or "")


def test_choosing_at_least_all_windows_equals_the_full_model(overlap_model, candidate) -> None:
    documents = [candidate(str(i), filler(60 + 70 * i) + " red circle") for i in range(4)]
    question = Query("which page shows the red circle")
    scores = [
        [(item.candidate.id, item.score) for item in cascade.rerank(question, documents).items]
        for keep in (0, 50)
        for cascade in [DocumentCascade(LexicalSelector(), Pointwise(overlap_model), keep=keep)]
    ]
    assert scores[0] == scores[1]


def test_lexical_selection_prefers_rare_words() -> None:
    [scores] = LexicalSelector().select("the bromide report", [["the report", "the bromide", "the report again"]])
    assert scores.argmax() == 1


def test_minilm_selects_by_meaning_where_no_word_is_shared() -> None:
    documents = [["The cat slept on the sofa.", "Net sales rose by a tenth."], [], ["It rained all day."]]
    scores = MiniLMSelector().select("How did revenue develop?", documents)
    assert [len(found) for found in scores] == [2, 0, 1]
    assert scores[0].argmax() == 1 and scores[0][1] > scores[2][0]
    assert [len(found) for found in MiniLMSelector().select("anything", [[], []])] == [0, 0]


def test_minilm_selects_by_words_where_meaning_is_alike() -> None:
    codes = [f"The part of the pump with the number {code} costs little." for code in ("qx81", "zw47", "kv55")]
    [scores] = MiniLMSelector().select("What does zw47 cost?", [codes])
    assert scores.argmax() == 1


def test_what_minilm_computed_of_a_window_is_kept_within_its_memory() -> None:
    class Counting(MiniLM):
        encoded = 0

        def encode_passages(self, passages):
            passages = list(passages)
            self.encoded += len(passages)
            return super().encode_passages(passages)

    encoder = Counting()
    selector = MiniLMSelector(encoder, memory=3)
    first = selector.select("red", [["a red circle", "a blue square", "a red circle"]])
    assert encoder.encoded == 2
    again = selector.select("red", [["a red circle", "a blue square", "a red circle"]])
    assert encoder.encoded == 2 and (first[0] == again[0]).all()
    selector.select("red", [["one", "two", "three", "four"]])
    selector.select("red", [["a red circle"]])
    assert encoder.encoded == 7


def test_a_second_look_goes_to_the_candidates_at_the_border(overlap_model, candidate) -> None:
    question = Query("which page shows the red circle")
    plants = ["", "red", "red circle", "the red circle", "shows the red circle", "which page shows the red circle"]
    documents = [candidate(str(i), " ".join([plant, filler(400)])) for i, plant in enumerate(plants)]
    pointwise = Pointwise(overlap_model)
    plain = DocumentCascade(LexicalSelector(), pointwise, keep=2).rerank(question, documents)
    twice = DocumentCascade(LexicalSelector(), pointwise, keep=2, top=3, more=3).rerank(question, documents)
    assert plain.calls == 6 * 2 and twice.calls == 6 * 2 + 4 * 3
    assert DocumentCascade(LexicalSelector(), pointwise, keep=2, top=6).rerank(question, documents).calls == 6 * 2


def test_settings_that_cannot_be_are_refused(overlap_model) -> None:
    with pytest.raises(InputError):
        DocumentCascade(LexicalSelector(), Pointwise(overlap_model), keep=-1)
    with pytest.raises(InputError):
        LexicalSelector(b=2)
    with pytest.raises(InputError):
        DocumentCascade(LexicalSelector(), Pointwise(overlap_model), top=-1)
    with pytest.raises(InputError):
        MiniLMSelector(memory=-1)
