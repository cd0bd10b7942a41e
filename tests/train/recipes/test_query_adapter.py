"""The objective of query adapters, against its parts, and the file against the model that was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from mmrank.encoders.minilm import MiniLM
from mmrank.encoders.query_adapter import load_query_adapter
from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample
from mmrank.train.loading import run_recipe
from mmrank.train.objectives.contrastive import info_nce
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.recipes.query_adapter import LowRank, VectorScorer, encoded, in_batch_and_beside_words

pytest.importorskip("trl")


def row(seed: int, texts: tuple[str, ...], positives: tuple[str, ...]) -> dict[str, object]:
    chance = np.random.default_rng(seed)
    vectors = chance.normal(size=(len(texts) + 1, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {
        "candidates": texts,
        "positives": positives,
        "asked": vectors[0],
        "vectors": vectors[1:],
        "bm25": chance.random(len(texts)),
    }


def test_the_loss_is_info_nce_over_the_batch_and_softmax_over_cosine_and_words() -> None:
    rows = [row(0, ("a", "b", "c"), ("a",)), row(1, ("d", "a"), ("d",)), row(2, ("e", "f", "g"), ("e", "b"))]
    torch.manual_seed(0)
    model = LowRank(4, 2, 0.3)
    torch.nn.init.normal_(model.up.weight)
    scorer = VectorScorer(0.1)
    batch = scorer.collate(rows)
    loss = in_batch_and_beside_words(scorer.scores(model, batch), batch)

    asked = model.moved(torch.tensor(np.stack([one["asked"] for one in rows])))
    passages = torch.tensor(np.concatenate([one["vectors"] for one in rows]))
    texts = [text for one in rows for text in one["candidates"]]  # a b c d a e f g
    excluded = torch.tensor([[text in one["positives"] for text in texts] for one in rows])
    nce = info_nce(asked, passages, temperature=0.1, positives=torch.tensor([0, 3, 5]), excluded=excluded)
    own = torch.full((3, 3), float("-inf"))
    for place, one in enumerate(rows):
        count = len(one["candidates"])
        own[place, :count] = torch.tensor(one["vectors"]) @ asked[place] / 0.1 + 0.3 * torch.tensor(one["bm25"]).float()
    words = softmax_cross_entropy(own, own > float("-inf"))
    assert loss.item() == pytest.approx((nce + words).item(), rel=1e-5)


def test_untrained_it_changes_nothing() -> None:
    queries = normalize(torch.randn(3, 8), dim=-1)
    assert torch.allclose(LowRank(8, 2, 0.2).moved(queries), queries, atol=1e-6)


def test_words_are_weighed_within_the_questions_document() -> None:
    def example(query: str, right: str, wrong: str, group: str) -> RankingExample:
        return RankingExample(query, (right,), (wrong,), group)

    rows = encoded(
        MiniLM(dtype="float32"),
        [
            example("red fox", "a red fox", "a red hen", "one"),
            example("red hen", "a red hen", "a red cow", "one"),
            example("red fox", "a red fox", "a grey wolf", "two"),
        ],
        candidates=2,
    )
    assert rows[0]["vectors"].shape == (2, 384) and rows[0]["asked"].shape == (384,)
    # "red" stands in all passages of the first document and tells nothing; in the second it tells as much as "fox".
    assert rows[0]["bm25"][1] < 0.3 * rows[0]["bm25"][0]
    assert rows[2]["bm25"][1] == 0


def test_an_encoder_of_many_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="many vectors"):
        run_recipe("query_adapter", variant="small", out=tmp_path, encoder="minilm-tokens")


@pytest.mark.slow
def test_the_file_is_taken_by_the_encoder_that_it_was_trained_for(tmp_path: Path) -> None:
    steps = {"max_steps": 40, "save_steps": 40, "learning_rate": 0.02}
    report = run_recipe("query_adapter", variant="small", out=tmp_path / "run", trainer=steps)
    assert report.after["loss"] < report.before["loss"]
    info = MiniLM().info
    adapter = load_query_adapter(str(tmp_path / "run" / "adapter.safetensors"), info)
    assert adapter is not None and adapter.down.shape == (4, 384)
    assert np.abs(adapter.up).max() > 0
