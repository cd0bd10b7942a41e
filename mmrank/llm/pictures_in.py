"""Pictures into a vision-language model's inputs."""

from __future__ import annotations

from typing import Any

import torch

from mmrank.errors import MmrankError
from mmrank.llm.protocol import Chat


def prepare(processor: Any, prompt: str, chat: Chat, max_pixels: int) -> Any:
    """The model's inputs for one prompt and the pictures of its chat, in order.

    Pictures are rendered here and dropped with the inputs. That each picture got its tokens is checked: a model shown
    too few of them would silently rank by the text alone.

    Raises:
        MmrankError: when a picture cannot be rendered, or the tokens do not match the pictures.
    """
    images = [ref.open(max_pixels=max_pixels) for message in chat for ref in message.images]
    inputs = processor(text=[prompt], images=images or None, return_tensors="pt", padding=False)
    token = getattr(processor, "image_token_id", None)
    if token is None:
        token = processor.tokenizer.convert_tokens_to_ids(processor.image_token)
    grid = inputs.get("image_grid_thw")
    if grid is not None:
        merged = processor.image_processor.merge_size**2
        wanted = int((torch.as_tensor(grid).prod(-1) // merged).sum())
        found = int((inputs["input_ids"] == token).sum())
        if wanted != found or len(grid) != len(images):
            raise MmrankError(
                f"{len(images)} pictures need {wanted} tokens but the prompt holds {found}; the processor truncated it"
            )
    return inputs
