"""A reader of the first pages: ways to train it on the same data, judged on documents that it did not see."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field

from mmrank.errors import InputError
from mmrank.evaluate.reading import Read, cascade_figures, fitted_weight, fold_weights, reading_figures
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.page_folds import examples_of, folds_of, training_groups
from mmrank.train.data.page_groups import MADE, PageGroup, read_groups, toy_groups
from mmrank.train.data.splits import fold_of, split
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers import ranks
from mmrank.train.trainers.base_weights import how_to_load
from mmrank.train.trainers.grouped import Objective, Row, fit, rows_of
from mmrank.train.trainers.kept_prompts import KeptSettings, ReadOnce, frozen_layers
from mmrank.train.trainers.language_models import load_causal
from mmrank.train.trainers.lora import save_adapter, with_language_lora
from mmrank.train.trainers.page_reading import OBJECTIVES, Pointwise, Rewarded, TaughtTogether, read_pages
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.reader_card import write_card
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, RecipeConfig, TrainerSettings
from mmrank.train.trainers.teachers import load_teacher, with_teacher

Arm = Literal["untrained", "sft", "cl", "distilled", "grpo", "sft+grpo"]
STAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sft": ("sft", ("sft",)),
    "cl": ("cl", ("cl",)),
    "distilled": ("cl", ("distil",)),
    "grpo": ("grpo", ("grpo",)),
    "sft+grpo": ("sft", ("sft", "grpo")),
}
"""Arm → how it learns from paragraphs and tables, then from pages."""
RETRIEVAL = "retrieval"
ALL = -1
"""In the place of a fold: no document is left out."""
COSTS = ("seconds", "tokens", "judging", "reading", "read tokens")
"""Of all stages, of judging, and of reading prompts that no arm had read (within both)."""
COST = "cost.json"
KEPT = "kept"
TABLE = "table.jsonl"
"""One line per arm, written when it is done."""


class ReaderConfig(RecipeConfig):
    """See reader.yaml."""

    base: str = "Qwen/Qwen2.5-0.5B-Instruct"
    model: ModelSettings = ModelSettings()
    pages: list[Path] = Field(
        default_factory=list, description="questions with ranked pages, as `mmrank train data pages` writes them"
    )
    arms: list[Arm] = Field(["untrained", "sft", "cl"], min_length=1, description="what is compared, in this order")
    folds: int = Field(5, ge=2, description="of documents; each is judged by a reader trained on the others")
    depths: list[int] = Field([3], min_length=1, description="first pages that are read, one table for each")
    candidates: int = Field(5, ge=2, description="pages per question to train on, an answering one included")
    made: int = Field(300, ge=0, description="questions made from documents, per fold at most")
    max_tokens: int = Field(400, ge=32, description="of a prompt with one page")
    kept: KeptSettings | None = Field(
        None, description="prompts are read once, and the adapter acts on their last tokens; None: on all tokens"
    )
    batch: int = Field(16, ge=1, description="questions that are read together when a fold is judged")
    teacher: str = Field(RETRIEVAL, description="whose scores `distilled` learns: retrieval, or as in the recipe dear")
    alpha: float = Field(0.3, ge=0, le=1, description="share of the teacher")
    temperature: float = Field(2.0, gt=0, description="softens the teacher's scores and the reader's")
    gate: float = Field(
        0.65,
        ge=0,
        le=1,
        description="near misses that must be right, as a share, before all documents are trained on; recall@1 may then"
        " not be below retrieval's either; 0: train in any case",
    )
    final: Arm | None = Field(None, description="train this arm on all documents, and write adapter.safetensors")
    lora: LoraSettings = LoraSettings()
    first: TrainerSettings | None = Field(
        TrainerSettings(), description="of the stage on paragraphs and tables; None: no such stage"
    )
    trainer: TrainerSettings = Field(TrainerSettings(), description="of the stage on pages")
    rl: TrainerSettings = Field(TrainerSettings(), description="of both stages of GRPO")
    completions: int = Field(8, ge=2, description="answers that are drawn per question of GRPO")


@dataclass(frozen=True, slots=True)
class _Data:
    """What all arms share: paragraphs, held-out ones, groups of pages, and the fold of each."""

    paragraphs: list[RankingExample]
    held_out: list[RankingExample]
    groups: list[PageGroup]
    folds: list[int]

    def tests(self, fold: int) -> list[PageGroup]:
        return [g for g, at in zip(self.groups, self.folds, strict=True) if at == fold and g.kind != MADE]


def train(config: ReaderConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train and judge each arm; `table.jsonl` has a line for each.

    The report's `before` holds retrieval's recall@1, `after` that of retrieval and reader together, out of fold, by arm
    and kind of questions. With `final`, the adapter of one arm is trained on all documents where its near misses reach
    the gate and recall@1 with it is not below retrieval's.
    """
    if config.kept and config.final:
        raise InputError("final: an adapter that acts on the last tokens alone is not written; leave out kept")
    data = _data(config)
    start, tokenizer = load_causal(config.base, _texts(data), config.trainer.seed, how_to_load(config, adapted=True))
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    counts: dict[str, int] = {}
    rows: dict[str, dict[str, Any]] = {}
    arms = [*config.arms, *([config.final] if config.final and config.final not in config.arms else [])]
    for arm in arms:
        run = _Run(config, arm, data, copy.deepcopy(start), tokenizer, out / arm.replace("+", "_"), resume)
        rows[arm] = row = run.judged()
        counts[f"{arm}: shortened pages"] = run.scorer.shortened
        for kind, figures in row["kinds"].items():
            before[f"{arm}, {kind}"], after[f"{arm}, {kind}"] = figures["retrieval"], figures["fused"]
            after[f"{arm}, {kind}, near misses"] = figures["pairs"]
        if ranks.writes():
            table = "".join(json.dumps(each) + "\n" for each in rows.values())
            (out / TABLE).write_text(table, encoding="utf-8")
        if arm == config.final:
            against = {
                "near misses below the gate": row["pairs"] < config.gate,
                "recall below retrieval's": config.gate > 0 and row["change"] < 0,
            }
            counts |= {reason: int(found) for reason, found in against.items()}
            if not any(against.values()):
                run.learn(ALL)
                about = {"base": config.base, "recipe": "reader", "arm": arm, "weight": f"{row['weight']:.4g}"}
                file = save_adapter(out, run.model, about)
                write_card(out / "card.md", config, row, file)
    return TrainingReport("reader", out, before, after, counts)


