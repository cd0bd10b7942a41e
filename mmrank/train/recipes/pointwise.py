"""The embedded cross-encoder: MiniLM with a scoring head, trained on groups by softmax cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from mmrank.encoders.minilm_network import embedded_folder
from mmrank.rerankers.cross_encoder import minilm_with_head
from mmrank.rerankers.minilm_bert import bert_tokenizer
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.recipes.adapters import save_adapter
from mmrank.train.recipes.config import LoraSettings, RecipeConfig
from mmrank.train.recipes.grouped import Row, fit, grouped_mask, rows_of, teacher_scores, ungroup
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source


class PointwiseConfig(RecipeConfig, Source):
    """See pointwise.yaml."""

    candidates: int = Field(4, ge=2, description="a question, the relevant one included")
    max_tokens: int = Field(192, ge=16, le=512)
    lora: LoraSettings = LoraSettings()


def train(config: PointwiseConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train, and write `adapter.safetensors` as `MiniLMCrossEncoder` loads it."""
    examples, held_out = config.read()
    torch.manual_seed(config.trainer.seed)
    model = with_adapter(minilm_with_head(), config.lora)
    before, after = fit(
        model,
        rows=rows_of(examples, config.candidates, config.trainer.seed),
        held_out=rows_of(held_out, config.candidates),
        scorer=PairScorer(config.max_tokens),
        objective=lambda scores, batch: softmax_cross_entropy(scores[..., 0], batch["mask"]),
        settings=config.trainer,
        out=out,
        resume=resume,
    )
    save_adapter(out, model, {"base": "minilm", "recipe": "pointwise"}, head="classifier")
    return TrainingReport("pointwise", out, before, after)


def with_adapter(model: Any, lora: LoraSettings) -> Any:
    """A sequence classifier with a fresh adapter; its head is trained in full."""
    from peft import LoraConfig, get_peft_model

    # peft looks this name up on the hub; a folder it finds on disk.
    model.name_or_path = model.config._name_or_path = str(embedded_folder())
    return get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.modules,
            layers_to_transform=lora.layers,
            modules_to_save=["classifier"],
            exclude_modules=[".*pooler.dense", "classifier"] if lora.modules == "all-linear" else None,
        ),
    )


class PairScorer:
    """Question and candidate as one text pair; the candidate is cut."""

    def __init__(self, max_tokens: int) -> None:
        self.tokenizer = bert_tokenizer()
        self.max_tokens = max_tokens

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `Scorer`."""
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
