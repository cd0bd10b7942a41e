"""Vision-language models to train, and page pictures in their conversations, rendered when a batch needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mmrank.errors import MmrankError
from mmrank.picture_sizes import opened_for, square_of
from mmrank.train.trainers.base_weights import Loading, load_weights
from mmrank.types import ImageRef

MAX_PIXELS = 1280 * 28 * 28
"""A page picture is scaled to at most this many pixels, as at inference."""
UNSEEN = ("pictures", "pixels")
"""Columns of rows that a trainer does not get."""


def load_vision(base: str, loading_settings: Loading | None = None) -> tuple[Any, Any]:
    """Model and processor from a folder or a name on the Hugging Face hub, for instance Qwen/Qwen2.5-VL-7B-Instruct.

    Raises:
        MmrankError: when it cannot be loaded or reads no pictures.
    """
    from mmrank.checkpoints import find_checkpoint, load_config, loading
    from mmrank.processors import load_processor

    checkpoint = find_checkpoint(base)
    if not hasattr(load_config(checkpoint), "vision_config"):
        raise MmrankError(f"{base} reads no pictures; name a vision-language model, or set pictures: false")
    model = load_weights(checkpoint, loading_settings or Loading())
    with loading(checkpoint):
        processor = load_processor(checkpoint.source, **checkpoint.options)
    processor.tokenizer.padding_side = "left"
    return model, processor


def pixels_per_token(processor: Any) -> int:
    """Pixels of a picture that one token stands for (Qwen's families).

    Raises:
        MmrankError: for processors that cut pictures in another way.
    """
    side = square_of(processor)
    if side is None:
        raise MmrankError("the tokens of this model's pictures cannot be counted; use a model of Qwen's families")
    return side**2


def opened(processor: Any, pictures: Sequence[ImageRef], max_pixels: int) -> list[Any]:
    """The pictures, rendered and prepared for the processor, of at most `max_pixels` each."""
    return [opened_for(processor, picture, max_pixels) for picture in pictures]


def lazy_dataset(rows: Sequence[Mapping[str, Any]], processor: Any, max_pixels: int) -> Any:
    """Rows as a dataset for trl. Their `pictures` are rendered as `images` whenever a row is read, and not kept.

    A row's own `pixels` limit its pictures further.
    """
    from datasets import Dataset

    if not any(row.get("pictures") for row in rows):
        return Dataset.from_list([{k: v for k, v in row.items() if k not in UNSEEN} for row in rows])

    def read(batch: Mapping[str, Sequence[int]]) -> dict[str, list[Any]]:
        chosen = [rows[position] for position in batch["row"]]
        made: dict[str, list[Any]] = {name: [row[name] for row in chosen] for name in rows[0] if name not in UNSEEN}
        made["images"] = [
            opened(processor, row["pictures"], min(max_pixels, row.get("pixels", max_pixels))) for row in chosen
        ]
        return made

    return Dataset.from_dict({"row": list(range(len(rows)))}).with_transform(read)


def check_picture_tokens(processor: Any, token_ids: Any, fields: Mapping[str, Any]) -> None:
    """Check that every picture has all its tokens.

    Args:
        processor: the model's.
        token_ids: (batch, length), or one list of ids per prompt.
        fields: what the processor made of the pictures; nothing is checked without `image_grid_thw` (Qwen's families).

    Raises:
        MmrankError: when a prompt was truncated within a picture, or pictures got lost.
    """
    grid = fields.get("image_grid_thw")
    if grid is None:
        return
    token = getattr(processor, "image_token_id", None)
    if token is None:
        token = processor.tokenizer.convert_tokens_to_ids(processor.image_token)
    wanted = int((torch.as_tensor(grid).prod(-1) // processor.image_processor.merge_size**2).sum())
    found = sum(int((torch.as_tensor(ids) == token).sum()) for ids in token_ids)
    if wanted != found:
        raise MmrankError(f"the pictures need {wanted} tokens but the prompts hold {found}; something was truncated")