def works(config: ReaderConfig) -> list[Work]:
    """The stages of an arm, for the plan of a run."""
    data = _data(config)
    scorer = Pointwise(tokenizer_of(config.base), config.max_tokens)
    made = []
    pages = examples_of(training_groups(data.groups, data.folds, 0))
    for name, settings, examples in (("first", config.first, data.paragraphs), ("pages", config.trainer, pages)):
        if settings is None:
            continue
        lengths = [sum(scorer.lengths(row)) for row in rows_of(examples, config.candidates)]
        made.append(Work(name, settings, config.lora, lengths, config.max_tokens))
    return made


class _Run:
    """One arm."""

    def __init__(
        self, config: ReaderConfig, arm: Arm, data: _Data, base: Any, tokenizer: Any, out: Path, resume: bool
    ) -> None:
        self.config, self.arm, self.data, self.out, self.resume = config, arm, data, out, resume
        seed = config.trainer.seed
        torch.manual_seed(seed)
        frozen = frozen_layers(base, config.kept) if config.kept else 0
        self.model = base if arm == "untrained" else with_language_lora(base, config.lora, frozen=frozen)
        kept = config.kept and (config.kept.folder or out.parent / KEPT)
        self.once = ReadOnce(self.model, config.kept, kept) if config.kept and kept else None
        self.scorer = Pointwise(tokenizer, config.max_tokens, self.once)
        self.seconds = 0.0

    def judged(self) -> dict[str, Any]:
        """The arm's line of the table."""
        reads: dict[str, list[Read]] = {}
        costs: list[dict[str, float]] = []
        for fold in range(self.config.folds):
            kept = self.out / f"fold-{fold}" / "margins.json"
            tests = self.data.tests(fold)
            found = json.loads(kept.read_text(encoding="utf-8")) if self.resume and kept.is_file() else None
            if found is None or not self._deep_enough(tests, found["margins"]):
                found = self._fold(fold, tests, kept, found or {})
            costs.append(found)
            for group, margins in zip(tests, found["margins"], strict=True):
                reads.setdefault(group.kind, []).append(_read_of(group, margins, fold))
        if self.arm != "untrained" and self.config.first is not None:
            first = self.out.parent / f"first-{STAGES[self.arm][0]}" / COST
            costs.append(json.loads(first.read_text(encoding="utf-8")))
        everything = [read for some in reads.values() for read in some]
        depth = self.config.depths[0]
        weights = {depth: fold_weights(everything, depth) for depth in self.config.depths}
        pairs = [right for read in everything for right in read.near_misses(depth)]
        return {
            "arm": self.arm,
            **{name: round(sum(cost.get(name, 0) for cost in costs), 1) for name in COSTS},
            "weight": fitted_weight(everything, depth),
            "pairs": float(np.mean(pairs)) if pairs else 0.0,
            "change": round(reading_figures(everything, depth, weights[depth])["change"], 4),
            "kinds": {
                f"{kind}, first {depth}": {k: round(v, 4) for k, v in reading_figures(some, depth, each).items()}
                for kind, some in reads.items()
                for depth, each in weights.items()
            },
            "cascade": cascade_figures(everything, depth, weights[depth]),
        }

    def _deep_enough(self, tests: Sequence[PageGroup], margins: Sequence[Sequence[float]]) -> bool:
        depth = max(self.config.depths)
        return all(len(row) >= len(group.pages[:depth]) for group, row in zip(tests, margins, strict=True))

    def _fold(self, fold: int, tests: Sequence[PageGroup], kept: Path, before: Mapping[str, Any]) -> dict[str, Any]:
        """Judge a fold by the reader that did not see it, trained now or, where fewer pages were judged, before."""
        if self.arm != "untrained":
            trained = kept.parent / "adapter"
            if before:
                self._load(trained)
            else:
                self.learn(fold)
                if ranks.writes():
                    self.model.save_pretrained(trained)
        rows = [{"query": g.query, "candidates": [p.view for p in g.pages[: max(self.config.depths)]]} for g in tests]
        begun = time.perf_counter()
        margins = read_pages(self.model, self.scorer, rows, self.config.batch)
        spent = {"judging": time.perf_counter() - begun, **self._spent()}
        found = {"margins": margins, **{name: before.get(name, 0) + value for name, value in spent.items()}}
        if ranks.writes():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(found), encoding="utf-8")
        return found

    def learn(self, fold: int) -> None:
        """Both stages, without the documents of a fold; the first one is run once, for all arms that have it."""
        first, stages = STAGES[self.arm]
        folder = self.out.parent / ("first-none" if self.config.first is None else f"first-{first}")
        ready, cost = folder / "adapter", folder / COST
        if not cost.is_file():
            if self.config.first is not None:
                self._stage(first, self.data.paragraphs, self.data.held_out, self.config.first, folder, {})
            spent = self._spent()
            if ranks.writes():
                self.model.save_pretrained(ready)
                cost.write_text(json.dumps(spent), encoding="utf-8")
            ranks.wait()
        self._load(ready)
        groups = self._groups(fold)
        examples = examples_of(groups)
        own, watched = split(examples, folds=10, seed=self.config.trainer.seed + 1)
        scores = {(g.query, p.view): p.score for g in groups for p in g.pages}
        folder = self.out / ("all" if fold == ALL else f"fold-{fold}")
        for stage in stages:
            done = self.out.parent / stage / folder.name / "adapter"
            if stage != stages[-1] and done.is_dir():
                self._load(done)  # the arm of this name was trained on the same pages
                continue
            at = folder / stage if len(stages) > 1 else folder
            self._stage(stage, own or examples, watched or examples, self.config.trainer, at, scores)

    def _load(self, adapter: Path) -> None:
        from peft import load_peft_weights, set_peft_model_state_dict

        set_peft_model_state_dict(self.model, load_peft_weights(str(adapter), device=str(ranks.device())))

    def _spent(self) -> dict[str, float]:
        """Seconds and tokens since the last call, see `COSTS`; `judging` is not counted here."""
        spent = {"seconds": self.seconds, "tokens": self.scorer.tokens}
        self.seconds, self.scorer.tokens = 0.0, 0
        if self.once is not None:
            spent |= {"reading": self.once.seconds, "read tokens": self.once.tokens}
            self.once.seconds, self.once.tokens = 0.0, 0
        return spent

    def _groups(self, fold: int) -> list[PageGroup]:
        groups = training_groups(self.data.groups, self.data.folds, fold)
        made = [group for group in groups if group.kind == MADE]
        made.sort(
            key=lambda group: fold_of(group.query, 1 << 30, self.config.trainer.seed)
        )  # the same ones in all folds
        return [group for group in groups if group.kind != MADE] + made[: self.config.made]

    def _stage(
        self,
        how: str,
        examples: Sequence[RankingExample],
        held_out: Sequence[RankingExample],
        settings: TrainerSettings,
        out: Path,
        scores: Mapping[tuple[str, str], float],
    ) -> None:
        begun, config, resume = time.perf_counter(), self.config, resumes_stage(out, self.resume)
        rows = rows_of(examples, config.candidates, settings.seed)
        tests = rows_of(held_out, config.candidates)
        if how == "distil":
            rows, tests = (self._taught(some, scores) for some in (rows, tests))
        fit(
            self.model,
            rows=rows,
            held_out=tests,
            scorer=self.scorer,
            objective=self._objective(how),
            settings=config.rl if how == "grpo" else settings,
            out=out,
            baseline=False,
            plus=config.lora.plus,
            resume=resume,
        )
        self.seconds += time.perf_counter() - begun

    def _objective(self, how: str) -> Objective:
        if how == "distil":
            return TaughtTogether(self.config.alpha, self.config.temperature)
        return Rewarded(self.config.completions) if how == "grpo" else OBJECTIVES[how]

    def _taught(self, rows: Sequence[Row], scores: Mapping[tuple[str, str], float]) -> list[Row]:
        if self.config.teacher != RETRIEVAL:
            return with_teacher(rows, load_teacher(self.config.teacher), self.out / "teacher.jsonl")
        return [{**row, "teacher": [scores[row["query"], text] for text in row["candidates"]]} for row in rows]


