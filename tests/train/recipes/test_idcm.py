"""IDCM trained whole: the weights of the best scores learn, what comes out ranks, and a cascade is trained on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.append(str(Path(__file__).parent.parent))
pytest.importorskip("trl")

import shrunk

from mmrank.errors import InputError
from mmrank.rerankers import load_reranker
from mmrank.rerankers.idcm_network import Cascade, IdcmNetwork, load_idcm
from mmrank.train.data.examples import RankingExample, write_examples
from mmrank.train.loading import run_recipe
from mmrank.train.trainers.windows import WholeDocuments, WindowScorer, document_groups, first_above_others
from mmrank.types import Candidate, Part, PartKind, Query

STEPS = {"max_steps": 3, "batch": 4, "bf16": False, "save_steps": 3, "log_steps": 1, "learning_rate": 1e-3}
SIZES = {"window": 4, "overlap": 1, "keep": 2, "best": 2, "document_tokens": 50}


def example(query: str, answer: str, other: str, group: str) -> RankingExample:
    return RankingExample(query, (answer,), (other,), group)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Documents that are given whole."""
    folder = tmp_path_factory.mktemp("documents")
    made = {}
    for side in ("examples", "held_out"):
        texts = {thing: f"{side} " + f"the {thing} is old and the ship is new " * 3 for thing in ("anchor", "bridge")}
        rows = [
            example(f"where is the {a}", texts[a], texts[b], f"{side} {a}")
            for a, b in (("anchor", "bridge"), ("bridge", "anchor"))
        ]
        made[side] = str(folder / f"{side}.jsonl")
        write_examples(Path(made[side]), rows * (4 if side == "examples" else 1))
    return made


@pytest.mark.slow
def test_a_cascade_is_trained_used_and_trained_on(files: dict[str, str], tmp_path: Path) -> None:
    base = str(shrunk.distilbert(tmp_path / "bert"))
    settings: dict[str, Any] = {"source": files, "documents": "given", "trainer": STEPS, **SIZES}
    first = run_recipe("idcm", base=base, expensive=STEPS, stages=["documents"], out=tmp_path / "one", **settings)
    assert set(first.after) == {"document loss", "document recall", "document mrr"}
    network, _ = load_idcm(tmp_path / "one" / "model")
    fresh = torch.ones(2)
    assert not torch.allclose(network.weights, fresh, atol=0.05)  # a hundred times faster than the model
    second = run_recipe(
        "idcm", base=str(tmp_path / "one" / "model"), stages=["selector"], out=tmp_path / "two", **settings
    )
    assert "selector coverage" in second.after
    again, _ = load_idcm(tmp_path / "two" / "model")
    assert torch.equal(again.weights, network.weights)
    assert all(torch.equal(a, b) for a, b in zip(again.encoder.parameters(), network.encoder.parameters(), strict=True))
    assert not torch.equal(again.selector.convolution.weight, network.selector.convolution.weight)
    texts = ["the anchor is old", "the bridge is new " * 5]
    candidates = [Candidate(str(i), (Part(PartKind.TEXT, text, ()),), 0.0) for i, text in enumerate(texts)]
    ranking = load_reranker(f"idcm:{tmp_path / 'two' / 'model'}").rerank(Query("where is the anchor"), candidates)
    assert {item.candidate.id for item in ranking.items} == {"0", "1"}


def test_documents_that_answer_rise_by_training_alone() -> None:
    """Sixty steps on the real class, shrunk, by the stage's own scorer and loss."""
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    body = DistilBertModel(DistilBertConfig(vocab_size=40, dim=16, hidden_dim=32, n_layers=1, n_heads=2, dropout=0.0))
    network = IdcmNetwork(body, Cascade(keep=2, best=2, window=4, overlap=1))
    model, scorer = WholeDocuments(network), WindowScorer(0)
    draw = torch.Generator().manual_seed(0)

    def row() -> dict[str, Any]:
        thing = int(torch.randint(4, (1,), generator=draw))
        windows = torch.randint(10, 40, (2, 3, 6), generator=draw)
        windows[0, int(torch.randint(3, (1,), generator=draw)), 2] = 5 + thing
        windows[1, 1, 2] = 9
        windows[1, 2, 5:] = 0
        return {"query": [1, 5 + thing, 2], "candidates": [[tuple(w) for w in each] for each in windows.tolist()]}

    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        batch = scorer.collate([row() for _ in range(16)])
        loss = first_above_others(scorer.scores(model, batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_a_missing_window_counts_nothing_and_padding_of_the_batch_changes_nothing() -> None:
    network = IdcmNetwork.__new__(IdcmNetwork)
    torch.nn.Module.__init__(network)
    network.cascade = Cascade(best=3)
    network.weights = torch.nn.Parameter(torch.tensor([1.0, 0.5, 0.25]))
    scores = torch.tensor([[-2.0, -1.0, 0.0, 0.0], [4.0, -8.0, 2.0, 1.0]])
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    assert network.combined(scores, mask).tolist() == pytest.approx([-1.0 - 1.0, 4.0 + 1.0 + 0.25])
    assert network.combined(scores[:1, :2], mask[:1, :2]).tolist() == pytest.approx([-2.0])


def test_other_documents_are_those_with_the_question_s_words() -> None:
    examples = [
        example(f"what of topic{n}", f"topic{n} is said", f"topic{n // 2} too", f"group {n}") for n in range(40)
    ]
    for query, names in document_groups(examples, "joined", others=2, seed=0):
        assert names[0] == f"group {query.removeprefix('what of topic')}"
        assert len(set(names)) == 3
    with pytest.raises(InputError, match="all examples are of one document"):
        document_groups([example("a", "b", "c", "one")], "joined", others=1, seed=0)
