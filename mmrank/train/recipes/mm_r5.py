"""MM-R5: reasons for every candidate, then the whole ranking; first imitation (SFT), then reinforcement (GRPO).

A small model learns to choose a passage before that (`mmrank.train.trainers.choice`, a stage of our own).
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
from mmrank.train.protocol import TrainingReport
from mmrank.train.rewards.mm_r5 import Mode, format_reward, ranking_quality, result_reward
from mmrank.train.trainers.arguments import refuse_split, splits
from mmrank.train.trainers.base_weights import how_to_load
from mmrank.train.trainers.best_checkpoint import Measure
from mmrank.train.trainers.choice import NOUN, ChoiceScorer, conversations
from mmrank.train.trainers.fitting import conversation_tokens, scaled, within
from mmrank.train.trainers.grouped import Row, fit
from mmrank.train.trainers.imitation import Decisions, imitate
from mmrank.train.trainers.language_models import complete, load_causal, save_model, spoken, turns
from mmrank.train.trainers.lora import factors, save_stacked, with_language_lora
from mmrank.train.trainers.planning import Work, tokenizer_of
from mmrank.train.trainers.reinforcement import GrpoSettings, reinforce
from mmrank.train.trainers.run_folder import resumes_stage
from mmrank.train.trainers.settings import LoraSettings, ModelSettings, RecipeConfig, TrainerSettings
from mmrank.train.trainers.vision_language import MAX_PIXELS, load_vision, opened, pixels_per_token

Stage = Literal["choice", "sft", "rl"]


class MmR5Config(RecipeConfig):
    """See mm_r5.yaml."""

    base: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    model: ModelSettings = ModelSettings()
    candidates: int = Field(5, ge=2, description="per question")
    reason_words: int = Field(40, ge=1, description="words per reason, at most")
    passage_words: int = Field(200, ge=8, description="words shown of a candidate's text; pictures are shown whole")
    prompt_tokens: int = Field(
        32768, ge=16, description="of a conversation; passages are shortened, pictures scaled to fit"
    )
    pictures: bool = Field(False, description="candidates are pages as pictures: file.pdf#page=4")
    max_pixels: int = Field(MAX_PIXELS, ge=784, description="per picture")
    best_first: bool = Field(False, description="imitated answers give reasons in the order of the ranking")
    decision_weight: float = Field(
        1.0, ge=1, description="weight in imitation of the first id in the thoughts and in the list; needs best_first"
    )
    reasoned: int | None = Field(None, ge=1, description="at most so many examples for sft and rl; choice takes all")
    questions: int = Field(6, ge=1, description="per conversation in the stage choice, at most")
    stages: list[Stage] = Field(default_factory=lambda: ["sft", "rl"])  # type: ignore[arg-type]
    reward_mode: Mode = "fixed"
    style: Style = Field("list", description='"chain": the prompt and answer of DeAR; imitation only')
    choice: TrainerSettings = TrainerSettings()
    sft: TrainerSettings = TrainerSettings()
    grpo: GrpoSettings = GrpoSettings()
    sft_lora: LoraSettings | None = Field(LoraSettings(), description="shared by the stages choice and sft")
    lora: LoraSettings | None = LoraSettings()

    @model_validator(mode="after")
    def _chains_are_imitated(self) -> MmR5Config:
        if self.style == "chain" and (self.pictures or "rl" in self.stages):
            raise ValueError("style: chain works with stages: [sft] and pictures: false only")
        if self.pictures and "choice" in self.stages:
            raise ValueError("the stage choice works on passages: leave it out, or set pictures: false")
        if self.decision_weight != 1 and (self.pictures or not self.best_first or self.style != "list"):
            raise ValueError("decision_weight works with best_first: true, style: list and pictures: false only")
        return self


def train(config: MmR5Config, out: Path, *, resume: bool = False) -> TrainingReport:
    """Run the stages one after the other.

    Leaves the whole `model`, and, if every stage trained an adapter, their changes as one `adapter.safetensors`. The
    report's `before` holds the start, `choice_recall` after choosing, and the figures after imitation as `sft_…`.
    """
    refuse_split(config.sft if config.stages == ["sft"] else config.trainer, config.stages)
    examples, held_out = config.source.read()
    used = examples[: config.reasoned]
    rows = [listwise_row(example, config) for example in used]
    tests = [listwise_row(example, config) for example in held_out[: config.measure.answers]]
    model, tokenizer = load_model(config, rows, tests)
    rows, counts = fitted(used, tokenizer, config)
    tests, _ = fitted(held_out[: config.measure.answers], tokenizer, config)

    def measure(trained: Any) -> dict[str, float]:
        return ranking_metrics(trained, tokenizer, tests, config)

    before = measure(model) if config.measure.baseline and not splits(config.trainer) else {}
    after = dict(before)
    adapters: list[Adapter] = []
    if "choice" in config.stages:
        model, recall = learn_to_choose(model, tokenizer, examples, held_out, config, out / "choice", resume)
        before["choice_recall"] = recall
    if "sft" in config.stages:
        model = imitate_rankings(model, tokenizer, rows, measure, config, out / "sft", resume)
        after = measure(model)
        before |= {f"sft_{name}": value for name, value in after.items()}
    if hasattr(model, "peft_config"):  # one adapter, which choosing and imitation share
        adapters.append(factors(model))
        if "rl" in config.stages:
            model = model.merge_and_unload()
    if "rl" in config.stages:
        model = reinforce_rankings(model, tokenizer, rows, measure, config, out / "rl", resume)
        after = measure(model)
        if config.lora is not None:
            adapters.append(factors(model))
    lora = {"choice": config.sft_lora, "sft": config.sft_lora, "rl": config.lora}
    if all(lora[stage] is not None for stage in config.stages):
        save_stacked(out, adapters, {"base": config.base, "recipe": "mm_r5"})
    save_model(model, tokenizer, out / "model")
    return TrainingReport("mm_r5", out, before, after, counts)


def works(config: MmR5Config) -> list[Work]:
    """The stages of a run, for its plan: the lengths of the data as they would be trained on."""
    examples, _ = config.source.read()
    tokenizer = tokenizer_of(config.base, sees=config.pictures)
    rows, _ = fitted(examples[: config.reasoned], tokenizer, config)
    per_picture = pixels_per_token(tokenizer) if config.pictures else 1

    def length(row: Row, answer: str) -> int:
        shown = sum(row["pixels"] // per_picture + 1 for _ in row["pictures"]) if config.pictures else 0
        return conversation_tokens(tokenizer, row, answer) + shown

    told = [length(row, row["sft"]) for row in rows]
    asked = [length(row, "") for row in rows]
    stages = {
        "choice": Work("choice", config.choice, config.sft_lora, told, max(told)),
        "sft": Work("sft", config.sft, config.sft_lora, told, max(told)),
        "rl": Work("rl", config.trainer, config.lora, asked, max(asked), config.grpo),
    }
    return [stages[stage] for stage in config.stages]


def load_model(config: MmR5Config, rows: Sequence[Row], tests: Sequence[Row]) -> tuple[Any, Any]:
    """The model, and its tokenizer or, with pictures, its processor."""
    how = how_to_load(config, adapted=config.sft_lora is not None or config.lora is not None)
    if config.pictures:
        return load_vision(config.base, how)
    texts = [turn["content"] for row in (*rows, *tests) for turn in row["prompt"]] + [row["sft"] for row in rows]
    return load_causal(config.base, texts, config.trainer.seed, how)


def fitted(
    examples: Sequence[RankingExample], tokenizer: Any, config: MmR5Config
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows that fit into `prompt_tokens` with the answer to imitate, and counts of what was done for it."""

    def tokens(row: Row) -> int:
        return conversation_tokens(tokenizer, row, row["sft"])

    def shown(example: RankingExample, words: int) -> dict[str, Any]:
        return listwise_row(example, config.model_copy(update={"passage_words": words}))

    if not config.pictures:
        return within(examples, shown, tokens, limit=config.prompt_tokens, words=config.passage_words)
    rows = [listwise_row(example, config) for example in examples]
    return scaled(rows, tokenizer, tokens, limit=config.prompt_tokens, max_pixels=config.max_pixels)


