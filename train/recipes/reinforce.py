"""Two stages that the reasoning recipes share: imitation (SFT), then reinforcement (GRPO), both by trl."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mmrank.train.recipes.config import LoraSettings, TrainerSettings
from mmrank.train.recipes.trainer import METRICS, JsonLines, checkpoint_to_resume, common_arguments

Stage = Literal["sft", "rl"]
Turns = list[dict[str, str]]


class GrpoSettings(BaseModel):
    """What GRPO takes beside the trainer's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    completions: int = Field(8, ge=2, description="a prompt, G")
    completion_tokens: int = Field(2048, ge=1)
    temperature: float = Field(1.0, gt=0)
    clip: float = Field(0.2, gt=0)
    beta: float = Field(0.04, ge=0)
    updates: int = Field(1, ge=1, description="a batch, mu")


def lora_config(lora: LoraSettings | None) -> Any:
    """peft's configuration for a language model, None to train all weights."""
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.modules,
        layers_to_transform=lora.layers,
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
) -> Any:
    """Train on answers; prompts bear no loss. Returns the trained model.

    Nothing is truncated: a conversation longer than `max_tokens` is refused.

    Raises:
        InputError: when one is longer.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from mmrank.errors import InputError

    longest = max(
        len(tokenizer.apply_chat_template([*chat, {"role": "assistant", "content": answer}])["input_ids"])
        for chat, answer in pairs
    )
    if longest > max_tokens:
        raise InputError(f"an example has {longest} tokens, more than max_tokens={max_tokens}: shorten the passages")
    data = Dataset.from_list(
        [{"prompt": chat, "completion": [{"role": "assistant", "content": answer}]} for chat, answer in pairs]
    )
    last = checkpoint_to_resume(out, resume)
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        args=SFTConfig(**common_arguments(settings, out), max_length=None, completion_only_loss=True),
        train_dataset=data,
        peft_config=lora_config(lora),
        callbacks=[JsonLines(out / METRICS)],
    )
    trainer.train(resume_from_checkpoint=last)
    return trainer.model


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
) -> Any:
    """Train by group-relative policy optimisation. Returns the trained model.

    Args:
        model: the policy; with LoRA the reference is the model with its adapter off.
        tokenizer: pads on the left.
        prompts: `prompt` (conversation) and the columns the rewards take.
        rewards: trl reward functions; each is logged by its own name.
        settings: of the trainer.
        grpo: of the algorithm.
        lora: None to train all weights.
        out: folder for checkpoints and metrics.
        resume: go on at the last checkpoint.
    """
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    last = checkpoint_to_resume(out, resume)
    adapted = hasattr(model, "peft_config")
    if lora is None and not adapted:
        # trl loads the reference model anew from where the policy says it came from.
        reference = out / "reference"
        if not (reference / "config.json").is_file():
            model.save_pretrained(reference)
        model.config._name_or_path = str(reference)
    trainer = GRPOTrainer(
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
        train_dataset=Dataset.from_list([dict(row) for row in prompts]),
        peft_config=None if adapted else lora_config(lora),
        callbacks=[JsonLines(out / METRICS)],
    )
    trainer.train(resume_from_checkpoint=last)
    return trainer.model
