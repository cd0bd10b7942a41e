"""IDCM: the layout of the released weights on a shrunk DistilBERT, and what one that was trained here does."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mmrank.errors import InputError, MmrankError
from mmrank.rerankers import load_reranker
from mmrank.rerankers.idcm_network import load_idcm, released, save_idcm
from mmrank.rerankers.minilm_bert import bert_tokenizer
from mmrank.types import Candidate, Part, PartKind, Query

MEANS = (1.0, 0.9, 0.7, 0.5, 0.3, 0.1, -0.1, -0.3, -0.5, -0.7, -0.9)
WORDS = "harbour bridge engine net sales rose fell in the of a old new lamp report page ship winter".split()
CONFIG = {
    "architectures": ["IDCM_InferenceOnly"],
    "bert_model": "distilbert-base-uncased",
    "chunk_size": 50,
    "overlap": 7,
    "padding_idx": 0,
    "sample_context": "ck",
    "sample_n": 4,
    "top_k_chunks": 3,
}


def distilbert() -> Any:
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    return DistilBertModel(
        DistilBertConfig(
            dim=24, hidden_dim=48, n_layers=2, n_heads=4, initializer_range=0.3, attn_implementation="eager"
        )
    ).eval()


def authors_state(body: Any, kind: str) -> dict[str, Tensor]:
    """A state dict of the released layout: names and shapes as the authors' class has them."""
    draw = torch.Generator().manual_seed(1)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw) * 0.5

    narrow = {"ck": (24, 24), "ck-small": (384, 128)}[kind]
    state = {f"bert_model.{name}": value.clone() for name, value in body.state_dict().items()}
    if kind == "ck-small":
        state |= {"sample_projector.weight": drawn(384, 24), "sample_projector.bias": drawn(384)}
    return state | {
        "_classification_layer.weight": drawn(1, 24),
        "_classification_layer.bias": drawn(1),
        "top_k_scoring": torch.tensor([[0.9, 0.5, 0.2]]),
        "sample_cnn3.1.weight": drawn(narrow[1], narrow[0], 3),
        "sample_cnn3.1.bias": drawn(narrow[1]),
        "sampling_binweights.weight": drawn(1, 11) * 0.1,
        "sampling_binweights.bias": drawn(1),
        "kernel_alpha_scaler": drawn(1, 1, 11).exp(),
        "mu": torch.tensor(MEANS).view(1, 1, 1, -1),
        "sigma": torch.full((1, 1, 1, 11), 0.1),
    }


@pytest.fixture(scope="module", params=["ck", "ck-small"])
def authors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any, dict]:
    """The folder of the weights, that of the encoder's config and tokenizer, and both models' tensors."""
    folder, encoder = tmp_path_factory.mktemp("released"), tmp_path_factory.mktemp("distilbert")
    body = distilbert()
    state = authors_state(body, request.param)
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**CONFIG, "sample_context": request.param}))
    body.config.save_pretrained(encoder)
    bert_tokenizer().save_pretrained(encoder)
    return folder, encoder, body, state


