"""IDCM's third step: the cheap selector learns from a frozen expensive model which windows of a document matter."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer, TrainingArguments

from mmrank.errors import InputError
from mmrank.rerankers.ck import QUERY_TOKENS, windows_of
from mmrank.rerankers.minilm_bert import bert_model, bert_tokenizer
from mmrank.rerankers.selector import CKNetwork
from mmrank.train.data.examples import RankingExample
from mmrank.train.objectives.selector import lambda_loss, selection_gains
from mmrank.train.recipes.config import RecipeConfig
from mmrank.train.recipes.grouped import ungroup
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source
from mmrank.train.recipes.teachers import load_teacher
from mmrank.train.recipes.trainer import METRICS, JsonLines, checkpoint_to_resume, common_arguments


class IdcmConfig(RecipeConfig):
    """See idcm.yaml."""

    source: Source = Source()
    teacher: str = Field("maxsim", description="the expensive model (ETM), frozen")
    document_tokens: int = Field(2000, ge=50)
    window: int = Field(50, ge=4)
    overlap: int = Field(7, ge=0)
    keep: int = Field(4, ge=1, description="windows the selector passes on")
    best: int = Field(3, ge=1, description="windows the expensive model's score is made of")
    narrow: tuple[int, int] | None = None


def train(config: IdcmConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Score all windows once by the teacher, train the selector, and write `selector.safetensors`."""
    examples, held_out = config.source.read()
    rows, tests = windowed(examples, config, out), windowed(held_out, config, out)
    last = checkpoint_to_resume(out, resume)
    torch.manual_seed(config.trainer.seed)
    model = SelectorModel(config)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            **common_arguments(config.trainer, out), remove_unused_columns=False, label_names=["teacher"]
        ),
        train_dataset=rows,
        data_collator=collate,
        callbacks=[JsonLines(out / METRICS)],
    )
    before = coverage(model, tests, config, seed=config.trainer.seed)
    trainer.train(resume_from_checkpoint=last)
    after = coverage(model, tests, config, seed=config.trainer.seed)
    save_file(
        {name: value.contiguous() for name, value in model.network.state_dict().items()}, out / "selector.safetensors"
    )
    return TrainingReport("idcm", out, before, after)


def windowed(examples: Sequence[RankingExample], config: IdcmConfig, out: Path) -> list[dict[str, Any]]:
    """`query` (ids), `windows` (ids each), `teacher` (score each); a document is all passages of an example's group.

    Documents of fewer windows than the selector keeps are left out: there is nothing to select.

    Raises:
        InputError: when none is left.
    """
    tokenizer = bert_tokenizer()
    documents: dict[str, dict[str, None]] = {}
    for example in examples:
        documents.setdefault(example.group, {}).update(dict.fromkeys((*example.positives, *example.negatives)))
    cut: dict[str, list[tuple[int, ...]]] = {}
    for group, passages in documents.items():
        ordered = sorted(passages)
        ids = tokenizer.encode(" ".join(ordered), add_special_tokens=False)[: config.document_tokens]
        cut[group] = windows_of(ids, size=config.window, overlap=config.overlap)
    teacher = load_teacher(config.teacher)
    cache = out / "teacher.jsonl"
    cache.parent.mkdir(parents=True, exist_ok=True)
    known = {}
    if cache.is_file():
        known = {(e["group"], e["query"]): e["scores"] for e in map(json.loads, cache.read_text("utf-8").splitlines())}
    rows = []
    with cache.open("a", encoding="utf-8") as file:
        for example in examples:
            windows = cut[example.group]
            if len(windows) <= config.keep:
                continue
            key = (f"{teacher.name}/{example.group}", example.query)
            if key not in known:
                texts = [tokenizer.decode([i for i in window if i]) for window in windows]
                known[key] = teacher.score(example.query, texts)
                file.write(json.dumps({"group": key[0], "query": key[1], "scores": known[key]}) + "\n")
            asked = tokenizer.encode(example.query, add_special_tokens=False)[:QUERY_TOKENS]
            rows.append({"query": asked, "windows": windows, "teacher": known[key]})
    if not rows:
        raise InputError(f"no document has more than {config.keep} windows; make documents longer or windows smaller")
    return rows


def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """query (batch, tokens), windows (all windows, tokens), teacher and mask (batch, windows)."""
    counts = torch.tensor([len(row["windows"]) for row in rows])
    mask = torch.arange(int(counts.max())) < counts[:, None]
    flat = torch.tensor([score for row in rows for score in row["teacher"]])
    return {
        "query": pad_sequence([torch.tensor(row["query"]) for row in rows], batch_first=True),
        "windows": torch.tensor([window for row in rows for window in row["windows"]]),
        "mask": mask,
        "teacher": ungroup(flat[:, None], mask)[..., 0],
    }


class SelectorModel(nn.Module):
    """The trained network over a frozen embedding layer; its output carries the loss, as transformers' trainer asks."""

    def __init__(self, config: IdcmConfig) -> None:
        super().__init__()
        self.keep = config.keep
        self.embeddings = bert_model().embeddings.requires_grad_(False)
        self.network = CKNetwork(self.embeddings.word_embeddings.embedding_dim, narrow=config.narrow)

    def forward(self, query: Tensor, windows: Tensor, mask: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """Loss, and scores (batch, windows)."""
        of = mask.nonzero()[:, 0]  # (all windows,): whose window it is
        with torch.no_grad():
            self.embeddings.eval()
            asked, shown = self.embeddings(query)[of], self.embeddings(windows)
        flat = self.network(asked, (query != 0)[of], shown, windows != 0)
        scores = ungroup(flat.float()[:, None], mask)[..., 0]
        loss = lambda_loss(scores, selection_gains(teacher, mask, self.keep), mask) / len(query)
        return {"loss": loss, "scores": scores}


@torch.inference_mode()
def coverage(
    model: SelectorModel, rows: Sequence[Mapping[str, Any]], config: IdcmConfig, *, seed: int
) -> dict[str, float]:
    """Share of the teacher's best windows among those kept: by the selector, by the first ones, by chance."""
    model.eval()
    chance = random.Random(seed)
    kept = {"selector": 0.0, "first": 0.0, "random": 0.0}
    for row in rows:
        batch = {name: value.to(next(model.parameters()).device) for name, value in collate([row]).items()}
        count = len(row["windows"])
        best = set(sorted(range(count), key=lambda i: -row["teacher"][i])[: config.best])
        picks = {
            "selector": set(model(**batch)["scores"][0].topk(config.keep).indices.tolist()),
            "first": set(range(config.keep)),
            "random": set(chance.sample(range(count), config.keep)),
        }
        for name, pick in picks.items():
            kept[name] += len(best & pick) / len(best)
    return {f"{name} coverage": value / len(rows) for name, value in kept.items()}