def learn_to_choose(
    model: Any,
    tokenizer: Any,
    examples: Sequence[RankingExample],
    held_out: Sequence[RankingExample],
    config: MmR5Config,
    out: Path,
    resume: bool,
) -> tuple[Any, float]:
    """Stage `choice`: say the number of the passage that answers. Returns the model and held-out recall@1."""
    if config.sft_lora is not None:
        torch.manual_seed(config.choice.seed)
        model = with_language_lora(model, config.sft_lora)
    candidates, seed = config.candidates, config.choice.seed
    _, chosen = fit(
        model,
        rows=conversations(examples, candidates=candidates, questions=config.questions, seed=seed),
        held_out=conversations(held_out, candidates=candidates, questions=1),
        scorer=ChoiceScorer(tokenizer, config.reason_words, config.passage_words),
        objective=lambda scores, batch: softmax_cross_entropy(scores[..., 0], batch["mask"]),
        settings=config.choice,
        out=out,
        baseline=config.measure.baseline,
        resume=resumes_stage(out, resume),
    )
    return model, chosen["recall"]


def imitate_rankings(
    model: Any, tokenizer: Any, rows: Sequence[Row], measure: Measure, config: MmR5Config, out: Path, resume: bool
) -> Any:
    """Stage `sft`: imitate reasoned rankings. Returns the model."""
    return imitate(
        model,
        tokenizer,
        [(row["prompt"], row["sft"]) for row in rows],
        settings=config.sft,
        lora=None if hasattr(model, "peft_config") else config.sft_lora,
        max_tokens=config.prompt_tokens,
        out=out,
        resume=resumes_stage(out, resume),
        pictures=[row["pictures"] for row in rows],
        pixels=[row.get("pixels", config.max_pixels) for row in rows],
        max_pixels=config.max_pixels,
        best=(measure, "quality"),
        decisions=decisions_of(tokenizer, config),
    )


