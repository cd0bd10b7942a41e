"""Late interaction: each query token finds its best match among the candidate's tokens (MaxSim)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmrank.encoders.minilm import MiniLM, MiniLMTokens
from mmrank.encoders.protocol import MultiVectorEncoder, Vectors
from mmrank.errors import InputError
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.protocol import Ranking
from mmrank.rerankers.token_weights import interact, read_token_weights, read_tokens, score
from mmrank.types import Candidate, Passage, Query


def maxsim(query: Vectors, candidate: Vectors) -> float:
    """Mean over query tokens of the greatest dot product with a candidate token.

    Args:
        query: (query tokens, dimension), unit vectors.
        candidate: (candidate tokens, dimension), unit vectors.

    Returns:
        −1 to 1; −1 where either has no token.
    """
    if not len(query) or not len(candidate):
        return -1.0
    return float((query @ candidate.T).max(axis=1).mean())


class LateInteraction:
    """Ranks candidates by MaxSim of an encoder's token vectors.

    Args:
        encoder: gives one vector per token.
        name: shown as the stage of a hit.
    """

    def __init__(self, encoder: MultiVectorEncoder, *, name: str = "late-interaction") -> None:
        self._encoder = encoder
        self._name = name

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates; equal scores keep their order.

        Raises:
            InputError: when the encoder reads no pictures and the query or a candidate is one.
        """
        ledger = Ledger()
        if not candidates:
            return ledger.ranking((), self._name)
        if not self._encoder.info.reads_images:
            for candidate in candidates:
                if not candidate.text.strip():
                    raise InputError(
                        f"candidate {candidate.id!r} holds no text, so {self._encoder.info.name} cannot judge it; use a"
                        " vision-language model, or leave the candidate out"
                    )
        scores, tokens = self._compare(query, [as_passage(candidate) for candidate in candidates])
        ledger.computed(len(candidates) + 1, tokens)
        return ledger.ranking(ranked(candidates, scores), self._name)

    def _compare(self, query: Query, passages: Sequence[Passage]) -> tuple[NDArray[np.float64], int]:
        """(passages,) scores, and how many tokens were read."""
        [asked] = self._encoder.encode_queries([query])
        vectors = self._encoder.encode_passages(passages)
        return np.array([maxsim(asked, found) for found in vectors]), len(asked) + sum(map(len, vectors))


class WeightedLateInteraction(LateInteraction):
    """Late interaction of the embedded MiniLM, with trained weights of the question's tokens.

    Args:
        encoder: the embedded one.
        weights: a file that `mmrank train token_weights` wrote.
        name: shown as the stage of a hit.

    Raises:
        MmrankError: when the file is missing or holds something else.
    """

    def __init__(self, encoder: MiniLM, weights: str | Path, *, name: str = "late-interaction") -> None:
        super().__init__(MiniLMTokens(encoder), name=name)
        self._minilm = encoder
        self._weights = read_token_weights(weights)

    def _compare(self, query: Query, passages: Sequence[Passage]) -> tuple[NDArray[np.float64], int]:
        read = read_tokens(self._minilm, passages)
        found = interact(self._minilm, query, read)
        return score(self._weights, found), len(found.asked) + sum(len(vectors) for _, vectors in read)


def as_passage(candidate: Candidate) -> Passage:
    """A candidate as an encoder reads it."""
    ids = tuple(element for part in candidate.parts for element in part.element_ids)
    return Passage(
        id=candidate.id,
        document_id=candidate.document_id,
        position=0,
        page=candidate.page,
        parts=candidate.parts,
        element_ids=ids,
        boxes=(),
        heading_path=candidate.heading_path,
    )
