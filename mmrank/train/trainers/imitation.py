"""Imitation: supervised fine-tuning of a language model on conversations with their answers, by trl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmrank.errors import InputError
from mmrank.train.trainers.arguments import common_arguments
from mmrank.train.trainers.best_checkpoint import BestOnHeldOut, Measure
from mmrank.train.trainers.language_models import Turns
from mmrank.train.trainers.lora import FasterSecondFactor, language_lora
from mmrank.train.trainers.run_folder import METRICS, JsonLines, checkpoint_to_resume
from mmrank.train.trainers.settings import LoraSettings, TrainerSettings
from mmrank.train.trainers.vision_language import MAX_PIXELS, check_picture_tokens, lazy_dataset
from mmrank.types import ImageRef


class Decisions(NamedTuple):
    """Tokens of answers with a greater weight in the loss: those that directly follow one of the `openings`."""

    openings: list[list[int]]
    weight: float


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
    pixels: Sequence[int] = (),
    max_pixels: int = MAX_PIXELS,
    best: tuple[Measure, str] | None = None,
    decisions: Decisions | None = None,
) -> Any:
    """Train on answers (supervised fine-tuning); tokens of prompts have no loss. Returns the trained model.

    Nothing is truncated: a conversation longer than `max_tokens` is refused (with pictures, when its batch comes).

    Args:
        model: trained in place.
        tokenizer: the model's, or its processor if there are pictures.
        pairs: conversation and answer.
        settings: of the trainer.
        lora: None to train all weights.
        max_tokens: of the longest conversation.
        out: folder for checkpoints and metrics.
        resume: continue from the last checkpoint.
        pictures: those of each conversation, in its order; empty for text.
        pixels: limits of the pictures of each conversation.
        max_pixels: of a picture, whatever its conversation.
        best: what measures each checkpoint, and the figure that decides which is kept; None keeps the last.
        decisions: tokens of the answers that have a greater weight; None weighs all alike.

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

    class Untruncated(DataCollatorForVisionLanguageModeling):
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
    for row, most in zip(rows, pixels, strict=False):
        row["pixels"] = most

    class OnAnswers(FasterSecondFactor, SFTTrainer):
        """Without a GPU, trl runs the language head over every position; this runs it only where there is loss."""

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if inputs["labels"].is_cuda and decisions is None:
                return super().compute_loss(model, inputs, *args, **kwargs)
            count = kwargs.get("num_items_in_batch")
            loss = answer_loss(model, inputs, count, decisions)
            # The count is over all processes, whose gradients are averaged.
            several = self.args.average_tokens_across_devices and count is not None
            return loss * self.accelerator.num_processes if several else loss

    last = checkpoint_to_resume(out, resume)
    trainer = OnAnswers(
        plus=lora.plus if lora else None,
        model=model,
        processing_class=tokenizer,
        args=SFTConfig(
            **common_arguments(settings, out),
            max_length=None,
            completion_only_loss=True,
            **({"remove_unused_columns": False} if shown else {}),
        ),
        train_dataset=lazy_dataset(rows, tokenizer, max_pixels),
        data_collator=Untruncated(tokenizer, completion_only_loss=True) if shown else None,
        peft_config=language_lora(lora, sees=shown),
        callbacks=[JsonLines(out / METRICS), *([BestOnHeldOut(*best, out / METRICS)] if best else [])],
    )
    trainer.train(resume_from_checkpoint=last)
    return trainer.model


def answer_loss(model: Any, inputs: Mapping[str, Any], count: Any = None, decisions: Decisions | None = None) -> Any:
    """Cross-entropy of the answers' tokens; the language head runs only where one of them comes next.

    Args:
        model: a model of transformers with a language head.
        inputs: of the forward pass, with `labels` (batch, tokens), -100 for tokens without loss.
        count: what the sum is divided by; by default the number of tokens with loss.
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
