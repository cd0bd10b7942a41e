"""One run of each kind of training: what it should raise rises."""

from __future__ import annotations

import importlib
import json
import math
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from gpu_checks.made import Drawing, Figures, colour, require, saved


def _run(recipe: str, device: str, **settings: Any) -> tuple[Any, Path]:
    from mmrank.train.loading import run_recipe

    _only(device)
    out = Path(tempfile.mkdtemp(prefix="mmrank-gpu-check-")) / recipe
    return run_recipe(recipe, out=out, **settings), out


def _only(device: str) -> None:
    """The trainers take the GPU where there is one; without one asked for, there is none."""
    import os

    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _losses(out: Path) -> list[float]:
    return [row["loss"] for path in out.rglob("metrics.jsonl") for row in map(json.loads, path.open()) if "loss" in row]


def sft(device: str) -> Figures:
    """Imitation: a tiny Llama learns to answer in the form of Rank-R1."""
    report, out = _run(
        "rank_r1",
        device,
        variant="toy",
        source={"toy": 600, "held_out_limit": 40},
        stages=["sft"],
        sft={"max_steps": 60, "save_steps": 60, "log_steps": 10, "bf16": device != "cpu"},
    )
    losses = _losses(out)
    figures = {"before": dict(report.before), "after": dict(report.after), "losses": losses}
    require(losses[-1] < 0.5 * losses[0], "the loss did not halve", figures)
    return figures


def grpo(device: str) -> Figures:
    """Reinforcement: a tiny Llama learns to answer 0 or 1 and nothing else (ProRank's warm-up)."""
    report, _ = _run(
        "prorank",
        device,
        variant="toy",
        source={"toy": 400, "held_out_limit": 24},
        warmup={"max_steps": 30, "learning_rate": 3e-3, "save_steps": 30, "log_steps": 10, "bf16": device != "cpu"},
        trainer={"max_steps": 20, "save_steps": 20, "log_steps": 10, "bf16": device != "cpu"},
    )
    figures = {"before": dict(report.before), "after": dict(report.after)}
    require(report.before["warm_form"] > report.before["form"] + 0.2, "the form did not improve", figures)
    return figures


def contrastive(device: str) -> Figures:
    """Contrast: a shrunk Qwen2.5-VL learns which drawing a question asks for."""
    import torch

    from mmrank.encoders import load_encoder
    from mmrank.train.trainers.batch_contrast import train_encoder
    from mmrank.train.trainers.settings import TrainerSettings
    from mmrank.types import Part, PartKind, Passage

    _only(device)
    torch.manual_seed(0)
    encoder: Any = load_encoder(
        str(saved("qwen2_5_vl")), device=device, dtype="float32", max_tokens=200, max_pixels=3136
    )
    rows = []
    for page in range(240):
        part = Part(PartKind.IMAGE, "", (), Drawing("", page))
        known = [f"page {other}" for other in range(240) if colour(other) == colour(page)]
        shown = Passage(f"page {page}", "", page, 0, (part,), (), ())
        rows.append({"query": f"the {colour(page)} circle", "passages": [shown], "known": known})
    out = Path(tempfile.mkdtemp(prefix="mmrank-gpu-check-")) / "contrastive"
    before, after = train_encoder(
        encoder,
        rows,
        rows[:48],
        settings=TrainerSettings(
            batch=6, max_steps=60, learning_rate=3e-3, save_steps=60, log_steps=10, bf16=device != "cpu"
        ),
        out=out,
        keep_inputs=True,
    )
    figures = {"before": before, "after": after, "losses": _losses(out)}
    require(after["mrr"] > before["mrr"] + 0.05, "the reciprocal rank did not rise", figures)
    return figures


def recipe(name: str, device: str) -> Figures:
    """Three steps of a recipe on the shrunk class of its paper's model, resumed once, with pictures."""
    import sys

    _only(device)
    sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "train"))
    import shrunk

    from mmrank.train.loading import RECIPES, run_recipe

    folder = Path(tempfile.mkdtemp(prefix="mmrank-gpu-check-"))
    [run] = [one for one in shrunk.runs(folder, bf16=device != "cpu", drawn=False) if Path(one["out"]).name == name]
    made, out = run.pop("recipe"), Path(run.pop("out"))
    importlib.import_module(f"mmrank.train.recipes.{made}")
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("mmrank.train") and hasattr(module, "page_picture"):
            module.page_picture = _drawn
    assert made in RECIPES
    report = run_recipe(made, out=out, **run)
    stopped = shrunk.stop_short(out)
    again = run_recipe(made, out=out, resume=True, **run)
    figures = {"after": dict(report.after), "resumed": dict(again.after), "stages": stopped, "losses": _losses(out)}
    require(stopped > 0, "nothing was saved", figures)
    require(all(map(math.isfinite, figures["losses"])), "a loss is not a number", figures)
    return figures


def _drawn(text: str) -> Drawing:
    return Drawing("", int(text.rpartition("=")[2]))


RECIPE_RUNS = (
    "contrastive",
    "mm_r5",
    "rank_r1",
    "prorank",
    "sft_vs_cl",
    "dear",
    "dear_stage_2",
    "likelihood",
    "identify",
    "idcm",
    "pointwise",
    "late_interaction",
    "query_adapter",
    "token_weights",
)
CHECKS = {
    "sft": sft,
    "grpo": grpo,
    "contrastive": contrastive,
    **{f"recipes.{name}": partial(recipe, name) for name in RECIPE_RUNS},
}
