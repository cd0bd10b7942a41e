"""Rerankers behind a server's `/rerank` or `/score` (vLLM, SGLang, Jina, Cohere)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from mmrank.errors import InputError
from mmrank.llm.estimate import estimated_tokens
from mmrank.llm.http import ModelServer, token_count
from mmrank.llm.protocol import ModelInfo
from mmrank.llm.shorten import shorten, shorten_all
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.presentation import show
from mmrank.rerankers.protocol import Ranking
from mmrank.types import Candidate, Query

FRAME = 4
"""Tokens that a cross-encoder puts around a query and a candidate."""


class Served:
    """Sends the query and the candidates' texts; the server scores them.

    Args:
        server: the server that is called.
        model: its name there.
        path: "rerank" (one request) or "score" (vLLM; batches run at the same time).
        batch: candidates per request to "score".
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
        self._info = ModelInfo(model, "server", 0)

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
        if query.image is not None:
            raise InputError(f"{self._name} is sent no pictures; ask with text alone")
        shown = [[str(piece) for piece in show(candidate, self._info)] for candidate in candidates]
        if not shown:
            return ledger.ranking((), self._name)
        asked = query.text
        if self._max_tokens:
            asked = shorten(asked, self._max_tokens // 4, estimated_tokens)
            room = self._max_tokens - FRAME - estimated_tokens(asked)
            shown = [shorten_all(pieces, room, estimated_tokens) for pieces in shown]
        texts = ["".join(pieces) for pieces in shown]
        size = self._batch if self._path == "score" else len(texts)
        batches = [texts[i : i + size] for i in range(0, len(texts), size)]
        found = self.server.map(lambda some: self._scores(asked, some), batches)
        ledger.computed(len(batches), sum(tokens for _, tokens in found))
        return ledger.ranking(ranked(candidates, [score for scores, _ in found for score in scores]), self._name)

    def _scores(self, query: str, texts: Sequence[str]) -> tuple[list[float], int]:
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