def published(body: Any, state: dict[str, Tensor], query: str, text: str, keep: int) -> tuple[float, list[int]]:
    """The score of one document and the windows chosen, token by token, from the paper's description alone."""
    tokenizer = bert_tokenizer()
    asked = tokenizer(query, truncation=True, max_length=30)["input_ids"]
    ids = tokenizer(text, truncation=True, max_length=2000)["input_ids"][1:]
    windows = [
        [ids[at] if 0 <= at < len(ids) else 0 for at in range(begin - 7, begin + 57)]
        for begin in range(0, len(ids), 50)
    ]

    def convolved(tokens: list[int]) -> list[Tensor]:
        rows = body.embeddings(torch.tensor([tokens]))[0]
        if "sample_projector.weight" in state:
            rows = rows @ state["sample_projector.weight"].T + state["sample_projector.bias"]
        found = []
        for at in range(len(rows)):
            value = state["sample_cnn3.1.bias"].clone()
            for tap in range(3):
                if at + tap < len(rows):
                    value += state["sample_cnn3.1.weight"][:, :, tap] @ rows[at + tap]
            value = value.clamp(min=0)
            found.append(value / max(float(value.norm()), 1e-12))
        return found

    cheap, expensive = [], []
    first = torch.stack(convolved(asked))
    for window in windows:
        cosines = (first @ torch.stack(convolved(window)).T)[:, [i for i, token in enumerate(window) if token]]
        features = torch.zeros(11)
        for k, mean in enumerate(MEANS):
            soft = torch.exp(-((cosines - mean) ** 2) / (2 * 0.1**2)).sum(1) * state["kernel_alpha_scaler"][0, 0, k]
            features[k] = sum(math.log(max(float(value), 1e-4)) for value in soft)
        cheap.append(float(state["sampling_binweights.weight"][0] @ features + state["sampling_binweights.bias"][0]))
        row = torch.tensor([asked + window])
        vector = body(input_ids=row, attention_mask=(row != 0).long()).last_hidden_state[0, 0]
        expensive.append(float(state["_classification_layer.weight"][0] @ vector + state["_classification_layer.bias"]))
    chosen = sorted(range(len(windows)), key=lambda i: -cheap[i])[: keep or None]
    best = sorted((expensive[i] for i in chosen), reverse=True)[:3]
    return sum(w * s for w, s in zip((0.9, 0.5, 0.2), best, strict=False)), chosen


def documents(count: int) -> list[str]:
    draw = torch.Generator().manual_seed(2)
    lengths = [1, 49, 50, 51, 120, 160, 230, 410][:count]
    return [" ".join(WORDS[int(torch.randint(len(WORDS), (1,), generator=draw))] for _ in range(n)) for n in lengths]


def candidates(texts: list[str]) -> list[Candidate]:
    return [Candidate(str(i), (Part(PartKind.TEXT, text, ()),), 0.0) for i, text in enumerate(texts)]


@pytest.mark.parametrize("keep", [None, 1, 0])
def test_released_weights_score_as_published(authors: tuple[Path, Path, Any, dict], keep: int | None) -> None:
    folder, encoder, body, state = authors
    reranker = load_reranker(f"idcm:{folder}", encoder=str(encoder), keep=keep, device="cpu", dtype="float32", batch=3)
    texts = documents(8)
    ranking = reranker.rerank(Query("where did net sales of the bridge fall"), candidates(texts))
    with torch.no_grad():
        wanted = [
            published(body, state, "where did net sales of the bridge fall", t, 4 if keep is None else keep)
            for t in texts
        ]
    found = {item.candidate.id: item.score for item in ranking.items}
    assert [found[str(i)] for i in range(len(texts))] == pytest.approx([score for score, _ in wanted], abs=2e-5)
    assert ranking.calls == sum(len(chosen) for _, chosen in wanted)
    assert all(item.reasoning and item.reasoning in item.candidate.text for item in ranking.items)


def test_weights_go_through_the_released_layout_unchanged(
    authors: tuple[Path, Path, Any, dict], tmp_path: Path
) -> None:
    folder, encoder, _, state = authors
    network, tokenizer = load_idcm(folder, encoder=str(encoder))
    again = released(network)
    lost = {"mu", "sigma", "sampling_binweights.bias"}
    assert again.keys() == state.keys() - {"mu", "sigma"}
    assert all(torch.equal(again[name], state[name]) for name in again.keys() - lost)
    save_idcm(tmp_path / "ours", network, tokenizer)
    assert load_idcm(tmp_path / "ours")[0].cascade == network.cascade  # mode official is kept


