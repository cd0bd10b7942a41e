"""Rerankers behind a server's `/rerank` or `/score` (vLLM, SGLang, Jina, Cohere)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from mmrank.errors import InputError
from mmrank.llm.estimate import estimated_tokens
from mmrank.llm.http import ModelServer, token_count
from mmrank.llm.openai_engine import content_part
from mmrank.llm.protocol import Content, ModelInfo
from mmrank.llm.shorten import shorten, shorten_all
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.presentation import show
from mmrank.rerankers.protocol import Ranking
from mmrank.types import Candidate, ImageRef, Query

FRAME = 4
"""Tokens that a cross-encoder puts around a query and a candidate."""


class Served:
    """Sends the query and the candidates, their texts or, where the server's model reads them, their pictures too.

    Args:
        server: the server that is called.
        model: its name there.
        path: "rerank" (one request) or "score" (vLLM; batches run at the same time).
        batch: candidates per request to "score", and to "rerank" where pictures are sent.
        pictures: whether pictures are sent, in the shape of vLLM: {"content": [{"type": "image_url", …}, …]}.
        max_images: pictures that the server takes of a query and a candidate together; further ones are sent as their
            text. 0 for no bound.
        max_pixels: pictures are scaled to at most this many pixels.
        max_tokens: upper bound of a query and a candidate together, by `estimated_tokens`: the query is shortened to a
            quarter of it, a candidate's headings and parts evenly to the rest. 0 for no bound: the server must cut.
        name: shown as the stage of a hit.
    """

    def __init__(
        self,
        server: ModelServer,
        model: str,
        *,
        path: Literal["rerank", "score"] = "rerank",
        batch: int = 16,
        pictures: bool = False,
        max_images: int = 0,
        max_pixels: int = 1_003_520,
        max_tokens: int = 0,
        name: str = "served",
    ) -> None:
        if path not in ("rerank", "score"):
            raise InputError(f"unknown path {path!r}; there are: rerank, score")
        if batch < 1:
            raise InputError(f"a batch holds at least 1 candidate, got {batch}")
        if max_tokens and max_tokens < 8 * FRAME:
            raise InputError(f"max_tokens is 0 for no bound, or at least {8 * FRAME}, got {max_tokens}")
        self.server = server
        self._model = model
        self._path = path
        self._batch = batch
        self._max_tokens = max_tokens
        self._name = name
        self._max_images = max_images or None
        self._max_pixels = max_pixels
        self._info = ModelInfo(model, "server", 0, int(pictures))

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates.

        Raises:
            InputError: when the query or a candidate holds nothing but pictures.
            MmrankError: when the server refuses or keeps failing.
        """
        ledger = Ledger()
        if query.image is not None and not self._info.reads_images:
            raise InputError(f"{self._name} is sent no pictures; ask with text alone, or set pictures=true")
        left = None if self._max_images is None else self._max_images - (query.image is not None)
        shown = [show(candidate, self._info, pictures=left) for candidate in candidates]
        if not shown:
            return ledger.ranking((), self._name)
        asked = query.text
        if self._max_tokens:
            asked = shorten(asked, self._max_tokens // 4, estimated_tokens)
            room = self._max_tokens - FRAME - estimated_tokens(asked)
            shown = [self._shortened(content, room) for content in shown]
        question: tuple[Content, ...] = (asked,) if query.image is None else (query.image, asked)
        seen = query.image is not None or any(isinstance(piece, ImageRef) for content in shown for piece in content)
        size = self._batch if self._path == "score" or seen else len(shown)
        batches = [shown[i : i + size] for i in range(0, len(shown), size)]
        found = self.server.map(lambda some: self._scores(self._sent(question), list(map(self._sent, some))), batches)
        ledger.computed(len(batches), sum(tokens for _, tokens in found))
        return ledger.ranking(ranked(candidates, [score for scores, _ in found for score in scores]), self._name)

    @staticmethod
    def _shortened(content: Sequence[Content], room: int) -> tuple[Content, ...]:
        short = iter(shorten_all([piece for piece in content if isinstance(piece, str)], room, estimated_tokens))
        return tuple(next(short) if isinstance(piece, str) else piece for piece in content)

    def _sent(self, content: Sequence[Content]) -> str | dict[str, Any]:
        """Text, or parts where there are pictures."""
        if all(isinstance(piece, str) for piece in content):
            return "".join(map(str, content))
        return {"content": [content_part(piece, self._max_pixels) for piece in content if piece]}

    def _scores(self, query: Any, texts: Sequence[Any]) -> tuple[list[float], int]:
        body: dict[str, Any] = {"model": self._model}
        if self._path == "rerank":
            body |= {"query": query, "documents": list(texts), "top_n": len(texts), "return_documents": False}
        else:
            body |= {"text_1": query, "text_2": list(texts)}
        rows, value = ("results", "relevance_score") if self._path == "rerank" else ("data", "score")

        def read(answer: Any) -> tuple[list[float], int]:
            scores = {int(row["index"]): float(row[value]) for row in answer[rows]}
            if sorted(scores) != list(range(len(texts))) or not all(map(math.isfinite, scores.values())):
                raise ValueError(f"{len(texts)} candidates were sent, and {len(scores)} finite scores came")
            return [scores[i] for i in range(len(texts))], token_count(answer, "total_tokens")

        found: tuple[list[float], int] = self.server.post(self._path, body, read)
        return found
