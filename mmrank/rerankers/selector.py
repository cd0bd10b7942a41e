"""Cheap choice of passages: which windows of a document the expensive model should read.

`CKNetwork` is IDCM's efficient selector (ESM, "CK"): one convolution over the embedding layer's output, and kernels
over the cosine of every query and window token. `LexicalSelector` needs no training.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmrank.errors import InputError
from mmrank.lexical import InMemoryBM25

MEANS = (1.0, 0.9, 0.7, 0.5, 0.3, 0.1, -0.1, -0.3, -0.5, -0.7, -0.9)
WIDTH = 0.1
"""Deviation of every kernel, the first included."""


@runtime_checkable
class Selector(Protocol):
    """Scores passages within their documents, cheaply. Higher is better; comparable within one document only."""

    def select(self, query: str, documents: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
        """Score the passages of each document. Returns one (passages,) array per document."""
        ...


class CKNetwork(nn.Module):
    """Convolution and kernels, shared by query and window.

    Args:
        dimension: of the embeddings.
        narrow: widths of two further projections after the convolution (the small variant, 384 and 128); None for
            none.
        mode: "official" lets the convolution see the embeddings of padding, as published; "fixed" sees zeros there, so
            that a score does not depend on how far its batch is padded.
    """

    def __init__(
        self,
        dimension: int,
        *,
        narrow: tuple[int, int] | None = None,
        mode: Literal["official", "fixed"] = "fixed",
    ) -> None:
        super().__init__()
        self.mode = mode
        self.narrow = narrow
        inner = dimension
        self.reduce: nn.Linear | None = None
        if narrow is not None:
            self.reduce = nn.Linear(dimension, narrow[0])
            inner = narrow[0]
        out = narrow[1] if narrow is not None else inner
        self.convolution = nn.Conv1d(inner, out, kernel_size=3)
        self.alpha = nn.Parameter(torch.ones(len(MEANS)))
        self.combine = nn.Linear(len(MEANS), 1, bias=False)
        nn.init.uniform_(self.combine.weight, -0.01, 0.01)
        self.register_buffer("means", torch.tensor(MEANS), persistent=False)

    def forward(self, query: Tensor, query_mask: Tensor, window: Tensor, window_mask: Tensor) -> Tensor:
        """Score query and window pairs.

        Args:
            query: (pairs, query tokens, dimension), output of an embedding layer, detached.
            query_mask: (pairs, query tokens), True on tokens.
            window: (pairs, window tokens, dimension).
            window_mask: (pairs, window tokens), True on tokens.

        Returns:
            (pairs,).
        """
        q = self._convolved(query, query_mask)  # (pairs, query tokens, out)
        w = self._convolved(window, window_mask)
        cosine = q @ w.transpose(1, 2)  # (pairs, query tokens, window tokens)
        means: Tensor = self.means  # type: ignore[assignment]
        kernels = torch.exp(-((cosine[..., None] - means) ** 2) / (2 * WIDTH**2))
        kernels = kernels.masked_fill(~window_mask[:, None, :, None], 0.0)
        per_term = kernels.sum(2)  # (pairs, query tokens, kernels)
        logs = torch.log(torch.clamp(per_term * self.alpha, min=1e-4))
        logs = logs.masked_fill(~query_mask[..., None], 0.0)
        return self.combine(logs.sum(1)).squeeze(-1)

    def _convolved(self, tokens: Tensor, mask: Tensor) -> Tensor:
        if self.mode == "fixed":
            tokens = tokens.masked_fill(~mask[..., None], 0.0)
        if self.reduce is not None:
            tokens = self.reduce(tokens)
        padded = nn.functional.pad(tokens.transpose(1, 2), (0, 2))  # width kept, padded to the right
        out = torch.relu(self.convolution(padded)).transpose(1, 2)
        return nn.functional.normalize(out, dim=-1)


class LexicalSelector:
    """BM25 among the windows at hand: no weights, microseconds per window.

    Rarity is counted over all windows of one call, so that words which all windows share weigh little.
    """

    def __init__(self, *, k1: float = 1.2, b: float = 0.75) -> None:
        if k1 < 0 or not 0 <= b <= 1:
            raise InputError(f"BM25 needs k1 >= 0 and 0 <= b <= 1, got {k1} and {b}")
        self._k1 = k1
        self._b = b

    def select(self, query: str, documents: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
        """Score the passages of each document. Returns one (passages,) array per document."""
        windows = [Counter(_words(window)) for document in documents for window in document]
        scores = InMemoryBM25(windows, k1=self._k1, b=self._b).scores(_words(query)).astype(np.float32)
        return np.split(scores, np.cumsum([len(document) for document in documents])[:-1])


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
