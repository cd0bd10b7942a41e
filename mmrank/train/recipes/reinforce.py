"""Two stages that the reasoning recipes share: imitation (SFT), then reinforcement (GRPO), both by trl."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from mmrank.errors import InputError
from mmrank.train.recipes.best import BestOnHeldOut, Measure
from mmrank.train.recipes.causal import Turns
from mmrank.train.recipes.config import LoraSettings, TrainerSettings
from mmrank.train.recipes.trainer import METRICS, JsonLines, checkpoint_to_resume, common_arguments
from mmrank.train.recipes.vision import check_picture_tokens, dataset
from mmrank.types import ImageRef

Stage = Literal["sft", "rl"]

MAX_PIXELS = 1280 * 28 * 28
"""A page picture is scaled to at most this many pixels, as at inference."""


class GrpoSettings(BaseModel):
    """What GRPO takes beside the trainer's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    completions: int = Field(8, ge=2, description="a prompt, G")
    completion_tokens: int = Field(2048, ge=1)
    temperature: float = Field(1.0, gt=0)
    clip: float = Field(0.2, gt=0)
    beta: float = Field(0.04, ge=0)
    updates: int = Field(1, ge=1, description="a batch, mu")


class Decisions(NamedTuple):
    """Tokens of answers that weigh more in imitation: each that follows one of some runs of tokens."""

    openings: list[list[int]]
    weight: float


def lora_config(lora: LoraSettings | None, *, sees: bool = False) -> Any:
    """peft's configuration for a language model, None to train all weights. A model's vision tower stays frozen."""
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.modules,
        layers_to_transform=lora.layers,
        exclude_modules=r".*\.(visual|vision_tower|vision_model)\..*" if sees else None,
        task_type="CAUSAL_LM",
    )


def imitate(
    model: Any,
    tokenizer: Any,
    pairs: Sequence[tuple[Turns, str]],
    *,
    settings: TrainerSettings,
    lora: LoraSettings | None,
    max_tokens: int,
    out: Path,
    resume: bool,
    pictures: Sequence[Sequence[ImageRef]] = (),
    max_pixels: int = MAX_PIXELS,
    best: tuple[Measure, str] | None = None,
    decisions: Decisions | None = None,
) -> Any:
    """Train on answers; prompts bear no loss. Returns the trained model.

    Nothing is truncated: a conversation longer than `max_tokens` is refused (with pictures, when its batch comes).

    Args:
        model: trained in place.
        tokenizer: the model's, or its processor where there are pictures.
        pairs: conversation and answer.
        settings: of the trainer.
        lora: None to train all weights.
        max_tokens: of the longest conversation.
        out: folder for checkpoints and metrics.
        resume: go on at the last checkpoint.
        pictures: those of each conversation, in its order; empty for text.
        max_pixels: of a picture.
        best: what measures each checkpoint, and the figure by which the best one is kept; None for the last.
        decisions: tokens of the answers that weigh more than the others; None for all alike.

    Raises:
        InputError: when a conversation is too long.
        MmrankError: when a picture lost tokens.
    """
    from trl import SFTConfig, SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    shown = any(pictures)
    if not shown:
        lengths = (
            len(tokenizer.apply_chat_template([*chat, {"role": "assistant", "content": answer}])["input_ids"])
            for chat, answer in pairs
        )
        _refuse_longer(max(lengths), max_tokens)

    class Whole(DataCollatorForVisionLanguageModeling):
        def torch_call(self, examples: Any) -> Any:
            made = super().torch_call(examples)
            _refuse_longer(int(made["attention_mask"].sum(dim=1).max()), max_tokens)
            check_picture_tokens(tokenizer, made["input_ids"], made)
            return made

    rows: list[dict[str, Any]] = [
        {"prompt": chat, "completion": [{"role": "assistant", "content": answer}]} for chat, answer in pairs
    ]
    for row, seen in zip(rows, pictures, strict=False):
        row["pictures"] = seen

    class OnAnswers(SFTTrainer):
        """On a processor trl runs the head over every position; this one runs it where an answer bears loss."""

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if inputs["labels"].is_cuda and decisions is None:
                return super().compute_loss(model, inputs, *args, **kwargs)
            count = kwargs.get("num_items_in_batch")
            loss = answer_loss(model, inputs, count, decisions)
            # The count is that of all processes, whose gradients are averaged.
            several = self.args.average_tokens_across_devices and count is not None
            return loss * self.accelerator.num_processes if several else loss

    last = checkpoint_to_resume(out, resume)
    trainer = OnAnswers(
        model=model,
        processing_class=tokenizer,
        args=SFTConfig(
            **common_arguments(settings, out),
            max_length=None,
            completion_only_loss=True,
            **({"remove_unused_columns": False} if shown else {}),
        ),
        train_dataset=dataset(rows, max_pixels),
        data_collator=Whole(tokenizer, completion_only_loss=True) if shown else None,
        peft_config=lora_config(lora, sees=shown),
        callbacks=[JsonLines(out / METRICS), *([BestOnHeldOut(*best, out / METRICS)] if best else [])],
    )
    trainer.train(resume_from_checkpoint=last)
    return trainer.model


