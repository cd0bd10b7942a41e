"""Language models that judge one candidate by two label words, such as yes and no, scored in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrank.errors import InputError
from mmrank.picture_sizes import opened_for
from mmrank.rerankers.prompts import JudgePrompt
from mmrank.train.data.pages import page_picture
from mmrank.train.trainers.grouped import Row, grouped_mask, teacher_scores, ungroup
from mmrank.train.trainers.language_models import Turns, tokenised, turns
from mmrank.train.trainers.shared_count import SharedCount
from mmrank.train.trainers.vision_language import MAX_PIXELS, check_picture_tokens, pixels_per_token

POSITIVE, NEGATIVE, MARGIN, ALONG = range(4)
"""Outputs of `LabelScorer`: the two logits, their difference and, with a learnt direction, what lies along it."""
DIRECTION = "direction"
"""Name of the learnt direction among a model's modules."""


class LabelScorer:
    """Logits of the positive and the negative label where the answer begins.

    Args:
        tokenizer: the model's, or its processor if candidates are pictures.
        prompt: in whose words the model is asked.
        pictures: candidates name pages (file.pdf#page=4), which are shown.
        max_pixels: of a picture.
        max_tokens: of a prompt; a longer candidate is shortened and counted in `shortened`, a larger picture scaled.

    Raises:
        InputError: when a label is not a single token, or the question alone is longer than `max_tokens`.
    """

    def __init__(
        self,
        tokenizer: Any,
        prompt: JudgePrompt,
        *,
        pictures: bool = False,
        max_pixels: int = MAX_PIXELS,
        max_tokens: int | None = None,
    ) -> None:
        self.processor = tokenizer
        self.tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
        self.prompt = prompt
        self.pictures = pictures
        self.max_pixels = max_pixels
        self.max_tokens = max_tokens
        self._shortened = SharedCount()
        self.labels = [self._id(label) for label in (prompt.positive, prompt.negative)]

    @property
    def shortened(self) -> int:
        """Candidates that were cut."""
        return int(self._shortened)

    def _id(self, label: str) -> int:
        ids = self.tokenizer.encode(label, add_special_tokens=False)
        if len(ids) != 1:
            raise InputError(f"the label {label!r} is {len(ids)} tokens for this tokenizer; it must be one")
        return int(ids[0])

    def chat(self, query: str, candidate: str) -> Turns:
        """The conversation, which ends where the label is to be said."""
        content = page_picture(candidate) if self.pictures else self._within(query, candidate)
        return turns(self.prompt.chat((query,), (content,), self.prompt.instruction))

    def length(self, chat: Turns) -> int:
        """Tokens of a prompt; a picture is counted as large as it may be."""
        text = self.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        shown = self._pixels(text) // pixels_per_token(self.processor) if self.pictures else 0
        return self._length(text) + shown

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`."""
        mask = grouped_mask(rows)
        pairs = [(row["query"], text) for row in rows for text in row["candidates"]]
        chats = [self.chat(*pair) for pair in pairs]
        inputs = self._seen(pairs, chats) if self.pictures else tokenised(self.tokenizer, chats)
        return {**inputs, "mask": mask, **teacher_scores(rows, mask)}

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 3): positive, negative, their difference; and a fourth with a learnt direction."""
        given = {name: value for name, value in inputs.items() if name not in ("mask", "teacher")}
        along = next((layer for name, layer in model.named_modules() if name.split(".")[-1] == DIRECTION), None)
        made = model(**given, logits_to_keep=1, use_cache=False, output_hidden_states=along is not None)
        labels = made.logits[:, -1, self.labels].float()  # (all candidates, 2)
        found = [labels, labels[:, :1] - labels[:, 1:]]
        if along is not None:
            found.append(along(made.hidden_states[-1][:, -1].to(next(along.parameters()).dtype)).float())
        return ungroup(torch.cat(found, dim=1), inputs["mask"])

    def _seen(self, pairs: Sequence[tuple[str, str]], chats: Sequence[Turns]) -> dict[str, Tensor]:
        texts = [self.processor.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
        self.tokenizer.padding_side = "left"
        shown = [
            [opened_for(self.processor, page_picture(candidate), self._pixels(text))]
            for (_, candidate), text in zip(pairs, texts, strict=True)
        ]
        inputs = self.processor(text=texts, images=shown, padding=True, return_tensors="pt")
        check_picture_tokens(self.processor, inputs["input_ids"], inputs)
        return dict(inputs)

    def _pixels(self, text: str) -> int:
        """What is left for the picture of a prompt."""
        if self.max_tokens is None:
            return self.max_pixels
        unit = pixels_per_token(self.processor)
        room = self.max_tokens - self._length(text) - 2
        if room < 4:
            raise InputError(f"a question leaves no room for a picture in max_tokens ({self.max_tokens}); raise it")
        return min(self.max_pixels, room * unit)

    def _within(self, query: str, candidate: str) -> str:
        if self.max_tokens is None:
            return candidate
        chat = turns(self.prompt.chat((query,), (candidate,), self.prompt.instruction))
        rendered = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        excess = self._length(rendered) - self.max_tokens
        if excess <= 0:
            return candidate
        self._shortened.add()
        offsets = self.tokenizer(candidate, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        kept = len(offsets) - excess - 1
        if kept < 1:
            raise InputError(f"a question alone takes more than max_tokens ({self.max_tokens}); raise it")
        return candidate[: offsets[kept - 1][1]]

    def _length(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def with_direction(model: Any, seed: int) -> Any:
    """The model with a direction of its hidden states to be learnt, random at first: `model.direction`."""
    hidden = model.config.get_text_config().hidden_size
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layer = nn.Linear(hidden, 1, bias=False)
    weight = next(model.parameters())
    model.add_module(DIRECTION, layer.to(weight.device, torch.float32))
    return model
