"""The embedded encoder: all-MiniLM-L6-v2, one vector per passage, or one vector per token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmrank.budget import fair_shares
from mmrank.encoders.batches import Map, in_batches, one_thread_each
from mmrank.encoders.passage_text import passage_parts
from mmrank.encoders.protocol import EncoderInfo, Vectors
from mmrank.errors import InputError
from mmrank.types import Passage, Query

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from mmrank.encoders.minilm_network import MiniLMNetwork
    from mmrank.encoders.minilm_question import QuestionNetwork

MAX_TOKENS = 256
FEW = 8
"""Queries up to which they are encoded one by one."""
WINDOW = 1024
"""Passages that are read ahead and sorted by length."""
BATCH_TOKENS = {"cpu": 1024, "cuda": 32_768, "mps": 8192}
"""Tokens of one forward pass: on a processor what its cache holds, on a GPU what keeps it busy."""

Tokens = list[int]
Asked = TypeVar("Asked", Passage, Query, Tokens)


class MiniLM:
    """One unit vector of 384 numbers per passage: the mean of the last hidden states, normalised.

    Needs neither network nor GPU. The weights are checked against the published SHA-256 when they are first used.
    """

    def __init__(self, *, device: str = "auto", dtype: str | None = None) -> None:
        """Choose where to run.

        Raises:
            InputError: for an unknown device or dtype.
        """
        from mmrank.device import choose_device, dtype_name

        self._device = choose_device(device)
        self._dtype = dtype_name(self._device, dtype)

    @property
    def info(self) -> EncoderInfo:
        """Identity and limits."""
        from mmrank.encoders.minilm_weights import DIMENSION, WEIGHTS_SHA256

        return EncoderInfo(
            name="minilm",
            revision=WEIGHTS_SHA256,
            dimension=DIMENSION,
            dtype=self._dtype,
            pooling="mean",
            max_tokens=MAX_TOKENS,
        )

    def encode_passages(self, passages: Iterable[Passage]) -> Vectors:
        """Encode passages. Returns (passages, 384)."""
        return self._pooled(passages, self.passage_tokens)

    def encode_queries(self, queries: Sequence[Query]) -> Vectors:
        """Encode queries. Returns (queries, 384).

        A few of them are encoded one by one in float32, wherever passages are, and without torch.

        Raises:
            InputError: for a query that carries a picture.
        """
        if len(queries) > FEW:
            return self._pooled(queries, self.query_tokens)
        states = [self._question_network.hidden(self.query_tokens(query)).sum(0) for query in queries]
        return _stack([total / max(float(np.linalg.norm(total)), 1e-12) for total in states])

    def encode_passages_both(self, passages: Iterable[Passage]) -> tuple[Vectors, list[Vectors]]:
        """Passage vectors and token vectors of one forward pass.

        Returns:
            (passages, 384), and one (tokens, 384) array per passage as `MiniLMTokens` gives it.
        """
        pooled: list[Vectors] = []
        tokens: list[Vectors] = []
        for one, many in self._states(passages, self.passage_tokens, pool=True, keep=True):
            pooled.append(one)
            tokens.append(many)
        return _stack(pooled), tokens

    def token_vectors(self, texts: Iterable[Asked], read: Callable[[Asked], Tokens]) -> list[Vectors]:
        """One (tokens, 384) array of unit vectors per text.

        The two special tokens are left out, unless there are no others: every text has a vector.
        """
        return [many for _, many in self._states(texts, read, pool=False, keep=True)]

    def passage_tokens(self, passage: Passage) -> Tokens:
        """The token ids a passage is read as, at most 256 of them."""
        return self._joined(passage_parts(passage))

    def query_tokens(self, query: Query) -> Tokens:
        """The token ids a query is read as, at most 256 of them.

        Raises:
            InputError: when the query carries a picture.
        """
        if query.image is not None:
            raise InputError("minilm reads no pictures; ask with text alone or choose a vision-language encoder")
        return self._joined([query.text])

    @cached_property
    def word_embeddings(self) -> Vectors:
        """The input embedding of each token of the vocabulary: (30522, 384), unit vectors."""
        words = self._network.words.cpu().numpy()
        return np.asarray(words / np.maximum(np.linalg.norm(words, axis=1, keepdims=True), 1e-12), dtype=np.float32)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        from mmrank.encoders.minilm_weights import embedded_folder

        tokenizer = Tokenizer.from_file(str(embedded_folder() / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _each(self) -> Map:
        import torch

        workers = torch.get_num_threads()
        return one_thread_each(workers).map if self._device == "cpu" and workers > 1 else map

    @cached_property
    def _network(self) -> MiniLMNetwork:
        import torch

        from mmrank.encoders.minilm_network import MiniLMNetwork, verified_weights
        from mmrank.encoders.minilm_weights import embedded_folder

        return MiniLMNetwork(verified_weights(embedded_folder()), self._device, getattr(torch, self._dtype))

    @cached_property
    def _question_network(self) -> QuestionNetwork:
        from mmrank.encoders.minilm_question import QuestionNetwork
        from mmrank.encoders.minilm_weights import embedded_folder

        return QuestionNetwork(embedded_folder())

    def _joined(self, texts: list[str]) -> Tokens:
        from mmrank.encoders.minilm_weights import CLS, SEP

        parts = [self._tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        shares = fair_shares([len(part) for part in parts], MAX_TOKENS - 2)
        return [CLS, *chain.from_iterable(part[:share] for part, share in zip(parts, shares, strict=True)), SEP]

    def _pooled(self, texts: Iterable[Asked], read: Callable[[Asked], Tokens]) -> Vectors:
        return _stack([one for one, _ in self._states(texts, read, pool=True, keep=False)])

    def _states(
        self, texts: Iterable[Asked], read: Callable[[Asked], Tokens], *, pool: bool, keep: bool
    ) -> Iterator[tuple[Vectors, Vectors]]:
        """Pooled vector (384,) and token vectors (tokens, 384) of each text, in order; empty where not asked for."""
        network = self._network  # here, so that not every thread loads it
        return in_batches(
            texts,
            prepare=read,
            length=len,
            forward=lambda rows: _forward(network, rows, pool, keep),
            window=WINDOW,
            batch_tokens=BATCH_TOKENS[self._device.split(":")[0]],
            each=self._each,
        )


class MiniLMTokens:
    """MiniLM's last hidden states as unit vectors, one per token, for late interaction.

    The two special tokens are left out, except where a passage or a query holds no text: then they are all it has.
    """

    def __init__(self, base: MiniLM) -> None:
        """Share the weights of `base`."""
        self.base = base

    @property
    def info(self) -> EncoderInfo:
        """Identity and limits."""
        from dataclasses import replace

        return replace(self.base.info, name="minilm-tokens", pooling="none", multi_vector=True)

    def encode_passages(self, passages: Iterable[Passage]) -> list[Vectors]:
        """Encode passages. Returns one (tokens, 384) array per passage, 1 to 254 tokens."""
        return self.base.token_vectors(passages, self.base.passage_tokens)

    def encode_queries(self, queries: Sequence[Query]) -> list[Vectors]:
        """Encode queries. Returns one (tokens, 384) array per query.

        Raises:
            InputError: for a query that carries a picture.
        """
        return self.base.token_vectors(queries, self.base.query_tokens)


_NOTHING: Vectors = np.empty(0, np.float32)


def _forward(network: MiniLMNetwork, token_ids: list[Tokens], pool: bool, keep: bool) -> list[tuple[Vectors, Vectors]]:
    from torch.nn.functional import normalize

    states, mask = network.hidden(token_ids)
    states = states.float()  # (batch, tokens, 384)
    pooled = [_NOTHING] * len(token_ids)
    tokens = [_NOTHING] * len(token_ids)
    if pool:
        # Finite states times a mask: a sum without padding. Its length cancels in the normalisation.
        total = (states * mask[..., None]).sum(1)
        pooled = list(normalize(total, dim=-1).cpu().numpy())
    if keep:
        unit = normalize(states, dim=-1).cpu().numpy()
        tokens = [rows[spoken(ids)].copy() for rows, ids in zip(unit, token_ids, strict=True)]
    return list(zip(pooled, tokens, strict=True))


def spoken(ids: Tokens) -> slice:
    """Where the tokens of the text stand between the special ones; the special ones where there are no others."""
    return slice(1, len(ids) - 1) if len(ids) > 2 else slice(0, len(ids))


def _stack(rows: list[NDArray[np.float32]]) -> Vectors:
    from mmrank.encoders.minilm_weights import DIMENSION

    return np.stack(rows) if rows else np.empty((0, DIMENSION), np.float32)
