"""The embedded MiniLM's passage vectors and token vectors together, by one adapter and contrastive losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from pydantic import Field
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
from sentence_transformers.sentence_transformer.training_args import BatchSamplers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from mmrank.encoders.minilm_network import verified_weights
from mmrank.encoders.minilm_weights import embedded_folder
from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.arguments import common_arguments
from mmrank.train.trainers.lora import lora_config, save_adapter
from mmrank.train.trainers.maxsim import token_scores
from mmrank.train.trainers.run_folder import METRICS, JsonLines, checkpoint_to_resume
from mmrank.train.trainers.settings import LoraSettings, RecipeConfig


class LateInteractionConfig(RecipeConfig):
    """See late_interaction.yaml."""

    negatives: int = Field(1, ge=0, description="hard negatives per question")
    max_tokens: int = Field(160, ge=8, le=512, description="per text")
    token_temperature: float = Field(0.03, gt=0, description="of the loss over token vectors")
    pooled_temperature: float = Field(0.05, gt=0, description="of the loss over passage vectors")
    pooled_weight: float = Field(0.5, ge=0, description="of the loss over passage vectors")
    lora: LoraSettings = LoraSettings()


def train(config: LateInteractionConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train, keep the best checkpoint on held-out documents, and write the adapter to `out`."""
    examples, held_out = config.source.read(keep_without_negatives=True)
    last = checkpoint_to_resume(out, resume)
    torch.manual_seed(config.trainer.seed)
    model = load_minilm(config)
    evaluator = CandidateRecall([example for example in held_out if example.negatives])
    arguments = SentenceTransformerTrainingArguments(
        **common_arguments(config.trainer, out),
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        eval_strategy="steps",
        eval_steps=config.trainer.save_steps,
        load_best_model_at_end=True,
        metric_for_best_model="eval_token_recall",
        greater_is_better=True,
    )
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=columns(examples, config.negatives),
        loss=TokenAndPooledLoss(model, config.token_temperature, config.pooled_temperature, config.pooled_weight),
        evaluator=evaluator,
        callbacks=[JsonLines(out / METRICS)],
    )
    before = evaluator(model)
    trainer.train(resume_from_checkpoint=last)
    after = evaluator(model)
    save_adapter(out, model[0].auto_model, {"base": "minilm", "recipe": "late_interaction"})
    return TrainingReport("late_interaction", out, before, after)


def load_minilm(config: LateInteractionConfig) -> SentenceTransformer:
    """MiniLM with a fresh adapter."""
    verified_weights(embedded_folder())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = SentenceTransformer(str(embedded_folder()), device=device)
    model.max_seq_length = config.max_tokens
    model.add_adapter(lora_config(config.lora, exclude_modules=["pooler.dense"]))
    return model


def columns(examples: Sequence[RankingExample], negatives: int) -> Dataset:
    """Columns anchor, positive, negative_1, …; missing negatives are the relevant passages of the next example."""
    rows: dict[str, list[str]] = {"anchor": [], "positive": []}
    for number in range(1, negatives + 1):
        rows[f"negative_{number}"] = []
    for place, example in enumerate(examples):
        borrowed = examples[(place + 1) % len(examples)].positives
        hard = [*example.negatives, *borrowed * negatives][:negatives]
        rows["anchor"].append(example.query)
        rows["positive"].append(example.positives[place % len(example.positives)])
        for number, text in enumerate(hard, 1):
            rows[f"negative_{number}"].append(text)
    return Dataset.from_dict(rows)


def inner_tokens(features: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Unit token vectors in float32 and the mask of tokens that are neither padding, [CLS] nor [SEP]."""
    mask = features["attention_mask"].bool().clone()
    last = mask.sum(dim=1) - 1
    mask[:, 0] = False
    mask[torch.arange(len(mask)), last] = False
    return normalize(features["token_embeddings"].float(), dim=-1), mask


class TokenAndPooledLoss(nn.Module):
    """InfoNCE over token scores, plus `pooled_weight` times InfoNCE over cosines of passage vectors."""

    def __init__(
        self, model: SentenceTransformer, token_temperature: float, pooled_temperature: float, pooled_weight: float
    ) -> None:
        super().__init__()
        self.model = model
        self.token_temperature = token_temperature
        self.pooled_temperature = pooled_temperature
        self.pooled_weight = pooled_weight

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Loss of one batch: features of anchors, positives, then each column of negatives."""
        anchor, *columns = [self.model(features) for features in sentence_features]
        queries, query_mask = inner_tokens(anchor)
        token = torch.cat(
            [token_scores(queries, query_mask, *inner_tokens(column)) for column in columns], dim=1
        )  # (batch, batch × columns)
        pooled = (
            normalize(anchor["sentence_embedding"].float(), dim=-1)
            @ torch.cat([normalize(column["sentence_embedding"].float(), dim=-1) for column in columns]).T
        )
        wanted = torch.arange(len(queries), device=token.device)
        loss = cross_entropy(token / self.token_temperature, wanted)
        return loss + self.pooled_weight * cross_entropy(pooled / self.pooled_temperature, wanted)


class CandidateRecall(SentenceEvaluator):
    """Share of questions whose best-scored candidate is relevant, by token scores and by passage vectors."""

    def __init__(self, examples: Sequence[RankingExample]) -> None:
        super().__init__()
        if not examples:
            raise InputError("the held-out examples have no negatives, so there is nothing to rank")
        self.examples = examples
        self.primary_metric = "token_recall"

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Returns token_recall and pooled_recall, 0 to 1."""
        texts = list(dict.fromkeys(t for e in self.examples for t in (e.query, *e.positives, *e.negatives)))
        vectors = encode_both(model, texts)
        found = [0, 0]
        for example in self.examples:
            query, query_mask, pooled_query = vectors[example.query]
            candidates = (*example.positives, *example.negatives)
            token = [
                float(token_scores(query[None], query_mask[None], vectors[c][0][None], vectors[c][1][None]))
                for c in candidates
            ]
            pooled = [float(pooled_query @ vectors[c][2]) for c in candidates]
            for place, scores in enumerate((token, pooled)):
                found[place] += max(range(len(scores)), key=scores.__getitem__) < len(example.positives)
        return {
            "token_recall": found[0] / len(self.examples),
            "pooled_recall": found[1] / len(self.examples),
        }


def encode_both(
    model: SentenceTransformer, texts: Sequence[str], batch: int = 32
) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """By text: its unit token vectors (tokens, dim), their mask, and its unit pooled vector (dim,)."""
    model.eval()
    found: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    ordered = sorted(texts, key=len)
    for start in range(0, len(ordered), batch):
        part = ordered[start : start + batch]
        features = {
            name: value.to(model.device) for name, value in model.preprocess(part).items() if isinstance(value, Tensor)
        }
        with torch.inference_mode(), torch.autocast(model.device.type, dtype=torch.bfloat16):
            output = model(features)
        tokens, mask = inner_tokens(output)
        pooled = normalize(output["sentence_embedding"].float(), dim=-1)
        for text, row, keep, one in zip(part, tokens, mask, pooled, strict=True):
            found[text] = (row[keep], keep[keep], one)
    return found
