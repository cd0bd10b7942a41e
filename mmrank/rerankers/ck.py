"""IDCM's efficient selector over the embedded MiniLM's embedding layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmrank.adapters import read_adapter
from mmrank.errors import MmrankError
from mmrank.printable import one_line
from mmrank.rerankers.chunking import official_windows
from mmrank.rerankers.selector import CKNetwork

QUERY_TOKENS = 30


class CKSelector:
    """Scores windows by a trained `CKNetwork`.

    Args:
        network: the trained network.
        embeddings: an embedding layer: ids (batch, tokens) to (batch, tokens, dimension).
        tokenize: text to ids, without special tokens.
        padding: id of the padding token.
    """

    def __init__(self, network: CKNetwork, embeddings: torch.nn.Module, tokenize: object, *, padding: int = 0) -> None:
        self.network = network.eval()
        self._embeddings = embeddings.eval()
        self._tokenize = tokenize
        self._padding = padding

    @classmethod
    def load(cls, weights: str | Path, *, mode: Literal["official", "fixed"] = "fixed") -> CKSelector:
        """Load weights (safetensors, the state of a `CKNetwork`) over MiniLM's embedding layer.

        Raises:
            MmrankError: when the file is missing or does not fit.
        """
        from mmrank.rerankers.minilm_bert import bert_model, bert_tokenizer

        tokenizer = bert_tokenizer()
        try:
            state = dict(read_adapter(weights).tensors)
            narrow = (
                (state["reduce.weight"].shape[0], state["convolution.weight"].shape[0])
                if ("reduce.weight" in state)
                else None
            )
            embeddings = bert_model().embeddings
            if narrow is not None and max(narrow) > 4 * embeddings.word_embeddings.embedding_dim:
                raise MmrankError(f"{weights} holds no selector: its layers are {narrow} wide")
            network = CKNetwork(embeddings.word_embeddings.embedding_dim, narrow=narrow, mode=mode)
            network.load_state_dict(state)
        except (KeyError, RuntimeError, IndexError) as error:
            raise MmrankError(f"{weights} holds no selector: {one_line(error)}") from error
        return cls(network, embeddings, lambda text: tokenizer.encode(text, add_special_tokens=False))

    def select(self, query: str, documents: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
        """Score the passages of each document. Returns one (passages,) array per document."""
        flat = [self._ids(passage) for document in documents for passage in document]
        scores = self.score_ids(self._ids(query)[:QUERY_TOKENS], flat)
        ends = np.cumsum([len(document) for document in documents])
        return np.split(scores, ends[:-1]) if documents else []

    @torch.inference_mode()
    def score_ids(self, query: Sequence[int], windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Score windows of token ids; padding ids count as padding. Returns (windows,)."""
        scores = np.zeros(len(windows), dtype=np.float32)
        q, q_mask = self._embedded([query or [self._padding]])
        for begin in range(0, len(windows), 64):
            w, w_mask = self._embedded(windows[begin : begin + 64])
            pairs = len(w)
            found = self.network(q.expand(pairs, -1, -1), q_mask.expand(pairs, -1), w, w_mask)
            scores[begin : begin + pairs] = found.float().numpy()
        return scores

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenize(text))  # type: ignore[operator]

    def _embedded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        width = max(1, *map(len, rows))
        ids = torch.tensor([[*row, *[self._padding] * (width - len(row))] for row in rows])
        return self._embeddings(ids), ids != self._padding


def windows_of(tokens: Sequence[int], *, size: int = 50, overlap: int = 7, padding: int = 0) -> list[tuple[int, ...]]:
    """The valid official windows of a document, for training."""
    cut = official_windows(tokens, size=size, overlap=overlap, padding=padding)
    return [ids for ids, valid in zip(cut.ids, cut.valid, strict=True) if valid]