def answer_loss(model: Any, inputs: Mapping[str, Any], count: Any = None, decisions: Decisions | None = None) -> Any:
    """Cross-entropy of the answers' tokens, by a head that runs only over places before one of them.

    Args:
        model: a model of transformers with a language head.
        inputs: of the forward pass, with `labels` (batch, tokens), -100 where a token bears no loss.
        count: by what the sum is divided; by default how many tokens bear loss.
        decisions: see `imitate`.

    Returns:
        a scalar.
    """
    import torch

    labels = inputs["labels"][:, 1:]  # (batch, tokens - 1): what comes next
    places = (labels != -100).any(dim=0).nonzero()[:, 0]
    given = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**given, use_cache=False, logits_to_keep=places).logits  # (batch, places, vocabulary)
    wanted = labels[:, places]
    each = torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), wanted, reduction="none")
    if decisions is not None:
        ids = inputs["input_ids"]
        opened = torch.zeros_like(ids, dtype=torch.bool)  # (batch, tokens): the next one is a decision
        for opening in decisions.openings:
            window = ids.unfold(1, len(opening), 1)  # (batch, tokens - opening + 1, opening)
            opened[:, len(opening) - 1 :] |= (window == torch.tensor(opening, device=ids.device)).all(dim=-1)
        each = torch.where(opened[:, places] & (wanted != -100), decisions.weight * each, each)
    return each.sum() / (count if count is not None else (wanted != -100).sum().clamp(min=1))


def _refuse_longer(tokens: int, limit: int) -> None:
    if tokens > limit:
        raise InputError(
            f"an example has {tokens} tokens, more than prompt_tokens allows ({limit}): show fewer or shorter ones"
        )


def reinforce(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Mapping[str, Any]],
    rewards: Sequence[Callable[..., list[float]]],
    *,
    settings: TrainerSettings,
    grpo: GrpoSettings,
    lora: LoraSettings | None,
    out: Path,
    resume: bool,
    max_pixels: int = MAX_PIXELS,
    best: tuple[Measure, str] | None = None,
) -> Any:
    """Train by group-relative policy optimisation. Returns the trained model.

    Args:
        model: the policy; with LoRA the reference is the model with its adapter off.
        tokenizer: the model's, or its processor where there are pictures.
        prompts: `prompt` (conversation), the columns the rewards take and, where there are any, `pictures`.
        rewards: trl reward functions; each is logged by its own name.
        settings: of the trainer.
        grpo: of the algorithm.
        lora: None to train all weights.
        out: folder for checkpoints and metrics.
        resume: go on at the last checkpoint.
        max_pixels: of a picture.
        best: what measures each checkpoint, and the figure by which the best one is kept; None for the last.

    Raises:
        MmrankError: when a picture lost tokens.
    """
    from trl import GRPOConfig, GRPOTrainer

    class Whole(GRPOTrainer):
        def _tokenize_prompts(self, prompts: Any) -> Any:
            made = super()._tokenize_prompts(prompts)
            check_picture_tokens(tokenizer, made[0], made[2])
            return made

    last = checkpoint_to_resume(out, resume)
    adapted = hasattr(model, "peft_config")
    if lora is None and not adapted:
        # trl loads the reference model anew from where the policy says it came from.
        reference = out / "reference"
        if not (reference / "config.json").is_file():
            model.save_pretrained(reference)
        model.config._name_or_path = str(reference)
    trainer = Whole(
        model=model,
        processing_class=tokenizer,
        reward_funcs=list(rewards),
        args=GRPOConfig(
            **common_arguments(settings, out),
            num_generations=grpo.completions,
            max_completion_length=grpo.completion_tokens,
            temperature=grpo.temperature,
            epsilon=grpo.clip,
            beta=grpo.beta,
            num_iterations=grpo.updates,
            loss_type="grpo",
            scale_rewards="group",
        ),
        train_dataset=dataset(prompts, max_pixels),
        peft_config=None if adapted else lora_config(lora, sees=any(row.get("pictures") for row in prompts)),
        callbacks=[JsonLines(out / METRICS), *([BestOnHeldOut(*best, out / METRICS)] if best else [])],
    )
    trainer.train(resume_from_checkpoint=last)
    return trainer.model


def save_whole(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write model and tokenizer (or processor) as a checkpoint that inference loads; an adapter is merged into it."""
    whole = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    whole.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