def _data(config: ReaderConfig) -> _Data:
    paragraphs, held_out = ([], []) if config.first is None else config.source.read()
    if config.source.toy and not config.pages:
        groups = toy_groups(40, candidates=config.source.toy_candidates, held_out=True)
    else:
        missing = next((path for path in config.pages if not path.is_file()), None)
        if missing is not None or not config.pages:
            raise InputError(
                f"pages: {'no file is named' if missing is None else f'{missing} is not there'}; `mmrank train data"
                " pages` makes them of documents and questions. To try the recipe without data, use --variant small"
            )
        groups = [group for path in config.pages for group in read_groups(path)]
    return _Data(paragraphs, held_out, groups, folds_of(groups, config.folds, config.trainer.seed))


def _texts(data: _Data) -> list[str]:
    """What a tiny model must know."""
    from mmrank.rerankers.prompts import YES_NO

    shown = [text for e in (*data.paragraphs, *data.held_out) for text in (e.query, *e.positives, *e.negatives)]
    shown += [page.view for group in data.groups for page in group.pages]
    return [*shown, YES_NO.frame("yes no", ""), "yes", "no"]


def _read_of(group: PageGroup, margins: Sequence[float], fold: int) -> Read:
    pages = group.pages[: len(margins)]
    return Read(
        group.family,
        fold,
        group.answering,
        group.confidence,
        np.array([page.score for page in pages]),
        np.array(margins),
        np.array([page.gold for page in pages]),
    )
