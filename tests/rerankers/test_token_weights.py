"""Late interaction that was taught which words count: the arithmetic, the file, and what it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmrank.encoders.minilm import MiniLM
from mmrank.errors import InputError, MmrankError
from mmrank.rerankers import load_reranker
from mmrank.rerankers.token_weights import DIMENSION, TokenWeights, interact, read_token_weights, read_tokens, score
from mmrank.types import Part, PartKind, Passage, Query
from mmrank.weights import LISTWISE, shipped


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM(dtype="float32")


def passage(text: str) -> Passage:
    return Passage("p", "", 0, 0, (Part(PartKind.TEXT, text, ()),), (), ())


def test_the_score_is_the_weighted_mean_of_best_cosines_and_bonuses() -> None:
    model = TokenWeights()
    with torch.no_grad():
        model.weight.weight[0, 0] = 2.0  # on the first axis alone
        model.bonus.weight[0, 1] = 0.5  # on the second
    asked = torch.zeros(1, 3, DIMENSION)
    asked[0, 0, 0] = asked[0, 1, 1] = 1.0
    best = torch.tensor([[[0.4, 0.6, 9.0], [0.8, 0.2, 9.0]]])
    same = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    first = np.log1p(np.exp(2 + np.log(np.e - 1)))
    wanted = [(first * 0.4 + 1 * (0.6 + 0.5)) / (first + 1), (first * 0.8 + 1 * 0.2) / (first + 1)]
    assert model(asked, best, same, mask)[0].tolist() == pytest.approx(wanted)


def test_untrained_it_is_maxsim(encoder, candidates, question) -> None:
    plain = load_reranker("late-interaction:minilm-tokens", dtype="float32").rerank(question, candidates)
    read = read_tokens(encoder, [passage(candidate.text) for candidate in candidates])
    found = score(TokenWeights(), interact(encoder, question, read))
    wanted = {item.candidate.id: item.score for item in plain.items}
    assert found.tolist() == pytest.approx([wanted[candidate.id] for candidate in candidates], abs=1e-5)


def test_words_that_a_candidate_holds_are_seen(encoder) -> None:
    found = interact(encoder, Query("revenue of 1452"), read_tokens(encoder, [passage("1452"), passage("revenue")]))
    assert found.same.shape == (2, len(found.asked))
    assert found.same[0].any() and found.same[1].any()
    assert not (found.same[0] & found.same[1]).any()
    assert (found.best <= 1.0001).all()


def test_a_question_without_words_is_no_error(encoder) -> None:
    found = interact(encoder, Query("  "), read_tokens(encoder, [passage("revenue")]))
    assert np.isfinite(score(TokenWeights(), found)).all()


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MmrankError, match="does not hold weights of tokens"):
        read_token_weights(shipped(LISTWISE))
    with pytest.raises(MmrankError, match="cannot be read"):
        load_reranker("late-interaction", weights=tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="embedded MiniLM"):
        load_reranker("late-interaction:minilm-tokens", weights=tmp_path / "none.safetensors")


PROSE_OR_TABLE = {
    "How much was the total revenue in 2019 and 2018, respectively?": (
        "The change in total revenue between 2019 and 2018 was due to the higher income of the services business.",
        "| | 2019 | 2018 |\n| Products | 812 | 799 |\n| Services | 640 | 347 |\n| Revenue | 1,452 | 1,146 |",
    ),
    "What was the average balance of accounts receivable in 2018?": (
        "The average balance of accounts receivable was affected in 2018 by the sale of the business.",
        "| | 2018 | 2017 |\n| Cash | 51 | 44 |\n| Accounts receivable | 120 | 98 |\n| Assets | 171 | 142 |",
    ),
}


@pytest.mark.parametrize("text", PROSE_OR_TABLE)
def test_the_shipped_ones_take_the_table_for_an_amount_where_maxsim_takes_the_prose(text: str, candidate) -> None:
    shown = [candidate(name, words) for name, words in zip(("prose", "table"), PROSE_OR_TABLE[text], strict=True)]
    first = {}
    for name in ("late-interaction", "late-interaction:minilm-tokens"):
        ranking = load_reranker(name, dtype="float32").rerank(Query(text), shown)
        first[name] = ranking.items[0].candidate.id
    assert first == {"late-interaction": "table", "late-interaction:minilm-tokens": "prose"}
