"""In-context reranking (ICR): candidates are scored by the attention of the query to them. Two forward passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError
from mmrank.llm.protocol import AttentionModel, user
from mmrank.llm.shorten import shorten, shorten_all
from mmrank.rerankers.icr import document_scores, token_spans
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import in_order, ranked
from mmrank.rerankers.presentation import quote_tags, show
from mmrank.rerankers.prompts import ICR_ANSWER, ICR_FIND, ICR_OPENING
from mmrank.rerankers.protocol import Ranking
from mmrank.rerankers.windows import windows
from mmrank.types import Candidate, Query

CONTENT_FREE = "N/A"
_MARK = "⟦content⟧"


class Attention:
    """Scores candidates by the attention of the query's tokens, less that of a query without content.

    Candidates stand in reverse order, the best nearest to the query. Only their text is read.

    Args:
        model: whose attention is read.
        task: "answer" for questions, "find" for statements and topics.
        words: upper bound of a candidate in words (the paper's 300); 0 for none.
        window: candidates per prompt; 0 for all in one. A window slides by half of itself, from the end to the head.
        mode: how a candidate of one token is scored; see `kept_tokens`.
        name: shown as the stage of a hit.
    """

    def __init__(
        self,
        model: AttentionModel,
        *,
        task: Literal["answer", "find"] = "answer",
        words: int = 300,
        window: int = 0,
        mode: Literal["official", "fixed"] = "fixed",
        name: str = "attention",
    ) -> None:
        if task not in ("answer", "find"):
            raise InputError(f"unknown task {task!r}; there are: answer, find")
        if window == 1 or window < 0 or words < 0:
            raise InputError("a window holds at least 2 candidates (0 for all), and words cannot be negative")
        self._model = model
        self._instruction = ICR_ANSWER if task == "answer" else ICR_FIND
        self._words = words
        self._window = window
        self._mode: Literal["official", "fixed"] = mode
        self._name = name
        self._info = replace(model.info, image_tokens=0)

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates.

        Raises:
            InputError: when the query or a candidate holds nothing but pictures.
        """
        ledger = Ledger()
        if query.image is not None:
            raise InputError(f"{self._name} reads no pictures; ask with text alone")
        texts = [self._text(candidate, query.text) for candidate in candidates]
        if not self._window or len(texts) <= self._window:
            scores = self._scores(query.text, texts, ledger) if texts else np.zeros(0)
            return ledger.ranking(ranked(candidates, scores), self._name)
        order = list(range(len(texts)))
        for begin, end in windows(len(texts), size=self._window, stride=max(self._window // 2, 1)):
            places = order[begin:end]
            scores = self._scores(query.text, [texts[i] for i in places], ledger)
            order[begin:end] = [places[i] for i in np.argsort(-scores, kind="stable")]
        return ledger.ranking(in_order(candidates, order), self._name)

    def _text(self, candidate: Candidate, asked: str) -> str:
        words = "".join(str(piece) for piece in show(candidate, self._info, asked=asked)).split(" ")
        return " ".join(words[: self._words] if self._words else words)

    def _scores(self, query: str, texts: Sequence[str], ledger: Ledger) -> NDArray[np.float64]:
        """Score of each text, (texts,)."""
        model = self._model
        asked = shorten(quote_tags(query), self._info.context_tokens // 4, model.count_tokens)
        before, after = model.render([user(_MARK)]).split(_MARK)
        endings = [f"{self._instruction}\n\nQuery: {self._quoted(q)}{after}" for q in (CONTENT_FREE, asked)]
        frame = model.count_tokens(before + ICR_OPENING) + max(map(model.count_tokens, endings))
        room = self._info.context_tokens - frame - 8 * len(texts) - 32  # labels and separators
        if room < len(texts):
            raise InputError(
                f"{len(texts)} candidates do not fit into the {self._info.context_tokens} tokens of {self._info.name};"
                " rerank fewer, or in windows"
            )
        kept = [self._quoted(text) for text in shorten_all(texts, room, model.count_tokens)]

        prompt = before + ICR_OPENING
        spans = []
        for label, place in enumerate(reversed(range(len(kept))), 1):
            prompt += "\n\n"
            begin = len(prompt)
            prompt += f"[{label}] {kept[place]}"
            spans.append((begin, len(prompt)))
        reading = model.read_attention(prompt + "\n\n", endings)
        ledger.read(reading)
        found = document_scores(
            reading.values[1], reading.values[0], token_spans(reading.offsets, spans), mode=self._mode
        )
        return found[::-1]

    def _quoted(self, text: str) -> str:
        """The text as the model renders it in a chat: control tokens made harmless."""
        before, after = self._model.render([user(_MARK)]).split(_MARK)
        return self._model.render([user(text)])[len(before) :].removesuffix(after)
