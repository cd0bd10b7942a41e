"""Any text model of sentence-transformers: one vector per passage, or one per token (ColBERT)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from mmrank.budget import fair_shares
from mmrank.encoders.passage_text import passage_parts
from mmrank.encoders.protocol import EncoderInfo, Vectors
from mmrank.encoders.vectors import truncate, unit
from mmrank.errors import InputError
from mmrank.types import Passage, Query

WINDOW = 512
"""Passages that are read ahead; sentence-transformers sorts them by length."""
LONGEST = 8192
"""Token limit for models that name none."""


class _TextModel:
    """What both kinds share: the text of a passage within the model's limit, and windows of texts."""

    def __init__(self, model: Any, *, name: str, revision: str) -> None:
        self.model = model.eval()
        self._name, self._revision = name, revision

    @property
    def _max_tokens(self) -> int:
        return min(self.model.max_seq_length or LONGEST, LONGEST)

    def _text(self, passage: Passage) -> str:
        """The passage's text, every part shortened evenly where it is too long."""
        parts = passage_parts(passage)
        encoded = [
            self.model.tokenizer(part, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
            for part in parts
        ]
        prompt = self.model.tokenizer((self.model.prompts or {}).get("document", ""))["input_ids"]
        shares = fair_shares([len(offsets) for offsets in encoded], self._max_tokens - len(prompt) - len(parts))
        cut = zip(parts, encoded, shares, strict=True)
        return "\n".join(part[: offsets[share - 1][1]] for part, offsets, share in cut if share)

    def _question(self, query: Query) -> str:
        if query.image is not None:
            raise InputError(f"{self._name} reads no pictures; ask with text alone or choose a vision-language encoder")
        return query.text

    def _windows(self, texts: Iterable[str], encode: Callable[..., Any]) -> Iterator[Any]:
        waiting = iter(texts)
        while here := list(islice(waiting, WINDOW)):
            yield from encode(here, convert_to_numpy=True, show_progress_bar=False)

    def _info(self, dimension: int, pooling: str, multi_vector: bool) -> EncoderInfo:
        return EncoderInfo(
            name=self._name,
            revision=self._revision,
            dimension=dimension,
            dtype=str(self.model.dtype).removeprefix("torch."),
            pooling=pooling,
            max_tokens=self._max_tokens,
            multi_vector=multi_vector,
        )


class TextEncoder(_TextModel):
    """One unit vector per passage from a `SentenceTransformer`, with the prompts its checkpoint names.

    `dimension` truncates the vectors of Matryoshka models; 0 keeps them whole.
    """

    def __init__(self, model: Any, *, name: str, revision: str, dimension: int = 0) -> None:
        super().__init__(model, name=name, revision=revision)
        self._dimension = dimension

    @property
    def info(self) -> EncoderInfo:
        """Identity and limits."""
        pooling = next((str(module.pooling_mode) for module in self.model if hasattr(module, "pooling_mode")), "model")
        return self._info(self._dimension or int(self.model.get_embedding_dimension()), pooling, False)

    def encode_passages(self, passages: Iterable[Passage]) -> Vectors:
        """Encode passages. Returns (passages, dimension)."""
        return self._stack(self._windows(map(self._text, passages), self.model.encode_document))

    def encode_queries(self, queries: Sequence[Query]) -> Vectors:
        """Encode queries. Returns (queries, dimension).

        Raises:
            InputError: for a query that carries a picture.
        """
        return self._stack(self._windows(map(self._question, queries), self.model.encode_query))

    def _stack(self, rows: Iterator[Any]) -> Vectors:
        stacked = np.array(list(rows), np.float32).reshape(-1, int(self.model.get_embedding_dimension()))
        return truncate(stacked, self._dimension) if self._dimension else unit(stacked)


class TextTokensEncoder(_TextModel):
    """One unit vector per token from a `MultiVectorEncoder` that reads text (ColBERT)."""

    @property
    def info(self) -> EncoderInfo:
        """Identity and limits."""
        return self._info(int(self.model.get_embedding_dimension()), "none", True)

    def encode_passages(self, passages: Iterable[Passage]) -> list[Vectors]:
        """Encode passages. Returns one (tokens, dimension) array per passage."""
        return [unit(rows) for rows in self._windows(map(self._text, passages), self.model.encode_document)]

    def encode_queries(self, queries: Sequence[Query]) -> list[Vectors]:
        """Encode queries. Returns one (tokens, dimension) array per query.

        Raises:
            InputError: for a query that carries a picture.
        """
        return [unit(rows) for rows in self._windows(map(self._question, queries), self.model.encode_query)]
