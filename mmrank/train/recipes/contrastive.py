"""Any encoder by contrast, in-batch and hard negatives: text or vision-language, one vector or one a token."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmrank.encoders import load_encoder
from mmrank.encoders.minilm_network import embedded_folder
from mmrank.encoders.text import TextEncoder, TextTokensEncoder
from mmrank.encoders.vision import VisionEncoder
from mmrank.encoders.vision_tokens import VisionTokensEncoder
from mmrank.errors import InputError
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.pages import page_picture
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.recipes.config import LoraSettings, RecipeConfig
from mmrank.train.recipes.grouped import Row, fit
from mmrank.train.recipes.late_interaction import token_scores
from mmrank.train.recipes.reinforce import lora_config
from mmrank.train.recipes.report import TrainingReport
from mmrank.train.recipes.source import Source
from mmrank.types import Part, PartKind, Passage, Query

Trainable = TextEncoder | TextTokensEncoder | VisionEncoder | VisionTokensEncoder


class ContrastiveConfig(RecipeConfig):
    """See contrastive.yaml."""

    encoder: str = "minilm"
    source: Source = Source()
    pictures: bool = Field(False, description="candidates are pages as pictures: file.pdf#page=4")
    max_pixels: int | None = Field(None, ge=784, description="of a picture")
    negatives: int = Field(1, ge=0, description="hard negatives a question, at most")
    temperature: float = Field(0.05, gt=0)
    lora: LoraSettings | None = LoraSettings()


def train(config: ContrastiveConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Train, keep the best checkpoint by recall among a batch's passages, and write the encoder to `out/model`."""
    examples, held_out = config.source.read(alone=True)
    encoder = trainable(config)
    torch.manual_seed(config.trainer.seed)
    if config.lora is not None:
        from peft import inject_adapter_in_model

        inject_adapter_in_model(lora_config(config.lora, sees=encoder.info.reads_images), encoder.model)
    before, after = fit(
        AllPairs(encoder),
        rows=rows_of(examples, config.negatives, config.trainer.seed),
        held_out=rows_of(held_out, config.negatives),
        scorer=BatchScorer(encoder, config.pictures),
        objective=lambda scores, batch: softmax_cross_entropy(scores[..., 0] / config.temperature, batch["mask"]),
        settings=config.trainer,
        out=out,
        resume=resume,
    )
    merge_in_place(encoder.model)
    if isinstance(encoder, VisionEncoder):
        encoder.save(out / "model")
    else:
        encoder.model.save(str(out / "model"))
    return TrainingReport("contrastive", out, before, after)


def trainable(config: ContrastiveConfig) -> Trainable:
    """The encoder, its weights in float32 where there is no GPU.

    Raises:
        InputError: when it reads no pictures and is to be shown some, or has no limit on them to set.
    """
    source = str(embedded_folder()) if config.encoder == "minilm" else config.encoder
    dtype = None if torch.cuda.is_available() else "float32"
    encoder = load_encoder(source, dtype=dtype, max_pixels=config.max_pixels)
    if not isinstance(encoder, Trainable):
        raise InputError(f"{config.encoder} cannot be trained; name minilm, a folder or a checkpoint of the hub")
    if config.pictures and not encoder.info.reads_images:
        raise InputError(f"{config.encoder} reads no pictures; name a vision-language encoder or set pictures: false")
    return encoder


def rows_of(examples: Sequence[RankingExample], negatives: int, seed: int = 0) -> list[Row]:
    """A relevant passage and up to `negatives` others a question."""
    chance = random.Random(seed)
    return [
        {"query": e.query, "candidates": [chance.choice(e.positives), *e.negatives[:negatives]], "known": e.positives}
        for e in examples
    ]


class BatchScorer:
    """Each question against all passages of its batch, its own relevant one in column 0.

    Passages that are known to answer a question too are masked out for it.
    """

    def __init__(self, encoder: Trainable, pictures: bool) -> None:
        self.encoder = encoder
        self.pictures = pictures

    def collate(self, rows: Sequence[Row]) -> dict[str, Any]:
        """See `Scorer`: here `mask` is (batch, passages of the batch), and `order` holds their places."""
        texts = [text for row in rows for text in row["candidates"]]
        order, mask, start = [], [], 0
        for row in rows:
            others = [place for place in range(len(texts)) if place != start]
            order.append([start, *others])
            mask.append([True, *(texts[place] not in row["known"] for place in others)])
            start += len(row["candidates"])
        return {
            "queries": self._queries([str(row["query"]) for row in rows]),
            "passages": self._passages(texts),
            "order": torch.tensor(order),
            "mask": torch.tensor(mask),
        }

    def scores(self, model: Any, inputs: Mapping[str, Any]) -> Tensor:
        """(batch, passages of the batch, 1)."""
        found: Tensor = model(inputs["queries"], inputs["passages"])
        return found.gather(1, inputs["order"])[..., None]

    def _queries(self, texts: list[str]) -> Any:
        model = self.encoder.model
        if isinstance(self.encoder, TextTokensEncoder):
            return dict(model.preprocess(texts, task="query"))
        if isinstance(self.encoder, TextEncoder):
            return dict(model.preprocess(texts, prompt=(model.prompts or {}).get("query") or None))
        if isinstance(self.encoder, VisionTokensEncoder) and "message" not in model[0].modality_config:
            return [dict(model.preprocess([text], task="query")) for text in texts]
        return [self.encoder.inputs.query(Query(text)) for text in texts]

    def _passages(self, texts: list[str]) -> Any:
        model = self.encoder.model
        if isinstance(self.encoder, TextTokensEncoder):
            return dict(model.preprocess(texts, task="document"))
        if isinstance(self.encoder, TextEncoder):
            return dict(model.preprocess(texts, prompt=(model.prompts or {}).get("document") or None))
        return [self.encoder.inputs.passage(self._passage(text)) for text in texts]

    def _passage(self, text: str) -> Passage:
        part = Part(PartKind.IMAGE, "", (), page_picture(text)) if self.pictures else Part(PartKind.TEXT, text, ())
        return Passage("", "", 0, 0, (part,), (), ())


class AllPairs(nn.Module):
    """Questions against passages, as one module that the trainer can spread over devices."""

    def __init__(self, encoder: Trainable) -> None:
        super().__init__()
        self.encoder = encoder.model
        self._of = encoder

    def forward(self, queries: Any, passages: Any) -> Tensor:
        """(queries, passages): cosine, or the mean over a question's tokens of the best cosine."""
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


def merge_in_place(model: nn.Module) -> None:
    """Add every adapter to the weights it adapts, and put the plain layers back."""
    from peft.tuners.lora import LoraLayer

    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoraLayer):
            layer.merge()
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, layer.get_base_layer())
