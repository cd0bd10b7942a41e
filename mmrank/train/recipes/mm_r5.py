"""MM-R5: reasons for every candidate, then the whole ranking; imitation of reasons first, then GRPO.

A small model first learns to choose a passage at all (`mmrank.train.recipes.choice`, a stage of ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, model_validator

from mmrank.adapters import Adapter
from mmrank.llm.protocol import Content
from mmrank.rerankers.answering import ANSWER, THINK, THOUGHT
from mmrank.rerankers.focus import focus
from mmrank.rerankers.parsing import Style, parse_ranking
from mmrank.rerankers.prompts import listwise_chat, stepwise_chat
from mmrank.rerankers.protocol import AnswerStatus
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.pages import page_picture
from mmrank.train.data.reasons import listwise_example
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.recipes.adapters import factors, save_stacked
from mmrank.train.recipes.causal import complete, load_causal, turns
from mmrank.train.recipes.choice import NOUN, ChoiceScorer, conversations
from mmrank.train.recipes.config import LoraSettings, RecipeConfig, TrainerSettings
from mmrank.train.recipes.grouped import fit
from mmrank.train.recipes.rank_r1 import spoken
from mmrank.train.recipes.reinforce import (
    MAX_PIXELS,
    Decisions,
    GrpoSettings,
    imitate,
    lora_config,
    reinforce,
    save_whole,
)
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source
from mmrank.train.recipes.vision import load_vision, opened
from mmrank.train.rewards.mm_r5 import Mode, format_reward, ranking_quality, result_reward

Stage = Literal["choice", "sft", "rl"]


class MmR5Config(RecipeConfig):
    """See mm_r5.yaml."""

    base: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    source: Source = Source()
    candidates: int = Field(5, ge=2)
    reason_words: int = Field(40, ge=1)
    passage_words: int = Field(200, ge=8, description="what is shown of a candidate's text; pictures are shown whole")
    prompt_tokens: int = Field(32768, ge=16)
    pictures: bool = Field(False, description="candidates are pages as pictures: file.pdf#page=4")
    max_pixels: int = Field(MAX_PIXELS, ge=784, description="of a picture")
    best_first: bool = Field(False, description="reasons are imitated in the order of the ranking, not as shown")
    decision_weight: float = Field(
        1.0, ge=1, description="of the first ids, thought and listed, in imitation, with best_first"
    )
    reasoned: int | None = Field(None, ge=1, description="examples of the stages sft and rl, at most; choice takes all")
    questions: int = Field(6, ge=1, description="of a conversation in the stage choice")
    stages: list[Stage] = Field(default_factory=lambda: ["sft", "rl"])  # type: ignore[arg-type]
    reward_mode: Mode = "fixed"
    style: Style = Field("list", description='"chain" for DeAR\'s prompt and answer; imitation only')
    choice: TrainerSettings = TrainerSettings()
    sft: TrainerSettings = TrainerSettings()
    grpo: GrpoSettings = GrpoSettings()
    sft_lora: LoraSettings | None = Field(LoraSettings(), description="of the stages choice and sft, which share it")
    lora: LoraSettings | None = LoraSettings()

    @model_validator(mode="after")
    def _chains_are_imitated(self) -> MmR5Config:
        if self.style == "chain" and (self.pictures or "rl" in self.stages):
            raise ValueError("style: chain is DeAR's: stages: [sft], pictures: false")
        if self.pictures and "choice" in self.stages:
            raise ValueError("the stage choice is for passages: leave it out, or pictures: false")
        if self.decision_weight != 1 and (self.pictures or not self.best_first or self.style != "list"):
            raise ValueError("decision_weight is for answers that begin with the best passage: best_first: true")
        return self


def train(config: MmR5Config, out: Path, *, resume: bool = False) -> TrainingReport:
    """Run the stages; held-out recall@1, quality and format before, after imitation, and after all.

    Leaves the whole `model`, and the changes of all stages as one `adapter.safetensors` where each trained an adapter.
    """
    examples, held_out = config.source.read()
    rows = [listwise_row(e, config) for e in examples[: config.reasoned]]
    tests = [listwise_row(e, config) for e in held_out]
    if config.pictures:
        model, tokenizer = load_vision(config.base)
    else:
        texts = [turn["content"] for row in (*rows, *tests) for turn in row["prompt"]] + [row["sft"] for row in rows]
        model, tokenizer = load_causal(config.base, texts, config.trainer.seed)

    def measure(trained: Any) -> dict[str, float]:
        return ranking_metrics(trained, tokenizer, tests, config)

    before = measure(model)
    after = dict(before)
    trained: list[Adapter] = []
    if "choice" in config.stages:
        if config.sft_lora is not None:
            from peft import get_peft_model

            torch.manual_seed(config.choice.seed)
            model = get_peft_model(model, lora_config(config.sft_lora))
        several, size = config.questions, config.candidates
        _, chosen = fit(
            model,
            rows=conversations(examples, candidates=size, questions=several, seed=config.choice.seed),
            held_out=conversations(held_out, candidates=size, questions=1),
            scorer=ChoiceScorer(tokenizer, config.reason_words, config.passage_words),
            objective=lambda scores, batch: softmax_cross_entropy(scores[..., 0], batch["mask"]),
            settings=config.choice,
            out=out / "choice",
            resume=resume and (out / "choice" / "checkpoints").is_dir(),
        )
        before = {**before, "choice_recall": chosen["recall"]}
    if "sft" in config.stages:
        model = imitate(
            model,
            tokenizer,
            [(row["prompt"], row["sft"]) for row in rows],
            settings=config.sft,
            lora=None if hasattr(model, "peft_config") else config.sft_lora,
            max_tokens=config.prompt_tokens,
            out=out / "sft",
            resume=resume and (out / "sft" / "checkpoints").is_dir(),
            pictures=[row["pictures"] for row in rows],
            max_pixels=config.max_pixels,
            best=(measure, "quality"),
            decisions=decisions_of(tokenizer, config),
        )
        after = measure(model)
        before = {**before, **{f"sft_{name}": value for name, value in after.items()}}
    if hasattr(model, "peft_config"):
        trained.append(factors(model))
    if "rl" in config.stages:
        if hasattr(model, "merge_and_unload"):
            model = model.merge_and_unload()
        model = reinforce(
            model,
            tokenizer,
            [{name: row[name] for name in ("prompt", "gold", "count", "pictures")} for row in rows],
            reward_functions(config.reward_mode),
            settings=config.trainer,
            grpo=config.grpo,
            lora=config.lora,
            out=out / "rl",
            resume=resume and (out / "rl" / "checkpoints").is_dir(),
            max_pixels=config.max_pixels,
            best=(measure, "quality"),
        )
        if config.lora is not None:
            trained.append(factors(model))
        after = measure(model)
    low_rank = {"choice": config.sft_lora, "sft": config.sft_lora, "rl": config.lora}
    if all(low_rank[stage] is not None for stage in config.stages):
        save_stacked(out, trained, {"base": config.base, "recipe": "mm_r5"})
    save_whole(model, tokenizer, out / "model")
    return TrainingReport("mm_r5", out, before, after)


def decisions_of(tokenizer: Any, config: MmR5Config) -> Decisions | None:
    """The first ids of the thoughts and of the list, and their weight; None where they weigh as much as the rest.

    >>> decisions_of(None, MmR5Config()) is None
    True
    """
    if config.decision_weight == 1:
        return None

    def before_the_id(text: str) -> list[int]:
        return list(tokenizer.encode(f"{text}1", add_special_tokens=False)[:-1])

    # The list's bracket with two tokens before it: what stands further ahead may be one token with the thoughts' end.
    return Decisions(
        [before_the_id(f"{THINK}{NOUN} "), before_the_id(f"{THOUGHT}{ANSWER}[")[-3:]], config.decision_weight
    )


def listwise_row(example: RankingExample, config: MmR5Config) -> dict[str, Any]:
    """`prompt`, `sft` (the answer to imitate), `gold` (relevant ids), `count`, `pictures` in the prompt's order."""

    def read(name: str) -> str:
        return focus(example.query, example.text_of(name), config.passage_words)

    made = listwise_example(
        example,
        candidates=config.candidates,
        seed=config.trainer.seed,
        words=config.reason_words,
        read=None if config.pictures else read,
    )
    shown: list[Sequence[Content]]
    if config.pictures:
        shown = [(page_picture(name),) for name in made.candidates]
    else:
        shown = [(read(name),) for name in made.candidates]
    noun = "Image" if config.pictures else "Passage"
    if config.style == "chain":
        chat, answer = stepwise_chat((made.query,), shown), made.chain()
    else:
        chat = listwise_chat((made.query,), shown, noun=noun, words=config.reason_words)
        answer = made.answer(noun, best_first=config.best_first)
    return {
        "prompt": turns(chat),
        "sft": answer,
        "gold": list(made.relevant),
        "count": len(shown),
        "pictures": [picture for message in chat for picture in message.images],
    }


