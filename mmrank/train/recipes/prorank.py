"""ProRank: GRPO until the model answers 0 or 1 and nothing else, then fine-grained scores from these two logits."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmrank.rerankers.prompts import ZERO_ONE
from mmrank.train.data.examples import RankingExample
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.protocol import TrainingReport
from mmrank.train.rewards.prorank import binary_form_reward, binary_label_reward
from mmrank.train.trainers import ranks
from mmrank.train.trainers.arguments import refuse_split, splits
from mmrank.train.trainers.base_weights import how_to_load
from mmrank.train.trainers.grouped import Row, fit, rows_of
from mmrank.train.trainers.label_logits import MARGIN, LabelScorer
from mmrank.train.trainers.language_models import complete, load_causal, save_model, spoken
from mmrank.train.trainers.lora import with_language_lora
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.reinforcement import GrpoSettings, reinforce
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, RecipeConfig, TrainerSettings


class ProRankConfig(RecipeConfig):
    """See prorank.yaml. `warmup` (with `grpo`) holds the settings of the first stage, `trainer` those of the second."""

    base: str = "Qwen/Qwen2.5-0.5B-Instruct"
    stages: list[Literal["warmup", "scores"]] = Field(["warmup", "scores"], min_length=1)
    model: ModelSettings = ModelSettings()
    max_tokens: int = Field(8192, ge=32, description="per prompt; a longer candidate is shortened")
    candidates: int = Field(8, ge=2, description="per question")
    contrast: float = Field(0.0, ge=0, description="weight of InfoNCE over a question's candidates in stage 2")
    warmup: TrainerSettings = TrainerSettings()
    grpo: GrpoSettings = GrpoSettings(completions=8, completion_tokens=4)
    lora: LoraSettings | None = LoraSettings()


def train(config: ProRankConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Run the stages. The report's `before` holds the start, and the figures after the warm-up as `warm_…`."""
    refuse_split(config.trainer if config.stages == ["scores"] else config.warmup, config.stages)
    examples, held_out = config.source.read()
    rows, tests = (
        rows_of(examples, config.candidates, config.trainer.seed),
        rows_of(held_out[: config.measure.answers], config.candidates),
    )
    texts = [ZERO_ONE.frame(str(row["query"]), "") + " ".join(row["candidates"]) for row in (*rows, *tests)]
    model, tokenizer = load_causal(
        config.base, texts, config.trainer.seed, how_to_load(config, adapted=config.lora is not None)
    )
    scorer = LabelScorer(tokenizer, ZERO_ONE, max_tokens=config.max_tokens)

    def measure(trained: Any) -> dict[str, float]:
        return judge_metrics(trained, tokenizer, scorer, tests, config.grpo.completion_tokens)

    before = measure(model) if config.measure.baseline and not (splits(config.warmup) or splits(config.trainer)) else {}
    if "warmup" in config.stages:
        model = reinforce(
            model,
            tokenizer,
            balanced(examples, scorer, config.trainer.seed),
            [answer_form, answer_label],
            settings=config.warmup,
            grpo=config.grpo,
            lora=config.lora,
            prompt_tokens=config.max_tokens,
            out=out / "warmup",
            resume=resumes_stage(out / "warmup", resume),
            best=(measure, "form"),
        )
        warm = measure(model)
        before = {**before, **{f"warm_{name}": value for name, value in warm.items()}}
    else:
        model = with_language_lora(model, config.lora)
    if "scores" in config.stages:
        fit(
            model,
            rows=rows,
            held_out=tests,
            scorer=scorer,
            rank_by=MARGIN,
            objective=FineScores(config.contrast),
            settings=config.trainer,
            out=out / "scores",
            baseline=config.measure.baseline,
            resume=resumes_stage(out / "scores", resume),
        )
    after = measure(model)
    save_model(model, tokenizer, out / "model")
    return TrainingReport("prorank", out, before, after, {"shortened candidates": scorer.shortened})


def works(config: ProRankConfig) -> list[Work]:
    """The stages of a run, for its plan."""
    examples, _ = config.source.read()
    scorer = LabelScorer(tokenizer_of(config.base), ZERO_ONE, max_tokens=config.max_tokens)
    asked = [scorer.length(row["prompt"]) for row in balanced(examples, scorer, 0)]
    groups = [
        [scorer.length(scorer.chat(row["query"], text)) for text in row["candidates"]]
        for row in rows_of(examples, config.candidates)
    ]
    planned = [
        Work("warmup", config.warmup, config.lora, asked, max(asked), config.grpo),
        Work("scores", config.trainer, config.lora, [sum(each) for each in groups], max(map(max, groups))),
    ]
    return [work for work in planned if work.name in config.stages]


class FineScores:
    """Cross-entropy of s = logit(1) − logit(0) against the label, plus a share of softmax over the candidates."""

    def __init__(self, contrast: float) -> None:
        self.contrast = contrast

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of one batch, mean over its candidates."""
        margin = scores[..., 0] - scores[..., 1]
        labels = torch.zeros_like(margin)
        labels[:, 0] = 1
        loss = binary_cross_entropy_with_logits(margin[batch["mask"]], labels[batch["mask"]])
        if self.contrast:
            loss = loss + self.contrast * softmax_cross_entropy(margin, batch["mask"])
        return loss


def balanced(examples: Sequence[RankingExample], scorer: LabelScorer, seed: int) -> list[dict[str, Any]]:
    """For each question one relevant passage and one other, shuffled."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for example in examples:
        rows.append({"prompt": scorer.chat(example.query, rng.choice(example.positives)), "label": 1})
        rows.append({"prompt": scorer.chat(example.query, rng.choice(example.negatives)), "label": 0})
    rng.shuffle(rows)
    return rows


def answer_form(completions: Sequence[Any], **_: Any) -> list[float]:
    """1 for answers that are exactly 0 or 1."""
    return [binary_form_reward(spoken(text)) for text in completions]


def answer_label(completions: Sequence[Any], label: Sequence[int], **_: Any) -> list[float]:
    """1 for answers that are exactly the label."""
    return [binary_label_reward(spoken(text), wanted) for text, wanted in zip(completions, label, strict=True)]


def judge_metrics(
    model: Any, tokenizer: Any, scorer: LabelScorer, rows: Sequence[Row], max_tokens: int
) -> dict[str, float]:
    """Share of well-formed answers (`form`), of `distinct` scores (to 3 decimals), and `recall` at 1 (ties lose)."""
    model.eval()
    chats = [scorer.chat(row["query"], text) for row in rows for text in row["candidates"]]
    answers = complete(model, tokenizer, chats, max_tokens=max_tokens)

    def scored(some: Sequence[Row]) -> list[list[float]]:
        margins = []
        for start in range(0, len(some), 8):
            batch = {k: v.to(ranks.device()) for k, v in scorer.collate(some[start : start + 8]).items()}
            with torch.no_grad():
                scores = scorer.scores(model, batch)
            margin = scores[..., 0] - scores[..., 1]
            margins += [row[kept].tolist() for row, kept in zip(margin, batch["mask"], strict=True)]
        return margins

    found = ranks.spread(rows, scored)
    margins = [round(value, 3) for row in found for value in row]
    right = sum(row[0] > max(row[1:]) for row in found)
    return {
        "form": sum(map(binary_form_reward, answers)) / len(answers),
        "distinct": len(set(margins)) / len(margins),
        "recall": right / len(rows),
    }
