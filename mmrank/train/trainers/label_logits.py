"""Language models that judge one candidate by two label words, such as yes and no, scored in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmrank.errors import InputError
from mmrank.rerankers.prompts import JudgePrompt
from mmrank.train.trainers.grouped import Row, grouped_mask, teacher_scores, ungroup
from mmrank.train.trainers.language_models import Turns, tokenised, turns


class LabelScorer:
    """Logits of the positive and the negative label where the answer begins.

    Raises:
        InputError: when a label is not a single token.
    """

    def __init__(self, tokenizer: Any, prompt: JudgePrompt) -> None:
        self.tokenizer = tokenizer
        self.prompt = prompt
        self.labels = [self._id(label) for label in (prompt.positive, prompt.negative)]

    def _id(self, label: str) -> int:
        ids = self.tokenizer.encode(label, add_special_tokens=False)
        if len(ids) != 1:
            raise InputError(f"the label {label!r} is {len(ids)} tokens for this tokenizer; it must be one")
        return int(ids[0])

    def chat(self, query: str, candidate: str) -> Turns:
        """The conversation, which ends where the label is to be said."""
        return turns(self.prompt.chat((query,), (candidate,), self.prompt.instruction))

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`."""
        mask = grouped_mask(rows)
        chats = [self.chat(row["query"], text) for row in rows for text in row["candidates"]]
        return {**tokenised(self.tokenizer, chats), "mask": mask, **teacher_scores(rows, mask)}

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 2): positive, negative."""
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], logits_to_keep=1).logits
        return ungroup(logits[:, -1, self.labels].float(), inputs["mask"])
