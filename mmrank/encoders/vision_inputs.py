"""Passages and queries as the tensors of a vision-language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mmrank.encoders.content import PictureCost, shown, within
from mmrank.errors import InputError
from mmrank.picture_sizes import square_of
from mmrank.types import ImageRef, Passage, Query

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

Features = dict[str, Any]
Message = dict[str, Any]


class VisionInputs:
    """Makes features of single passages and queries, and batches of features.

    Args:
        processor: of a vision-language checkpoint.
        preprocess: a conversation to features of batch size 1, as sentence-transformers makes them.
        max_tokens: of one passage, template and instruction included.
        max_pixels: of one picture.
        query_instruction: system turn for queries; empty for none.
        passage_instruction: system turn for passages; empty for none.
    """

    def __init__(
        self,
        processor: Any,
        preprocess: Callable[[list[Message]], Features],
        *,
        max_tokens: int,
        max_pixels: int,
        query_instruction: str = "",
        passage_instruction: str = "",
    ) -> None:
        self._tokenizer = processor.tokenizer
        self._preprocess = preprocess
        self.cost = picture_cost(processor, max_pixels)
        self._instructions = (query_instruction, passage_instruction)
        self.max_tokens = max_tokens
        # A picture is put between two marks and a text may need a line break; the rest is what an empty turn costs.
        self._room = {role: max_tokens - self._length_of([], role) for role in (0, 1)}
        if min(self._room.values()) < 16:
            raise InputError(f"max_tokens={max_tokens} leaves no room beside the template and the instruction")

    def passage(self, passage: Passage) -> Features:
        """Features of one passage, batch size 1."""
        return self._features(self._within(shown(passage), 1), 1)

    def query(self, query: Query) -> Features:
        """Features of one query, batch size 1: the picture, then the text.

        Raises:
            InputError: for a query without text and picture.
        """
        items: list[str | ImageRef] = [item for item in (query.image, query.text.strip()) if item]
        if not items:
            raise InputError("a query needs text or a picture")
        return self._features(self._within(items, 0), 0)

    def batch(self, rows: Sequence[Features]) -> Features:
        """One padded batch of features."""
        return batch_features(rows, self._tokenizer.pad_token_id, self._tokenizer.padding_side)

    def _within(self, items: Sequence[str | ImageRef], role: int) -> list[str | Image]:
        marks = sum(2 if isinstance(item, ImageRef) else 1 for item in items)
        return within(items, max_tokens=self._room[role] - marks, cost=self.cost, tokenise=self._offsets)

    def _offsets(self, text: str) -> list[tuple[int, int]]:
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return list(encoded["offset_mapping"])

    def _length_of(self, items: Sequence[str | Image], role: int) -> int:
        return length(self._features(items, role))

    def _features(self, items: Sequence[str | Image], role: int) -> Features:
        content = [
            {"type": "text", "text": item} if isinstance(item, str) else {"type": "image", "image": item}
            for item in _lines(items)
        ]
        turns: list[Message] = [{"role": "user", "content": content or [{"type": "text", "text": ""}]}]
        if instruction := self._instructions[role]:
            turns.insert(0, {"role": "system", "content": [{"type": "text", "text": instruction}]})
        return self._preprocess(turns)


def _lines(items: Sequence[str | Image]) -> list[str | Image]:
    """Items with a line break between two texts that follow each other."""
    lines: list[str | Image] = []
    for item in items:
        if isinstance(item, str) and lines and isinstance(lines[-1], str):
            lines[-1] += "\n" + item
        else:
            lines.append(item)
    return lines


def picture_cost(processor: Any, max_pixels: int) -> PictureCost:
    """What pictures cost with this processor."""
    side = square_of(processor)
    if side is not None:
        return PictureCost(side, max(1, max_pixels // side**2))
    from PIL import Image

    # A square picture is cut into the most tiles, whatever its size.
    counted = processor(text=[processor.image_token], images=[[Image.new("RGB", (512, 512))]])
    return PictureCost(None, len(counted["input_ids"][0]))


def length(features: Features) -> int:
    """Tokens of features of batch size 1."""
    return int(features["input_ids"].shape[1])


PADDED = {"attention_mask": 0, "mm_token_type_ids": 0, "token_type_ids": 0}


def batch_features(rows: Sequence[Features], pad_token: int, side: str) -> Features:
    """Features of batch size 1 joined into one batch, padded on the tokenizer's side.

    Pictures stand one after the other where the processor counts them by grid (`image_grid_thw`; patches in rows, or
    padded patches per picture), and in a padded dimension of their own where it does not (the Idefics family).
    """
    import torch
    from torch.nn.functional import pad

    longest = max(map(length, rows))
    batch: Features = {}
    for key in sorted({key for row in rows for key in row}):
        values: list[Any] = [row[key] for row in rows if key in row]
        if key == "input_ids" or key in PADDED:
            fill = pad_token if key == "input_ids" else PADDED[key]
            batch[key] = torch.cat([_padded(value, longest, fill, side) for value in values])  # (batch, tokens)
        elif not isinstance(values[0], torch.Tensor):
            batch[key] = values[0]
        elif key in ("pixel_values", "pixel_attention_mask") and values[0].dim() >= 4:
            most = max(value.shape[1] for value in values)
            empty = values[0].new_zeros((1, most, *values[0].shape[2:]))
            stacked = []
            for row in rows:
                room = empty.clone()
                if key in row:
                    room[:, : row[key].shape[1]] = row[key]
                stacked.append(room)
            batch[key] = torch.cat(stacked)  # (batch, pictures, ...)
        elif key == "pixel_values" and values[0].dim() == 3:
            most = max(value.shape[1] for value in values)
            batch[key] = torch.cat([pad(value, (0, 0, 0, most - value.shape[1])) for value in values])
        else:
            batch[key] = torch.cat(values)  # (pictures or patches of all rows, ...)
    return batch


def _padded(value: Tensor, longest: int, fill: int, side: str) -> Tensor:
    import torch

    room = value.new_full((1, longest - value.shape[1]), fill)
    return torch.cat([room, value] if side == "left" else [value, room], dim=1)
