"""Rank-R1: think, then name the one most relevant passage; by GRPO with an exact-match reward."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mmrank.rerankers.focus import focus
from mmrank.rerankers.parsing import parse_choice
from mmrank.rerankers.prompts import setwise_chat
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.reasons import template_reason
from mmrank.train.protocol import TrainingReport
from mmrank.train.rewards.rank_r1 import choice_reward
from mmrank.train.trainers.arguments import refuse_split, splits
from mmrank.train.trainers.base_weights import how_to_load
from mmrank.train.trainers.fitting import conversation_tokens, within
from mmrank.train.trainers.imitation import imitate
from mmrank.train.trainers.language_models import complete, load_causal, save_model, spoken, turns
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.reinforcement import GrpoSettings, reinforce
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, RecipeConfig, TrainerSettings

Stage = Literal["sft", "rl"]


class RankR1Config(RecipeConfig):
    """See rank_r1.yaml."""

    base: str = "Qwen/Qwen2.5-7B-Instruct"
    model: ModelSettings = ModelSettings()
    candidates: int = Field(20, ge=2, description="per question")
    prompt_tokens: int = Field(4096, ge=16, description="passages of a longer prompt are shortened")
    stages: list[Stage] = Field(default_factory=lambda: ["rl"])  # type: ignore[arg-type]
    sft_reasons: bool = Field(
        False, description="imitate reasons too, not the answer alone as the paper's baseline does"
    )
    sft: TrainerSettings = TrainerSettings()
    grpo: GrpoSettings = GrpoSettings()
    lora: LoraSettings | None = LoraSettings()


def train(config: RankR1Config, out: Path, *, resume: bool = False) -> TrainingReport:
    """Run the stages. The report's `before` holds the start, and the figures after imitation as `sft_…`."""
    refuse_split(config.trainer, config.stages)
    examples, held_out = config.source.read()
    rows = [setwise_row(e, config.candidates, config.trainer.seed) for e in examples]
    held_out = held_out[: config.measure.answers]
    tests = [setwise_row(e, config.candidates, config.trainer.seed + 1) for e in held_out]
    texts = [message["content"] for row in (*rows, *tests) for message in row["prompt"]] + [r["sft"] for r in rows]
    model, tokenizer = load_causal(
        config.base, texts, config.trainer.seed, how_to_load(config, adapted=config.lora is not None)
    )
    limit = config.grpo.completion_tokens
    rows, counts = fitted(examples, tokenizer, config, config.trainer.seed)
    tests, _ = fitted(held_out, tokenizer, config, config.trainer.seed + 1)

    def measure(trained: Any) -> dict[str, float]:
        return choice_metrics(trained, tokenizer, tests, limit, config.measure.batch)

    before = measure(model) if config.measure.baseline and not splits(config.trainer) else {}
    after = dict(before)
    if "sft" in config.stages:
        answers = [r["sft"] if config.sft_reasons else f"<answer>[{r['gold']}]</answer>" for r in rows]
        model = imitate(
            model,
            tokenizer,
            [(row["prompt"], answer) for row, answer in zip(rows, answers, strict=True)],
            settings=config.sft,
            lora=config.lora,
            max_tokens=config.prompt_tokens + limit,
            out=out / "sft",
            resume=resumes_stage(out / "sft", resume),
            best=(measure, "recall"),
        )
        after = measure(model)
        before = {**before, **{f"sft_{name}": value for name, value in after.items()}}
    if "rl" in config.stages:
        model = reinforce(
            model,
            tokenizer,
            [{"prompt": row["prompt"], "gold": row["gold"]} for row in rows],
            [exact_choice],
            settings=config.trainer,
            grpo=config.grpo,
            lora=config.lora,
            prompt_tokens=config.prompt_tokens,
            out=out / "rl",
            resume=resumes_stage(out / "rl", resume),
            best=(measure, "recall"),
        )
        after = measure(model)
    save_model(model, tokenizer, out / "model")
    return TrainingReport("rank_r1", out, before, after, counts)


def works(config: RankR1Config) -> list[Work]:
    """The stages of a run, for its plan."""
    examples, _ = config.source.read()
    tokenizer = tokenizer_of(config.base)
    rows, _ = fitted(examples, tokenizer, config, config.trainer.seed)
    asked = [conversation_tokens(tokenizer, row, "") for row in rows]
    told = [conversation_tokens(tokenizer, row, row["sft"]) for row in rows]
    stages = {
        "sft": Work("sft", config.sft, config.lora, told, max(told)),
        "rl": Work("rl", config.trainer, config.lora, asked, max(asked), config.grpo),
    }
    return [stages[stage] for stage in config.stages]


def fitted(
    examples: Sequence[RankingExample], tokenizer: Any, config: RankR1Config, seed: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows whose prompts fit into `prompt_tokens`, and counts of what was done for it."""
    longest = max(len(text.split()) for e in examples for text in (*e.positives, *e.negatives))
    return within(
        examples,
        lambda example, words: setwise_row(example, config.candidates, seed, words),
        lambda row: len(tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True)["input_ids"]),
        limit=config.prompt_tokens,
        words=longest,
    )


def setwise_row(example: RankingExample, candidates: int, seed: int, words: int | None = None) -> dict[str, Any]:
    """`prompt` (conversation), `gold` (1-based label), `sft` (a reasoned answer); at most `words` per passage."""
    passages = [example.positives[0], *example.negatives[: candidates - 1]]
    order = list(range(len(passages)))
    random.Random(f"{seed}/{example.query}/{example.group}").shuffle(order)
    gold = order.index(0) + 1
    shown = [(passages[i] if words is None else focus(example.query, passages[i], words),) for i in order]
    reason = template_reason(example.query, example.positives[0], True)
    return {
        "prompt": turns(setwise_chat((example.query,), shown, reason=True)),
        "gold": gold,
        "sft": f"<think>One {reason}. It is [{gold}].</think><answer>[{gold}]</answer>",
    }


def exact_choice(completions: Sequence[Any], gold: Sequence[int], **_: Any) -> list[float]:
    """Rank-R1's reward in the form of trl."""
    return [choice_reward(spoken(text), label) for text, label in zip(completions, gold, strict=True)]


def choice_metrics(
    model: Any, tokenizer: Any, rows: Sequence[Any], max_tokens: int, batch: int = 16
) -> dict[str, float]:
    """Greedy answers on held-out rows: mean `reward`, and share of right choices (`recall`; answers are repaired)."""
    answers = complete(model, tokenizer, [row["prompt"] for row in rows], max_tokens=max_tokens, batch=batch)
    golds = [row["gold"] for row in rows]
    rewards = [choice_reward(answer, gold) for answer, gold in zip(answers, golds, strict=True)]
    chosen = [parse_choice(answer, 99).choice == gold for answer, gold in zip(answers, golds, strict=True)]
    return {"reward": sum(rewards) / len(rows), "recall": sum(chosen) / len(rows)}
