"""IDCM: an expensive model scores documents by their best windows, and a cheap one learns which windows those are."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer, TrainingArguments

from mmrank.errors import InputError
from mmrank.rerankers.ck import QUERY_TOKENS, windows_of
from mmrank.rerankers.idcm_network import WEIGHTS, Cascade, IdcmNetwork, is_idcm, load_idcm, save_idcm
from mmrank.rerankers.minilm_bert import bert_model, bert_tokenizer
from mmrank.rerankers.selector import CKNetwork
from mmrank.train.data.examples import RankingExample
from mmrank.train.objectives.selector import lambda_loss, selection_gains
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers import ranks
from mmrank.train.trainers.arguments import common_arguments, splits
from mmrank.train.trainers.grouped import Row, fit, ungroup
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.run_folder import METRICS, JsonLines, checkpoint_to_resume, resumes_stage
from mmrank.train.trainers.settings import RecipeConfig, TrainerSettings
from mmrank.train.trainers.teachers import load_teacher, with_teacher
from mmrank.train.trainers.windows import (
    Documents,
    WholeDocuments,
    WindowReader,
    WindowScorer,
    document_rows,
    document_texts,
    first_above_others,
)

Stage = Literal["documents", "selector"]
OWN = "own"


class IdcmConfig(RecipeConfig):
    """See idcm.yaml."""

    base: str = Field(
        "minilm",
        description="the expensive model: minilm, tiny (a few random weights), a folder or hub name of a model like"
        " BERT, or of a cascade that this recipe or the paper's authors made",
    )
    stages: list[Stage] = Field(["documents", "selector"], min_length=1)
    teacher: str = Field(
        OWN,
        description="what the selector learns from: own, the expensive model of this run; or maxsim, likelihood, an "
        "adapter.safetensors, a folder or a hub name of a cross-encoder",
    )
    documents: Documents = Field(
        "joined", description="joined: all passages of a group are one document; given: each candidate is a document"
    )
    others: int = Field(1, ge=1, description="documents per question that do not answer it, in the stage documents")
    document_tokens: int = Field(2000, ge=50, description="what is read of a document")
    window: int = Field(50, ge=4, description="tokens per window")
    overlap: int = Field(7, ge=0, description="tokens that a window shares with each neighbour")
    keep: int = Field(4, ge=1, description="windows the selector keeps")
    best: int = Field(
        3, ge=1, description="windows whose scores are combined, and which the selector should find, at most `keep`"
    )
    narrow: tuple[int, int] | None = None
    weights_rate: float = Field(
        100.0, gt=0, description="learning rate of the scores' weights, as a multiple of that of the expensive model"
    )
    expensive: TrainerSettings = TrainerSettings()


def train(config: IdcmConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train; writes the folder `model`, or `selector.safetensors` where another teacher is named.

    Raises:
        InputError: for stages and a teacher that do not go together.
    """
    if config.best > config.keep:
        raise InputError(f"best ({config.best}) cannot be more than the {config.keep} windows that are kept")
    examples, held_out = config.source.read()
    torch.manual_seed(config.trainer.seed)
    if config.teacher != OWN:
        if config.stages != ["selector"]:
            raise InputError("a teacher other than own trains the selector alone: stages: [selector]")
        model = SelectorModel(bert_model().embeddings, _fresh_selector(config), config.keep)
        rows, tests = (foreign_rows(each, config, out) for each in (examples, held_out))
        before, after = train_selector(model, rows, tests, config, out, resume)
        if ranks.writes():
            state = {name: value.contiguous() for name, value in model.network.state_dict().items()}
            save_file(state, out / "selector.safetensors")
        return TrainingReport("idcm", out, before, after)
    network, tokenizer = cascade(config)
    network.to(ranks.device())
    reader = WindowReader(tokenizer, network.cascade, config.document_tokens)
    before, after = {}, {}
    if "documents" in config.stages:
        before, after = train_documents(network, reader, examples, held_out, config, out, resume)
        keep_cascade(out / "model", network, tokenizer)
    if "selector" in config.stages:
        folder = out / "selector"
        if "documents" not in config.stages:
            keep_cascade(out / "model", network, tokenizer)
        rows, tests = (own_rows(each, network, reader, config, out) for each in (examples, held_out))
        model = SelectorModel(network.encoder.embeddings, network.selector, config.keep, network.cascade.padding)
        first, last = train_selector(model, rows, tests, config, folder, resumes_stage(folder, resume))
        before, after = {**before, **first}, {**after, **last}
        keep_cascade(out / "model", network, tokenizer)
    return TrainingReport("idcm", out, before, after)


