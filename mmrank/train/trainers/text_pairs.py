"""Cross-encoders: MiniLM with a scoring head and an adapter, scored in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmrank.encoders.minilm_weights import embedded_folder
from mmrank.rerankers.minilm_bert import bert_tokenizer
from mmrank.train.trainers.grouped import Row, grouped_mask, teacher_scores, ungroup
from mmrank.train.trainers.lora import lora_config
from mmrank.train.trainers.settings import LoraSettings


def with_head_adapter(model: Any, lora: LoraSettings) -> Any:
    """A sequence classifier with a fresh adapter; its head is trained in full."""
    from peft import get_peft_model

    # peft looks the model's name up on the hub, unless it is a folder on disk.
    model.name_or_path = model.config._name_or_path = str(embedded_folder())
    return get_peft_model(
        model,
        lora_config(
            lora,
            modules_to_save=["classifier"],
            exclude_modules=[".*pooler.dense", "classifier"] if lora.modules == "all-linear" else None,
        ),
    )


class TextPairScorer:
    """A cross-encoder's logit of question and candidate, read as one text pair; a long candidate is truncated.

    Args:
        max_tokens: of a pair, at most.
    """

    def __init__(self, max_tokens: int) -> None:
        self.tokenizer = bert_tokenizer()
        self.max_tokens = max_tokens

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`."""
        mask = grouped_mask(rows)
        inputs = self.tokenizer(
            [row["query"] for row in rows for _ in row["candidates"]],
            [text for row in rows for text in row["candidates"]],
            truncation="only_second",
            max_length=self.max_tokens,
            padding=True,
            return_tensors="pt",
        )
        return {**inputs, "mask": mask, **teacher_scores(rows, mask)}

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1)."""
        given = {name: inputs[name] for name in ("input_ids", "token_type_ids", "attention_mask") if name in inputs}
        return ungroup(model(**given).logits.float(), inputs["mask"])
