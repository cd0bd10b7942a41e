"""Reinforcement: group-relative policy optimisation (GRPO, Shao et al. 2024) of a language model, by trl."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mmrank.errors import require
from mmrank.train.trainers import ranks
from mmrank.train.trainers.arguments import common_arguments
from mmrank.train.trainers.best_checkpoint import BestOnHeldOut, Measure
from mmrank.train.trainers.lora import FasterSecondFactor, language_lora
from mmrank.train.trainers.run_folder import METRICS, JsonLines, checkpoint_to_resume
from mmrank.train.trainers.settings import LoraSettings, TrainerSettings
from mmrank.train.trainers.vision_language import MAX_PIXELS, check_picture_tokens, lazy_dataset


class GrpoSettings(BaseModel):
    """Settings of GRPO, beside those of the trainer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    completions: int = Field(8, ge=2, description="per prompt (the papers' G)")
    completion_tokens: int = Field(2048, ge=1, description="of a completion, at most")
    temperature: float = Field(1.0, gt=0)
    clip: float = Field(0.2, gt=0, description="half-width of the interval of probability ratios (epsilon)")
    beta: float = Field(0.04, ge=0, description="weight of the divergence from the reference model")
    updates: int = Field(1, ge=1, description="per batch of completions (mu)")
    vllm: Literal["colocate", "server"] | None = Field(
        None, description="who writes completions: vLLM in the training process, or its server; None: transformers"
    )
    vllm_server: str = Field("http://localhost:8000", description="address of `trl vllm-serve`, with vllm: server")
    vllm_memory: float = Field(0.3, gt=0, lt=1, description="share of the GPU that vLLM takes, with vllm: colocate")


def reinforce(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Mapping[str, Any]],
    rewards: Sequence[Callable[..., list[float]]],
    *,
    settings: TrainerSettings,
    grpo: GrpoSettings,
    lora: LoraSettings | None,
    prompt_tokens: int,
    out: Path,
    resume: bool,
    max_pixels: int = MAX_PIXELS,
    best: tuple[Measure, str] | None = None,
) -> Any:
    """Train by group-relative policy optimisation. Returns the trained model.

    Args:
        model: the policy; with LoRA the reference is the model with its adapter off.
        tokenizer: the model's, or its processor if there are pictures.
        prompts: `prompt` (conversation), the columns that the rewards take and, if there are any, `pictures`.
        rewards: trl reward functions; each is logged by its own name.
        settings: of the trainer.
        grpo: of the algorithm.
        lora: None to train all weights; of no effect on a model that has an adapter already.
        prompt_tokens: of a prompt, at most; vLLM is given room for these and a completion.
        out: folder for checkpoints and metrics.
        resume: continue from the last checkpoint.
        max_pixels: of a picture.
        best: what measures each checkpoint, and the figure that decides which is kept; None keeps the last.

    Raises:
        MmrankError: when a picture lost tokens.
    """
    from trl import GRPOConfig, GRPOTrainer

    class PicturesChecked(FasterSecondFactor, GRPOTrainer):
        def _tokenize_prompts(self, prompts: Any) -> Any:
            made = super()._tokenize_prompts(prompts)
            check_picture_tokens(tokenizer, made[0], made[2])
            return made

    last = checkpoint_to_resume(out, resume)
    adapted = hasattr(model, "peft_config")
    if lora is None and not adapted:
        # trl loads the reference model from the folder that the policy names as its origin.
        reference = out / "reference"
        if ranks.writes() and not (reference / "config.json").is_file():
            model.save_pretrained(reference)
        ranks.wait()
        model.config._name_or_path = str(reference)
    trainer = PicturesChecked(
        plus=lora.plus if lora else None,
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
            **rollouts(grpo, prompt_tokens),
        ),
        train_dataset=lazy_dataset(prompts, tokenizer, max_pixels),
        peft_config=None if adapted else language_lora(lora, sees=any(row.get("pictures") for row in prompts)),
        callbacks=[JsonLines(out / METRICS), *([BestOnHeldOut(*best, out / METRICS)] if best else [])],
    )
    trainer.train(resume_from_checkpoint=last)
    return trainer.model


def rollouts(grpo: GrpoSettings, prompt_tokens: int) -> dict[str, Any]:
    """Arguments of trl that say who writes the completions.

    Args:
        grpo: of the algorithm.
        prompt_tokens: of a prompt, at most.

    Raises:
        MissingExtraError: when vLLM is asked for and not installed.
    """
    if grpo.vllm is None:
        return {}
    require("vllm", "vllm")
    if grpo.vllm == "server":
        return {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": grpo.vllm_server}
    return {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": grpo.vllm_memory,
        # Left to itself, vLLM reserves room for the model's whole context, and does not start where that lacks.
        "vllm_max_model_length": prompt_tokens + grpo.completion_tokens,
    }