def works(config: IdcmConfig) -> list[Work]:
    """The stage `documents`, for its plan; the selector trains in minutes.

    Raises:
        InputError: where the selector alone is trained, or the base is a cascade.
    """
    if "documents" not in config.stages:
        raise InputError("the selector trains in minutes and needs no plan; it is the stage documents that has one")
    if is_idcm(config.base):
        raise InputError(f"{config.base} is a cascade: for a plan, name the model like BERT that it is made of")
    examples, _ = config.source.read()
    tokenizer = tokenizer_of(config.base)
    numbers = Cascade(config.keep, config.best, config.window, config.overlap, tokenizer.pad_token_id or 0)
    reader = WindowReader(tokenizer, numbers, config.document_tokens)
    rows = document_rows(examples, reader, config.documents, others=config.others, seed=config.expensive.seed)
    width = config.window + 2 * config.overlap
    lengths = [sum(map(len, row["candidates"])) * (len(row["query"]) + width) for row in rows]
    longest = width + max(len(row["query"]) for row in rows)
    return [Work("documents", config.expensive, None, lengths, longest)]


def cascade(config: IdcmConfig) -> tuple[IdcmNetwork, Any]:
    """The cascade to begin with, and its tokenizer: one that is there, or a new one over the base model."""
    if config.base == "minilm":
        body, tokenizer = bert_model(), bert_tokenizer()
    elif config.base == "tiny":
        body, tokenizer = _tiny(), bert_tokenizer()
    elif is_idcm(config.base):
        return load_idcm(config.base)
    else:
        from transformers import AutoModel

        from mmrank.checkpoints import find_checkpoint, load_tokenizer, loading

        checkpoint = find_checkpoint(config.base)
        with loading(checkpoint):
            body = AutoModel.from_pretrained(
                checkpoint.source, dtype=torch.float32, use_safetensors=True, **checkpoint.options
            )
        tokenizer = load_tokenizer(checkpoint, body)
    if tokenizer.pad_token_id is None:
        raise InputError(f"{config.base} has no padding token; choose a model like BERT")
    numbers = Cascade(config.keep, config.best, config.window, config.overlap, tokenizer.pad_token_id)
    return IdcmNetwork(body, numbers, narrow=config.narrow), tokenizer


def train_documents(
    network: IdcmNetwork,
    reader: WindowReader,
    examples: Sequence[RankingExample],
    held_out: Sequence[RankingExample],
    config: IdcmConfig,
    out: Path,
    resume: bool,
) -> tuple[dict[str, float], dict[str, float]]:
    """Train the expensive model and the weights of its scores; the selector stays as it is."""
    folder, seed = out / "documents", config.expensive.seed
    network.selector.requires_grad_(False)
    model = WholeDocuments(network)
    before, after = fit(
        model,
        rows=document_rows(examples, reader, config.documents, others=config.others, seed=seed),
        held_out=document_rows(held_out, reader, config.documents, others=config.others, seed=seed),
        scorer=WindowScorer(network.cascade.padding),
        objective=first_above_others,
        settings=config.expensive,
        out=folder,
        baseline=config.measure.baseline,
        faster={"network.weights": config.weights_rate},
        resume=resumes_stage(folder, resume),
    )
    network.selector.requires_grad_(True)
    named = [{f"document {name}": value for name, value in each.items()} for each in (before, after)]
    return named[0], named[1]


def keep_cascade(folder: Path, network: IdcmNetwork, tokenizer: Any) -> None:
    """Write the folder, by one process; the others wait."""
    if ranks.writes():
        save_idcm(folder, network, tokenizer)
    ranks.wait()


def train_selector(
    model: SelectorModel,
    rows: Sequence[Row],
    tests: Sequence[Row],
    config: IdcmConfig,
    out: Path,
    resume: bool,
) -> tuple[dict[str, float], dict[str, float]]:
    """Train the selector; its coverage of the teacher's best windows before and after."""
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            **common_arguments(config.trainer, out), remove_unused_columns=False, label_names=["teacher"]
        ),
        train_dataset=list(rows),
        data_collator=lambda some: collate(some, model.padding),
        callbacks=[JsonLines(out / METRICS)],
    )
    last = checkpoint_to_resume(out, resume)
    measured = config.measure.baseline and not splits(config.trainer)
    before = coverage(model, tests, config, seed=config.trainer.seed) if measured else {}
    trainer.train(resume_from_checkpoint=last)
    return before, coverage(model, tests, config, seed=config.trainer.seed)


class OwnTeacher:
    """The expensive model of a cascade, as a teacher: texts are token ids.

    Args:
        network: on its device.
        name: tells its weights from others.
        batch: windows per forward pass.
    """

    def __init__(self, network: IdcmNetwork, name: str, batch: int = 64) -> None:
        self.name, self._network, self._batch = name, network.eval(), batch

    @torch.inference_mode()
    def score(self, query: str, candidates: Sequence[str]) -> list[float]:
        """See `Teacher`."""
        ids, windows = (torch.tensor([_numbers(text) for text in texts]) for texts in ([query], candidates))
        ids, windows = ids.to(self._network.weights.device), windows.to(self._network.weights.device)
        parts = [self._network.judge(ids.expand(len(some), -1), some) for some in torch.split(windows, self._batch)]
        return [float(value) for value in torch.cat(parts)]


