"""Pictures into a vision-language model's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from mmrank.errors import MmrankError
from mmrank.llm.protocol import Chat
from mmrank.picture_sizes import opened_for


def prepare(processor: Any, prompts: Sequence[str], chats: Sequence[Chat], max_pixels: int) -> Any:
    """The model's inputs for some prompts and the pictures of their chats, in order, padded on the left.

    Pictures are rendered here and dropped with the inputs. That each picture got its tokens is checked: a model shown
    too few of them would silently rank by the text alone.

    Args:
        processor: of the model.
        prompts: one per chat, as rendered.
        chats: each holds a picture, or none does.
        max_pixels: pictures are scaled to at most this many pixels.

    Raises:
        MmrankError: when a picture cannot be rendered, or the tokens do not match the pictures.
    """
    images = [[opened_for(processor, ref, max_pixels) for message in chat for ref in message.images] for chat in chats]
    inputs = processor(
        text=list(prompts),
        images=images if any(images) else None,
        return_tensors="pt",
        padding=True,
        padding_side="left",
    )
    token = getattr(processor, "image_token_id", None)
    if token is None:
        token = processor.tokenizer.convert_tokens_to_ids(processor.image_token)
    grid = inputs.get("image_grid_thw")
    if grid is not None:
        merged = processor.image_processor.merge_size**2
        wanted = int((torch.as_tensor(grid).prod(-1) // merged).sum())
        found = int((inputs["input_ids"] == token).sum())
        count = sum(map(len, images))
        if wanted != found or len(grid) != count:
            raise MmrankError(
                f"{count} pictures need {wanted} tokens but the prompt holds {found}; the processor truncated it"
            )
    return inputs
