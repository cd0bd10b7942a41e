"""MM-R5: reasons for every candidate, then the whole ranking; imitation of reasons first, then GRPO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from mmrank.rerankers.parsing import parse_ranking
from mmrank.rerankers.prompts import listwise_chat
from mmrank.rerankers.protocol import AnswerStatus
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.reasons import listwise_example
from mmrank.train.recipes.causal import complete, load_causal, turns
from mmrank.train.recipes.config import LoraSettings, RecipeConfig, TrainerSettings
from mmrank.train.recipes.rank_r1 import spoken
from mmrank.train.recipes.reinforce import GrpoSettings, Stage, imitate, reinforce
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source
from mmrank.train.rewards.mm_r5 import Mode, format_reward, ranking_quality, result_reward


class MmR5Config(RecipeConfig):
    """See mm_r5.yaml."""

    base: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    source: Source = Source()
    candidates: int = Field(5, ge=2)
    reason_words: int = Field(40, ge=1)
    passage_words: int = Field(200, ge=1, description="a candidate's text is cut after this many words")
    prompt_tokens: int = Field(32768, ge=16)
    stages: list[Stage] = Field(default_factory=lambda: ["sft", "rl"])  # type: ignore[arg-type]
    reward_mode: Mode = "fixed"
    sft: TrainerSettings = TrainerSettings()
    grpo: GrpoSettings = GrpoSettings()
    sft_lora: LoraSettings | None = LoraSettings()
    lora: LoraSettings | None = LoraSettings()


def train(config: MmR5Config, out: Path, *, resume: bool = False) -> TrainingReport:
    """Run the stages; held-out recall@1, quality and format before, after imitation, and after all."""
    examples, held_out = config.source.read()
    rows = [listwise_row(e, config) for e in examples]
    tests = [listwise_row(e, config) for e in held_out]
    texts = [turn["content"] for row in (*rows, *tests) for turn in row["prompt"]] + [row["sft"] for row in rows]
    model, tokenizer = load_causal(config.base, texts, config.trainer.seed)
    limit = config.grpo.completion_tokens
    before = ranking_metrics(model, tokenizer, tests, limit)
    after = dict(before)
    if "sft" in config.stages:
        model = imitate(
            model,
            tokenizer,
            [(row["prompt"], row["sft"]) for row in rows],
            settings=config.sft,
            lora=config.sft_lora,
            max_tokens=config.prompt_tokens,
            out=out / "sft",
            resume=resume and (out / "sft" / "checkpoints").is_dir(),
        )
        after = ranking_metrics(model, tokenizer, tests, limit)
        before = {**before, **{f"sft_{name}": value for name, value in after.items()}}
    if "rl" in config.stages:
        if hasattr(model, "merge_and_unload"):
            model = model.merge_and_unload()
        model = reinforce(
            model,
            tokenizer,
            [{"prompt": row["prompt"], "gold": row["gold"], "count": row["count"]} for row in rows],
            reward_functions(config.reward_mode),
            settings=config.trainer,
            grpo=config.grpo,
            lora=config.lora,
            out=out / "rl",
            resume=resume and (out / "rl" / "checkpoints").is_dir(),
        )
        after = ranking_metrics(model, tokenizer, tests, limit)
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    return TrainingReport("mm_r5", out, before, after)


def listwise_row(example: RankingExample, config: MmR5Config) -> dict[str, Any]:
    """`prompt`, `sft` (the answer to imitate), `gold` (relevant ids), `count`."""
    made = listwise_example(example, candidates=config.candidates, seed=config.trainer.seed, words=config.reason_words)
    shown = [(" ".join(text.split()[: config.passage_words]),) for text in made.candidates]
    chat = listwise_chat((made.query,), shown, noun="Passage", words=config.reason_words)
    return {"prompt": turns(chat), "sft": made.answer(), "gold": list(made.relevant), "count": len(shown)}


def reward_functions(mode: Mode) -> list[Any]:
    """The two rewards for trl, each logged by its name."""

    def ranking_result(completions: Sequence[Any], gold: Sequence[Sequence[int]], **_: Any) -> list[float]:
        return [result_reward(spoken(text), ids, mode=mode) for text, ids in zip(completions, gold, strict=True)]

    def ranking_format(completions: Sequence[Any], count: Sequence[int], **_: Any) -> list[float]:
        return [format_reward(spoken(text), n, mode=mode) for text, n in zip(completions, count, strict=True)]

    return [ranking_result, ranking_format]


def ranking_metrics(model: Any, tokenizer: Any, rows: Sequence[Any], max_tokens: int) -> dict[str, float]:
    """Greedy answers on held-out rows, read as inference reads them (repaired; unusable keeps the order shown)."""
    answers = complete(model, tokenizer, [row["prompt"] for row in rows], max_tokens=max_tokens)
    recall = quality = complete_answers = 0.0
    for answer, row in zip(answers, rows, strict=True):
        parsed = parse_ranking(answer, row["count"])
        order = parsed.order or tuple(range(1, row["count"] + 1))
        recall += order[0] in row["gold"]
        quality += ranking_quality(order, row["gold"])
        complete_answers += parsed.status is AnswerStatus.COMPLETE
    count = len(rows)
    return {"recall": recall / count, "quality": quality / count, "complete": complete_answers / count}