def released_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of what the authors released: their class over distilbert-base-uncased."""
    ffn = {"ffn.lin1.weight": (3072, 768), "ffn.lin1.bias": (3072,), "ffn.lin2.weight": (768, 3072)}
    layer: dict[str, tuple[int, ...]] = {**ffn, "ffn.lin2.bias": (768,)}
    for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
        layer |= {f"attention.{part}.weight": (768, 768), f"attention.{part}.bias": (768,)}
    for part in ("sa_layer_norm", "output_layer_norm"):
        layer |= {f"{part}.weight": (768,), f"{part}.bias": (768,)}
    body = {
        "embeddings.word_embeddings.weight": (30522, 768),
        "embeddings.position_embeddings.weight": (512, 768),
        "embeddings.LayerNorm.weight": (768,),
        "embeddings.LayerNorm.bias": (768,),
        **{f"transformer.layer.{number}.{name}": shape for number in range(6) for name, shape in layer.items()},
    }
    return {f"bert_model.{name}": shape for name, shape in body.items()} | {
        "_classification_layer.weight": (1, 768),
        "_classification_layer.bias": (1,),
        "top_k_scoring": (1, 3),
        "sample_cnn3.1.weight": (768, 768, 3),
        "sample_cnn3.1.bias": (768,),
        "sampling_binweights.weight": (1, 11),
        "sampling_binweights.bias": (1,),
        "kernel_alpha_scaler": (1, 1, 11),
        "mu": (1, 1, 1, 11),
        "sigma": (1, 1, 1, 11),
    }


def test_a_file_of_the_released_names_and_sizes_is_loaded_whole(tmp_path: Path) -> None:
    from transformers import DistilBertConfig

    draw = torch.Generator().manual_seed(3)
    state = {
        name: torch.randint(-8, 9, shape, generator=draw, dtype=torch.int8).half() / 64
        for name, shape in released_shapes().items()
    }
    state["bert_model.embeddings.position_ids"] = torch.arange(512)[None]  # transformers wrote these, once
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    DistilBertConfig().save_pretrained(tmp_path / "distilbert")
    bert_tokenizer().save_pretrained(tmp_path / "distilbert")
    network, _ = load_idcm(tmp_path, encoder=str(tmp_path / "distilbert"))
    again = released(network)
    given = state.keys() - {"mu", "sigma", "sampling_binweights.bias", "bert_model.embeddings.position_ids"}
    assert again.keys() - {"sampling_binweights.bias"} == given
    assert all(torch.equal(again[name], state[name].float()) for name in given)


def test_what_is_missing_or_does_not_fit_is_named(authors: tuple[Path, Path, Any, dict], tmp_path: Path) -> None:
    folder, encoder, _, state = authors
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(InputError, match="idcm needs a cascade"):
        load_reranker("idcm")
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(MmrankError, match="is pickled, and mmrank reads safetensors only"):
        load_reranker(f"idcm:{tmp_path}", encoder=str(encoder))
    save_file(torch.load(tmp_path / "pytorch_model.bin", weights_only=True), tmp_path / "model.safetensors")
    with pytest.raises(MmrankError, match=r"distilbert-base-uncased, which is not on this machine; .*encoder="):
        load_reranker(f"idcm:{tmp_path}")
    load_reranker(f"idcm:{tmp_path}", encoder=str(encoder))
    save_file({name: value for name, value in state.items() if name != "top_k_scoring"}, tmp_path / "model.safetensors")
    with pytest.raises(MmrankError, match="holds no cascade: 'top_k_scoring' is missing"):
        load_reranker(f"idcm:{tmp_path}", encoder=str(encoder))
    save_file(state | {"_classification_layer.weight": torch.zeros(1, 9)}, tmp_path / "model.safetensors")
    with pytest.raises(MmrankError, match=r"does not fit .*: 1 tensors differ, such as head.weight"):
        load_reranker(f"idcm:{tmp_path}", encoder=str(encoder))
    for change, said in (
        ({"sample_context": "tk"}, "ck or ck-small, but tk"),
        ({"chunk_size": 0}, "chunk_size must be"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **change}))
        with pytest.raises(MmrankError, match=said):
            load_reranker(f"idcm:{tmp_path}", encoder=str(encoder))