def reward_functions(mode: Mode) -> list[Any]:
    """The two rewards for trl, each logged by its name."""

    def ranking_result(completions: Sequence[Any], gold: Sequence[Sequence[int]], **_: Any) -> list[float]:
        return [result_reward(spoken(text), ids, mode=mode) for text, ids in zip(completions, gold, strict=True)]

    def ranking_format(completions: Sequence[Any], count: Sequence[int], **_: Any) -> list[float]:
        return [format_reward(spoken(text), n, mode=mode) for text, n in zip(completions, count, strict=True)]

    return [ranking_result, ranking_format]


def ranking_metrics(model: Any, tokenizer: Any, rows: Sequence[Any], config: MmR5Config) -> dict[str, float]:
    """Greedy answers on held-out rows, read as inference reads them (repaired; unusable keeps the order shown)."""
    answers = complete(
        model,
        tokenizer,
        [row["prompt"] for row in rows],
        max_tokens=config.grpo.completion_tokens,
        pictures=(lambda place: opened(rows[place]["pictures"], config.max_pixels)) if config.pictures else None,
    )
    recall = quality = complete_answers = 0.0
    for answer, row in zip(answers, rows, strict=True):
        parsed = parse_ranking(answer, row["count"], style=config.style)
        order = parsed.order or tuple(range(1, row["count"] + 1))
        recall += order[0] in row["gold"]
        quality += ranking_quality(order, row["gold"])
        complete_answers += parsed.status is AnswerStatus.COMPLETE
    count = len(rows)
    return {"recall": recall / count, "quality": quality / count, "complete": complete_answers / count}
