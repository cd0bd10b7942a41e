"""A low-rank change to the vectors of questions, for an encoder and an index that stay as they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmrank.adapters import DOWN, UP
from mmrank.encoders import load_encoder
from mmrank.encoders.protocol import Encoder
from mmrank.encoders.query_adapter import LAYER, metadata_of
from mmrank.errors import InputError
from mmrank.lexical import InMemoryBM25
from mmrank.retrieve.words import words
from mmrank.train.data.examples import RankingExample
from mmrank.train.data.scorers import text_passages
from mmrank.train.objectives.contrastive import contrast
from mmrank.train.objectives.distillation import softmax_cross_entropy
from mmrank.train.protocol import TrainingReport
from mmrank.train.trainers.grouped import Row, fit, grouped_mask, rows_of, ungroup
from mmrank.train.trainers.lora import ADAPTER, write_adapter
from mmrank.train.trainers.settings import RecipeConfig
from mmrank.types import Query


class QueryAdapterConfig(RecipeConfig):
    """See query_adapter.yaml."""

    encoder: str = Field("minilm", description="any with one vector per passage, by its name or folder")
    candidates: int = Field(8, ge=2, description="per question, the relevant one included")
    rank: int = Field(16, ge=1, description="of the change")
    temperature: float = Field(0.05, gt=0)
    lexical: float = Field(0.2, ge=0, description="initial weight of BM25 beside cosine / temperature; it is learnt")


def train(config: QueryAdapterConfig, out: Path, *, resume: bool = False) -> TrainingReport:
    """Encode everything once, then train, and write the file that the setting `query_adapter` of a collection takes.

    Held-out `recall` and `mrr` are by cosine and BM25 together, as weighed in training; `cosine_recall` is by cosine.
    """
    examples, held_out = config.source.read()
    encoder = load_encoder(config.encoder)
    if not isinstance(encoder, Encoder) or encoder.info.multi_vector:
        raise InputError(f"{config.encoder} gives many vectors per passage; a query adapter works with one")
    torch.manual_seed(config.trainer.seed)
    model = LowRank(encoder.info.dimension, config.rank, config.lexical)
    tests = encoded(encoder, held_out, config.candidates)
    plain = cosine_recall(model, tests)
    before, after = fit(
        model,
        rows=encoded(encoder, examples, config.candidates, config.trainer.seed),
        held_out=tests,
        scorer=VectorScorer(config.temperature),
        objective=in_batch_and_beside_words,
        settings=config.trainer,
        out=out,
        baseline=config.measure.baseline,
        resume=resume,
    )
    tensors = {LAYER + DOWN: model.down.weight.detach(), LAYER + UP: model.up.weight.detach()}
    about = {**metadata_of(encoder.info), "recipe": "query_adapter", "scale": "1.0"}
    write_adapter(out / ADAPTER, tensors, about, torch.float32)
    before, after = before | {"cosine_recall": plain}, after | {"cosine_recall": cosine_recall(model, tests)}
    return TrainingReport("query_adapter", out, before, after)


class LowRank(nn.Module):
    """What `QueryAdapter` computes, and the weight of BM25 beside it in training."""

    def __init__(self, dimension: int, rank: int, lexical: float) -> None:
        super().__init__()
        self.down = nn.Linear(dimension, rank, bias=False)
        self.up = nn.Linear(rank, dimension, bias=False)
        self.lexical = nn.Parameter(torch.tensor(lexical))
        nn.init.zeros_(self.up.weight)

    def forward(self, queries: Tensor, bm25: Tensor) -> tuple[Tensor, Tensor]:
        """(queries, dimension), of unit length, in and out; BM25, of any shape, times its weight."""
        return self.moved(queries), self.lexical * bm25

    def moved(self, queries: Tensor) -> Tensor:
        """(queries, dimension), of unit length, in and out."""
        return normalize(queries + self.up(self.down(queries)), dim=-1)


def encoded(encoder: Encoder, examples: Sequence[RankingExample], candidates: int, seed: int = 0) -> list[Row]:
    """Rows with `asked` (dimension,), `vectors` (candidates, dimension), `bm25` (candidates,), and `positives`.

    BM25 takes its word statistics from all candidates of the same document.
    """
    rows = rows_of(examples, candidates, seed)
    texts = list(dict.fromkeys(text for row in rows for text in row["candidates"]))
    vectors = np.asarray(encoder.encode_passages(text_passages(texts)), dtype=np.float32)
    at = {text: place for place, text in enumerate(texts)}
    asked = np.asarray(encoder.encode_queries([Query(row["query"]) for row in rows]), dtype=np.float32)
    held: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        for text in row["candidates"]:
            held[row["group"]].setdefault(text, len(held[row["group"]]))
    statistics = {group: InMemoryBM25([Counter(words(text)) for text in known]) for group, known in held.items()}
    return [
        {
            **row,
            "asked": one,
            "vectors": vectors[[at[text] for text in row["candidates"]]],
            "bm25": statistics[row["group"]].scores(words(row["query"]))[
                [held[row["group"]][text] for text in row["candidates"]]
            ],
        }
        for row, one in zip(rows, asked, strict=True)
    ]


class VectorScorer:
    """Logits of a question's own candidates by cosine and BM25, and of all candidates of the batch by cosine alone."""

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def collate(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """See `GroupScorer`; `answering` (questions, batch, candidates) says which candidates answer a question."""
        mask = grouped_mask(rows)
        answering = torch.zeros(len(rows), *mask.shape, dtype=torch.bool)
        for asked, row in enumerate(rows):
            for owner, other in enumerate(rows):
                for place, text in enumerate(other["candidates"]):
                    answering[asked, owner, place] = text in row["positives"]
        return {
            "asked": torch.from_numpy(np.stack([row["asked"] for row in rows])),
            "vectors": ungroup(torch.from_numpy(np.concatenate([row["vectors"] for row in rows])), mask),
            "bm25": ungroup(torch.from_numpy(np.concatenate([row["bm25"] for row in rows]))[:, None].float(), mask),
            "answering": answering,
            "mask": mask,
        }

    def scores(self, model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, candidates, 1 + batch): by the candidate's own question, then by each question's cosine alone."""
        asked, by_words = model(inputs["asked"], inputs["bm25"])  # (batch, dimension), (batch, candidates, 1)
        cosines = torch.einsum("bcd,qd->bcq", inputs["vectors"], asked) / self.temperature
        own = cosines.diagonal(dim1=0, dim2=2).T[..., None] + by_words  # (batch, candidates, 1)
        return torch.cat([own, cosines], dim=-1)


def cosine_recall(model: LowRank, rows: Sequence[Row]) -> float:
    """Share of questions whose right candidate has the highest cosine, 0 to 1."""
    with torch.inference_mode():
        given = torch.from_numpy(np.stack([row["asked"] for row in rows])).to(model.lexical.device)
        asked = model.moved(given).cpu().numpy()
    return float(np.mean([(row["vectors"] @ one).argmax() == 0 for row, one in zip(rows, asked, strict=True)]))


def in_batch_and_beside_words(scores: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Softmax over a question's own candidates by cosine and BM25, plus InfoNCE over those of the batch by cosine.

    Args:
        scores: (batch, candidates, 1 + batch), as `VectorScorer` gives them.
        batch: with `mask` and `answering`; a passage that answers a question is no negative of it.

    Returns:
        a scalar.
    """
    mask = batch["mask"]
    count, most = mask.shape
    others = scores[..., 1:].permute(2, 0, 1).reshape(count, -1)  # (questions, batch · candidates)
    right = most * torch.arange(count, device=scores.device)
    left_out = (batch["answering"] | ~mask).reshape(count, -1)
    return softmax_cross_entropy(scores[..., 0], mask) + contrast(others, right, left_out)
