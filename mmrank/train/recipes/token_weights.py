"""How much each word of a question counts in late interaction: weights of tokens beside a frozen MiniLM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mmrank.encoders.minilm import MiniLM, Tokens
from mmrank.encoders.protocol import Vectors
from mmrank.rerankers.token_weights import TokenWeights, interact, read_tokens
from mmrank.train.data.scorers import text_passages
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.grouped import Row, fit, grouped_mask, rows_of, ungroup
from mmrank.train.trainers.lora import ADAPTER, write_adapter
from mmrank.train.trainers.settings import RecipeConfig
from mmrank.types import Query

BATCH = 512
"""Passages that are encoded together."""


class TokenWeightsConfig(RecipeConfig):
    """See token_weights.yaml."""

    candidates: int = Field(8, ge=2, description="per question, the relevant one included")
    temperature: float = Field(0.035, gt=0)


def train(config: TokenWeightsConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Compare every question with its candidates once, train, and write what the reranker `late-interaction` loads."""
    examples, held_out = config.source.read()
    encoder = MiniLM()
    torch.manual_seed(config.trainer.seed)
    model = TokenWeights()
    before, after = fit(
        model,
        rows=interacting(encoder, rows_of(examples, config.candidates, config.trainer.seed)),
        held_out=interacting(encoder, rows_of(held_out, config.candidates)),
        scorer=InteractionScorer(config.temperature),
        objective=lambda scores, batch: softmax_cross_entropy(scores[..., 0], batch["mask"]),
        settings=config.trainer,
        out=out,
        baseline=config.measure.baseline,
        resume=resume,
    )
    write_adapter(out / ADAPTER, model.state_dict(), {"base": "minilm", "recipe": "token_weights"}, torch.float32)
    return TrainingReport("token_weights", out, before, after)


def interacting(encoder: MiniLM, rows: Sequence[Row]) -> list[Row]:
    """The rows with `interactions`. Meanwhile all passages' vectors are in memory: about 80 KB each, in 16 bits."""
    texts = list(dict.fromkeys(text for row in rows for text in row["candidates"]))
    known: dict[str, tuple[Tokens, Vectors]] = {}
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        for text, (ids, vectors) in zip(part, read_tokens(encoder, text_passages(part)), strict=True):
            known[text] = (ids, vectors.astype(np.float16))

    def of(text: str) -> tuple[Tokens, Vectors]:
        ids, vectors = known[text]
        return ids, vectors.astype(np.float32)

    return [
        {**row, "interactions": interact(encoder, Query(row["query"]), [of(text) for text in row["candidates"]])}
        for row in rows
    ]


class InteractionScorer:
    """Scores of `TokenWeights`, divided by a temperature."""

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`; `best` and `same` are (batch, candidates, tokens), zero for padding."""
        mask = grouped_mask(rows)
        found = [row["interactions"] for row in rows]
        width = max(len(one.asked) for one in found)
        asked = torch.zeros(len(rows), width, found[0].asked.shape[1])
        standing = torch.zeros(len(rows), width)
        best, same = torch.zeros(2, int(mask.sum()), width)
        begin = 0
        for place, one in enumerate(found):
            end, tokens = begin + len(one.best), len(one.asked)
            asked[place, :tokens] = torch.from_numpy(one.asked)
            standing[place, :tokens] = 1
            best[begin:end, :tokens] = torch.from_numpy(one.best)
            same[begin:end, :tokens] = torch.from_numpy(one.same.astype(np.float32))
            begin = end
        return {
            "asked": asked,
            "standing": standing,
            "best": ungroup(best, mask),
            "same": ungroup(same, mask),
            "mask": mask,
        }

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1)."""
        found = model(inputs["asked"], inputs["best"], inputs["same"], inputs["standing"])
        return (found.float() / self.temperature)[..., None]
