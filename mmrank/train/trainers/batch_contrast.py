"""Contrastive training of encoders: each question and its passage against the other passages of the batch.

InfoNCE (van den Oord et al. 2018) with in-batch and hard negatives (DPR, Karpukhin et al. 2020), over cosines or, for
encoders with one vector per token, over MaxSim (ColBERT, Khattab & Zaharia 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmrank.encoders.passage_text import passage_text
from mmrank.encoders.text import TextEncoder, TextTokensEncoder
from mmrank.encoders.vision import VisionEncoder
from mmrank.encoders.vision_tokens import VisionTokensEncoder
from mmrank.errors import MmrankError
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.trainers.grouped import fit
from mmrank.train.trainers.lora import adapt_encoder, merge_in_place
from mmrank.train.trainers.maxsim import token_scores
from mmrank.train.trainers.settings import LoraSettings, TrainerSettings
from mmrank.types import Passage, Query

Trainable = TextEncoder | TextTokensEncoder | VisionEncoder | VisionTokensEncoder

QuestionRow = Mapping[str, Any]
"""`query` (text), `passages` (the relevant one first), and `known`: the ids of all passages known to answer it."""


def train_encoder(
    encoder: Trainable,
    rows: Sequence[QuestionRow],
    held_out: Sequence[QuestionRow],
    *,
    settings: TrainerSettings,
    out: Path,
    temperature: float = 0.05,
    lora: LoraSettings | None = None,
    keep_inputs: bool = False,
    resume: bool = False,
    baseline: bool = True,
) -> tuple[dict[str, float], dict[str, float]]:
    """Train an encoder in place, and keep the checkpoint with the best held-out recall.

    A passage that is known to answer a question is never a negative of that question.

    Args:
        encoder: left in eval mode; parameters that do not require gradients stay as they are.
        rows: questions to train on.
        held_out: questions to measure on.
        settings: of the trainer.
        out: folder for checkpoints and metrics.jsonl.
        temperature: what similarities are divided by.
        lora: train a low-rank adapter, and add it to the weights at the end; None trains all weights.
        keep_inputs: hold rendered and tokenised inputs of vision-language encoders in memory: for sets that fit.
        resume: continue from the last checkpoint.
        baseline: measure before training too.

    Returns:
        `loss`, `recall` (at 1, among the passages of a batch) and `mrr` on `held_out` before and after.

    Raises:
        InputError: when `out` holds a run and `resume` is False, or there is nothing to resume.
        MmrankError: when the loss is not finite.
    """
    torch.manual_seed(settings.seed)
    if lora is not None:
        adapt_encoder(encoder, lora)
    figures = fit(
        AllPairs(encoder),
        rows=rows,
        held_out=held_out,
        scorer=BatchScorer(encoder, keep_inputs=keep_inputs),
        objective=Contrast(temperature),
        settings=settings,
        out=out,
        resume=resume,
        baseline=baseline,
        plus=lora.plus if lora else None,
    )
    merge_in_place(encoder.model)
    return figures


class Contrast:
    """Softmax over the passages of the batch, divided by a temperature.

    Raises:
        MmrankError: when the loss is not finite.
    """

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def __call__(self, scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """The mean over the questions of a batch."""
        loss = softmax_cross_entropy(scores[..., 0] / self.temperature, batch["mask"])
        if not torch.isfinite(loss):
            raise MmrankError(f"the loss became {loss.item()}; lower the learning rate")
        return loss


class BatchScorer:
    """Each question against all passages of its batch, its own relevant one in column 0.

    Passages that are known to answer a question too are masked out for it.
    """

    def __init__(self, encoder: Trainable, *, keep_inputs: bool = False) -> None:
        self.encoder = encoder
        self._kept: dict[tuple[str, str], Any] | None = {} if keep_inputs else None

    def collate(self, rows: Sequence[QuestionRow]) -> dict[str, Any]:
        """See `GroupScorer`: here `mask` is (batch, passages of the batch), and `order` holds their positions."""
        passages = [passage for row in rows for passage in row["passages"]]
        order, mask, start = [], [], 0
        for row in rows:
            others = [place for place in range(len(passages)) if place != start]
            order.append([start, *others])
            mask.append([True, *(passages[place].id not in row["known"] for place in others)])
            start += len(row["passages"])
        return {
            "queries": self._queries([str(row["query"]) for row in rows]),
            "passages": self._passages(passages),
            "order": torch.tensor(order),
            "mask": torch.tensor(mask),
        }

    def scores(self, model: Any, inputs: Mapping[str, Any]) -> Tensor:
        """(batch, passages of the batch, 1)."""
        found: Tensor = model(inputs["queries"], inputs["passages"])
        return found.gather(1, inputs["order"])[..., None]

    def _queries(self, texts: list[str]) -> Any:
        encoder, model = self.encoder, self.encoder.model
        if isinstance(encoder, TextTokensEncoder):
            return dict(model.preprocess(texts, task="query"))
        if isinstance(encoder, TextEncoder):
            return dict(model.preprocess(texts, prompt=(model.prompts or {}).get("query") or None))
        if isinstance(encoder, VisionTokensEncoder) and "message" not in model[0].modality_config:
            return [dict(model.preprocess([text], task="query")) for text in texts]
        inputs = encoder.inputs
        return [self._once("query", text, partial(inputs.query, Query(text))) for text in texts]

    def _passages(self, passages: list[Passage]) -> Any:
        encoder, model = self.encoder, self.encoder.model
        if isinstance(encoder, TextTokensEncoder):
            return dict(model.preprocess([passage_text(passage) for passage in passages], task="document"))
        if isinstance(encoder, TextEncoder):
            prompt = (model.prompts or {}).get("document") or None
            return dict(model.preprocess([passage_text(passage) for passage in passages], prompt=prompt))
        inputs = encoder.inputs
        return [self._once("passage", one.id, partial(inputs.passage, one)) for one in passages]

    def _once(self, kind: str, name: str, make: Callable[[], Any]) -> Any:
        if self._kept is None:
            return make()
        if (kind, name) not in self._kept:
            self._kept[kind, name] = make()
        return self._kept[kind, name]


class AllPairs(nn.Module):
    """Similarities of questions and passages, as one module that the trainer can spread over devices."""

    def __init__(self, encoder: Trainable) -> None:
        super().__init__()
        self.encoder = encoder.model
        self._of = encoder

    def forward(self, queries: Any, passages: Any) -> Tensor:
        """(queries, passages): cosines, or the mean over a question's tokens of their best cosine."""
        if isinstance(self._of, (TextEncoder, VisionEncoder)):
            return self._single(queries) @ self._single(passages).T
        return token_scores(*self._tokens(queries, "query"), *self._tokens(passages, "document"))

    def _single(self, given: Any) -> Tensor:
        if isinstance(self._of, VisionEncoder):
            return self._of.embed(given)
        return normalize(self.encoder(dict(given))["sentence_embedding"].float(), dim=-1)

    def _tokens(self, given: Any, task: str) -> tuple[Tensor, Tensor]:
        if isinstance(self._of, VisionTokensEncoder):
            return self._of.embed(given, task)
        output = self.encoder(dict(given), task=task)
        return normalize(output["token_embeddings"].float(), dim=-1), output["attention_mask"].bool()
