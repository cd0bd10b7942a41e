"""IDCM, third step: a cheap selector learns from a frozen expensive model which windows of a document matter."""

from __future__ import annotations

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
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers import ranks
from mmrank.train.trainers.arguments import common_arguments
from mmrank.train.trainers.grouped import Row, ungroup
from mmrank.train.trainers.run_folder import METRICS, JsonLines, checkpoint_to_resume
from mmrank.train.trainers.settings import RecipeConfig
from mmrank.train.trainers.teachers import load_teacher, with_teacher


class IdcmConfig(RecipeConfig):
    """See idcm.yaml."""

    teacher: str = Field(
        "maxsim", description="the expensive model: maxsim, likelihood, an adapter.safetensors, a folder or a hub name"
    )
    document_tokens: int = Field(2000, ge=50, description="what is read of a document")
    window: int = Field(50, ge=4, description="tokens per window")
    overlap: int = Field(7, ge=0, description="tokens that a window shares with each neighbour")
    keep: int = Field(4, ge=1, description="windows the selector keeps")
    best: int = Field(3, ge=1, description="windows of the expensive model that the selector should find")
    narrow: tuple[int, int] | None = None


def train(config: IdcmConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Score all windows once with the teacher, train the selector, and write `selector.safetensors`."""
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
    if ranks.writes():
        save_file(
            {name: value.contiguous() for name, value in model.network.state_dict().items()},
            out / "selector.safetensors",
        )
    return TrainingReport("idcm", out, before, after)


def windowed(examples: Sequence[RankingExample], config: IdcmConfig, out: Path) -> list[dict[str, Any]]:
    """`query` (token ids), `windows` (token ids each) and `teacher` (one score per window) for each question.

    A document is all passages of an example's group. One that has no more windows than the selector keeps is left out.

    Raises:
        InputError: when no document is left.
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
    groups: list[Row] = []
    for example in examples:
        if len(cut[example.group]) > config.keep:
            texts = [tokenizer.decode([i for i in window if i]) for window in cut[example.group]]
            groups.append({"query": example.query, "candidates": texts, "windows": cut[example.group]})
    if not groups:
        raise InputError(f"no document has more than {config.keep} windows; make documents longer or windows smaller")
    return [
        {
            "query": tokenizer.encode(row["query"], add_special_tokens=False)[:QUERY_TOKENS],
            "windows": row["windows"],
            "teacher": row["teacher"],
        }
        for row in with_teacher(groups, load_teacher(config.teacher), out / "teacher.jsonl")
    ]


def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """`query` (batch, tokens), `windows` (all windows, tokens), `teacher` and `mask` (batch, windows)."""
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
    """The selector over a frozen embedding layer; its output holds the loss, as transformers' trainer wants it."""

    def __init__(self, config: IdcmConfig) -> None:
        super().__init__()
        self.keep = config.keep
        self.embeddings = bert_model().embeddings.requires_grad_(False)
        self.network = CKNetwork(self.embeddings.word_embeddings.embedding_dim, narrow=config.narrow)

    def forward(self, query: Tensor, windows: Tensor, mask: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """`loss`, and `scores` (batch, windows)."""
        of = mask.nonzero()[:, 0]  # (all windows,): the question of each window
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
    """Share of the teacher's best windows among those kept: by the selector, the first ones, and random ones."""
    model.eval()
    rng = random.Random(seed)
    kept = {"selector": 0.0, "first": 0.0, "random": 0.0}
    for row in rows:
        batch = {name: value.to(next(model.parameters()).device) for name, value in collate([row]).items()}
        count = len(row["windows"])
        best = set(sorted(range(count), key=lambda i: -row["teacher"][i])[: config.best])
        picks = {
            "selector": set(model(**batch)["scores"][0].topk(config.keep).indices.tolist()),
            "first": set(range(config.keep)),
            "random": set(rng.sample(range(count), config.keep)),
        }
        for name, pick in picks.items():
            kept[name] += len(best & pick) / len(best)
    return {f"{name} coverage": value / len(rows) for name, value in kept.items()}