def reinforce_rankings(
    model: Any, tokenizer: Any, rows: Sequence[Row], measure: Measure, config: MmR5Config, out: Path, resume: bool
) -> Any:
    """Stage `rl`: GRPO with the rewards for ranking and form. Returns the model."""
    return reinforce(
        model,
        tokenizer,
        [
            {name: row[name] for name in ("prompt", "gold", "count", "pictures", "pixels") if name in row}
            for row in rows
        ],
        reward_functions(config.reward_mode),
        settings=config.trainer,
        grpo=config.grpo,
        lora=config.lora,
        prompt_tokens=config.prompt_tokens,
        out=out,
        resume=resumes_stage(out, resume),
        max_pixels=config.max_pixels,
        best=(measure, "quality"),
    )


def decisions_of(tokenizer: Any, config: MmR5Config) -> Decisions | None:
    """What precedes the first id in the thoughts and in the list, and the weight of these ids; None if it is 1.

    >>> decisions_of(None, MmR5Config()) is None
    True
    """
    if config.decision_weight == 1:
        return None

    def before_the_id(text: str) -> list[int]:
        return list(tokenizer.encode(f"{text}1", add_special_tokens=False)[:-1])

    # The bracket of the list and two tokens before it; those before may be one token with the end of the thoughts.
    return Decisions(
        [before_the_id(f"{THINK}{NOUN} "), before_the_id(f"{THOUGHT}{ANSWER}[")[-3:]], config.decision_weight
    )


def listwise_row(example: RankingExample, config: MmR5Config) -> dict[str, Any]:
    """`prompt`, `sft` (the answer to imitate), `gold` (relevant ids), `count` of candidates, `pictures` in order."""

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
    """The two rewards in the form of trl, each logged by its name."""

    def ranking_result(completions: Sequence[Any], gold: Sequence[Sequence[int]], **_: Any) -> list[float]:
        return [result_reward(spoken(text), ids, mode=mode) for text, ids in zip(completions, gold, strict=True)]

    def ranking_format(completions: Sequence[Any], count: Sequence[int], **_: Any) -> list[float]:
        return [format_reward(spoken(text), n, mode=mode) for text, n in zip(completions, count, strict=True)]

    return [ranking_result, ranking_format]


def ranking_metrics(model: Any, tokenizer: Any, rows: Sequence[Any], config: MmR5Config) -> dict[str, float]:
    """`recall` (at 1), `quality` and share of `complete` answers, greedy, on held-out rows.

    Answers are read as at inference: repaired where possible; an unusable one leaves the order as shown.
    """

    def shown(place: int) -> list[Any]:
        return opened(tokenizer, rows[place]["pictures"], rows[place]["pixels"])

    answers = complete(
        model,
        tokenizer,
        [row["prompt"] for row in rows],
        max_tokens=config.grpo.completion_tokens,
        batch=config.measure.batch,
        pictures=(lambda place: opened(tokenizer, rows[place]["pictures"], rows[place]["pixels"]))
        if config.pictures
        else None,
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