def own_rows(
    examples: Sequence[RankingExample], network: IdcmNetwork, reader: WindowReader, config: IdcmConfig, out: Path
) -> list[Row]:
    """Rows as `collate` takes them: the windows of the documents that answer, scored by the cascade itself."""
    texts = document_texts(examples, config.documents)
    cut = {name: reader.windows(text) for name, text in texts.items()}
    asked = []
    for one in examples:
        windows = cut[one.group if config.documents == "joined" else one.positives[0]]
        if len(windows) > config.keep:
            query = reader.query(one.query)
            asked.append({"query": _spelt(query), "candidates": [_spelt(each) for each in windows], "windows": windows})
    weights = (out / "model" / WEIGHTS).read_bytes()
    scored = with_teacher(
        _some(asked, config), OwnTeacher(network, hashlib.sha256(weights).hexdigest()), out / "teacher.jsonl"
    )
    return [{**row, "query": _numbers(row["query"])} for row in scored]


def foreign_rows(examples: Sequence[RankingExample], config: IdcmConfig, out: Path) -> list[Row]:
    """The same by another teacher, which reads the words of windows of MiniLM's tokens."""
    tokenizer = bert_tokenizer()
    cut: dict[str, list[tuple[int, ...]]] = {}
    for name, text in document_texts(examples, config.documents).items():
        ids = tokenizer.encode(text, add_special_tokens=False)[: config.document_tokens]
        cut[name] = windows_of(ids, size=config.window, overlap=config.overlap)
    groups: list[Row] = []
    for one in examples:
        windows = cut[one.group if config.documents == "joined" else one.positives[0]]
        if len(windows) > config.keep:
            texts = [tokenizer.decode([i for i in window if i]) for window in windows]
            groups.append({"query": one.query, "candidates": texts, "windows": windows})
    scored = with_teacher(_some(groups, config), load_teacher(config.teacher), out / "teacher.jsonl")
    return [{**row, "query": tokenizer.encode(row["query"], add_special_tokens=False)[:QUERY_TOKENS]} for row in scored]


def collate(rows: Sequence[Row], padding: int = 0) -> dict[str, Tensor]:
    """`query` (batch, tokens), `windows` (all windows, tokens), `teacher` and `mask` (batch, windows)."""
    counts = torch.tensor([len(row["windows"]) for row in rows])
    mask = torch.arange(int(counts.max())) < counts[:, None]
    flat = torch.tensor([score for row in rows for score in row["teacher"]])
    asked = [torch.tensor(row["query"]) for row in rows]
    return {
        "query": pad_sequence(asked, batch_first=True, padding_value=padding),
        "windows": torch.tensor([window for row in rows for window in row["windows"]]),
        "mask": mask,
        "teacher": ungroup(flat[:, None], mask)[..., 0],
    }


class SelectorModel(nn.Module):
    """The selector over a frozen embedding layer; its output holds the loss, as transformers' trainer wants it."""

    def __init__(self, embeddings: nn.Module, network: CKNetwork, keep: int, padding: int = 0) -> None:
        super().__init__()
        self.keep = keep
        self.padding = padding
        self.embeddings = embeddings.requires_grad_(False)
        self.network = network

    def forward(self, query: Tensor, windows: Tensor, mask: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """`loss`, and `scores` (batch, windows)."""
        of = mask.nonzero()[:, 0]  # (all windows,): the question of each window
        with torch.no_grad():
            self.embeddings.eval()
            asked, shown = self.embeddings(query)[of], self.embeddings(windows)
        flat = self.network(asked, (query != self.padding)[of], shown, windows != self.padding)
        scores = ungroup(flat.float()[:, None], mask)[..., 0]
        loss = lambda_loss(scores, selection_gains(teacher, mask, self.keep), mask) / len(query)
        return {"loss": loss, "scores": scores}


@torch.inference_mode()
def coverage(model: SelectorModel, rows: Sequence[Row], config: IdcmConfig, *, seed: int) -> dict[str, float]:
    """Share of the teacher's best windows among those kept: by the selector, the first ones, and random ones."""
    model.eval()
    rng = random.Random(seed)
    kept = {"selector": 0.0, "first": 0.0, "random": 0.0}
    for row in rows:
        made = collate([row], model.padding)
        batch = {name: value.to(next(model.parameters()).device) for name, value in made.items()}
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


def _some(rows: list[Any], config: IdcmConfig) -> list[Any]:
    """The rows; documents with no more windows than are kept were left out.

    Raises:
        InputError: when none is left.
    """
    if not rows:
        raise InputError(f"no document has more than {config.keep} windows; make documents longer or windows smaller")
    return rows


def _tiny() -> Any:
    """BERT with a few weights, drawn at random, and the embedded MiniLM's vocabulary."""
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return BertModel(BertConfig(**sizes), add_pooling_layer=False)


def _fresh_selector(config: IdcmConfig) -> CKNetwork:
    return CKNetwork(bert_model().embeddings.word_embeddings.embedding_dim, narrow=config.narrow)


def _spelt(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids))


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split()]
