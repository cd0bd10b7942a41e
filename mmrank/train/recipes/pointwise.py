"""The embedded cross-encoder: MiniLM with a scoring head, by softmax over the candidates of each question."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import Field

from mmrank.rerankers.cross_encoder import minilm_with_head
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.grouped import fit, rows_of
from mmrank.train.trainers.lora import save_adapter
from mmrank.train.trainers.settings import LoraSettings, RecipeConfig
from mmrank.train.trainers.text_pairs import TextPairScorer, with_head_adapter


class PointwiseConfig(RecipeConfig):
    """See pointwise.yaml."""

    candidates: int = Field(4, ge=2, description="per question, the relevant one included")
    max_tokens: int = Field(192, ge=16, le=512, description="per pair of question and candidate")
    lora: LoraSettings = LoraSettings()


def train(config: PointwiseConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train, and write `adapter.safetensors` as `MiniLMCrossEncoder` loads it."""
    examples, held_out = config.source.read()
    torch.manual_seed(config.trainer.seed)
    model = with_head_adapter(minilm_with_head(), config.lora)
    before, after = fit(
        model,
        rows=rows_of(examples, config.candidates, config.trainer.seed),
        held_out=rows_of(held_out, config.candidates),
        scorer=TextPairScorer(config.max_tokens),
        objective=lambda scores, batch: softmax_cross_entropy(scores[..., 0], batch["mask"]),
        settings=config.trainer,
        out=out,
        baseline=config.measure.baseline,
        plus=config.lora.plus,
        resume=resume,
    )
    save_adapter(out, model, {"base": "minilm", "recipe": "pointwise"}, head="classifier")
    return TrainingReport("pointwise", out, before, after)
