"""Weights of a question's tokens for late interaction, trained by the recipe `token_weights`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus

from mmrank.adapters import read_adapter
from mmrank.encoders.minilm import MiniLM, Tokens, spoken
from mmrank.encoders.protocol import Vectors
from mmrank.errors import MmrankError
from mmrank.types import Passage, Query

DIMENSION = 384


class TokenWeights(nn.Module):
    """A weight for each token of a question, and a bonus where a candidate holds the very token.

    The score of a candidate is Σ w (s + b · same) / Σ w over the question's tokens, where s is a token's best cosine in
    the candidate, w = softplus of a linear function of the token's vector, and b another linear function of it. Without
    training it is MaxSim.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Linear(DIMENSION, 1)
        self.bonus = nn.Linear(DIMENSION, 1)
        for linear, start in ((self.weight, math.log(math.e - 1)), (self.bonus, 0.0)):
            nn.init.zeros_(linear.weight)
            nn.init.constant_(linear.bias, start)

    def forward(self, asked: Tensor, best: Tensor, same: Tensor, mask: Tensor) -> Tensor:
        """Score candidates.

        Args:
            asked: (questions, tokens, 384), unit vectors.
            best: (questions, candidates, tokens), cosines.
            same: (questions, candidates, tokens), 1 where the candidate holds the token, else 0.
            mask: (questions, tokens), 1 where a token stands, else 0.

        Returns:
            (questions, candidates).
        """
        weights = softplus(self.weight(asked)[..., 0]) * mask  # (questions, tokens)
        found = best + same * self.bonus(asked)[..., 0][:, None]
        return (found * weights[:, None]).sum(dim=-1) / weights.sum(dim=-1, keepdim=True).clamp(min=1e-6)


def read_token_weights(path: str | Path) -> TokenWeights:
    """Weights that the recipe `token_weights` wrote.

    Raises:
        MmrankError: when the file is not there, or holds something else.
    """
    model = TokenWeights()
    try:
        model.load_state_dict(dict(read_adapter(path).tensors))
    except RuntimeError as error:
        raise MmrankError(
            f"{path} does not hold weights of tokens, as `mmrank train token_weights` writes them"
        ) from error
    return model.eval()


@dataclass(frozen=True, slots=True)
class Interactions:
    """A question against candidates, token by token: `asked` (tokens, 384), `best` and `same` (candidates, tokens)."""

    asked: Vectors
    best: NDArray[np.float32]
    same: NDArray[np.bool_]


def read_tokens(encoder: MiniLM, passages: Sequence[Passage]) -> list[tuple[Tokens, Vectors]]:
    """The ids of each passage's tokens and their vectors."""
    ids = [encoder.passage_tokens(passage) for passage in passages]
    vectors = encoder.token_vectors(ids, lambda row: row)
    return [(row[spoken(row)], found) for row, found in zip(ids, vectors, strict=True)]


def interact(encoder: MiniLM, query: Query, candidates: Sequence[tuple[Tokens, Vectors]]) -> Interactions:
    """Compare a question with candidates that were read by `read_tokens`."""
    ids = encoder.query_tokens(query)
    [asked] = encoder.token_vectors([ids], lambda row: row)
    ids = ids[spoken(ids)]
    best = np.stack([(asked @ vectors.T).max(axis=1) for _, vectors in candidates])
    held = [set(row) for row, _ in candidates]
    return Interactions(asked, best, np.array([[token in row for token in ids] for row in held], dtype=np.bool_))


def score(model: TokenWeights, found: Interactions) -> NDArray[np.float64]:
    """(candidates,)."""
    with torch.inference_mode():
        scores = model(
            torch.from_numpy(found.asked)[None],
            torch.from_numpy(found.best)[None],
            torch.from_numpy(found.same.astype(np.float32))[None],
            torch.ones(1, len(found.asked)),
        )
    return np.asarray(scores[0].numpy(), dtype=np.float64)
