"""Pointwise: each candidate by itself, scored by the log-odds of a yes.

Qwen3-VL-Reranker, lychee-rerank-mm and ProRank score this way, with different prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError
from mmrank.llm.protocol import ChatModel, Content
from mmrank.llm.shorten import shorten_all
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import ranked
from mmrank.rerankers.presentation import Room, fit, fit_query, pictures_per_prompt, room_for, show, show_query
from mmrank.rerankers.prompts import YES_NO, JudgePrompt
from mmrank.rerankers.protocol import AnswerStatus, Ranking
from mmrank.types import Candidate, Query

Scale = Literal["difference", "probability", "positive"]
NO_QUESTION = "N/A"
"""Asked for what a candidate gets whatever the question is; attention-based reranking asks the same."""


def label_scores(
    positive: NDArray[np.floating], negative: NDArray[np.floating], *, scale: Scale = "difference", shift: float = 0.0
) -> NDArray[np.float64]:
    """Scores from two labels' logits, in double precision: in half precision a sigmoid ties the best candidates.

    Args:
        positive: (candidates,).
        negative: (candidates,).
        scale: "difference" is logit − logit; "probability" its sigmoid, e^y / (e^y + e^n); "positive" the positive
            label's logit alone, as models trained contrastively are scored (lychee, CL).
        shift: subtracted before the sigmoid. ProRank normalises with half of its m (m = 9 for 0.5B, 12 for 1.5B).
    """
    yes, no = positive.astype(np.float64), negative.astype(np.float64)
    if scale == "positive":
        return yes
    difference = yes - no
    if scale == "difference":
        return difference
    return np.asarray(1 / (1 + np.exp(-(difference - shift))))


class Pointwise:
    """Scores each candidate by the logits of two labels as the model's next token.

    Args:
        model: scores labels.
        prompt: the question, and the labels that answer it.
        instruction: what relevance means here; None for what the prompt says.
        scale: how logits become scores; see `label_scores`.
        shift: see `label_scores`.
        max_tokens: upper bound of a candidate's text, in tokens; 0 for what the context holds.
        total_tokens: upper bound of a whole prompt, in tokens; 0 for the context.
        neutral: take from each score the one that the candidate gets for no question, `NO_QUESTION`: what speaks for
            every question alike, such as a text that says yes, counts nothing. A second call per candidate.
        name: shown as the stage of a hit.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        prompt: JudgePrompt = YES_NO,
        instruction: str | None = None,
        scale: Scale = "difference",
        shift: float = 0.0,
        max_tokens: int = 0,
        total_tokens: int = 0,
        neutral: bool = False,
        name: str = "pointwise",
    ) -> None:
        if scale not in ("difference", "probability", "positive"):
            raise InputError(f"unknown scale {scale!r}; there are: difference, probability, positive")
        self._model = model
        self._prompt = prompt
        self._instruction = prompt.instruction if instruction is None else instruction
        self._scale: Scale = scale
        self._shift = shift
        self._max_tokens = max_tokens
        self._total_tokens = total_tokens
        self._neutral = neutral
        self._name = name

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates; equal scores keep their order.

        A candidate whose labels a server does not show is `UNUSABLE` and comes last.

        Raises:
            InputError: when the model cannot read the query or a candidate.
        """
        ledger = Ledger()
        if not candidates:
            return ledger.ranking((), self._name)
        model, info = self._model, self._model.info
        query = fit_query(query, model)
        asked = show_query(query, info)
        room = room_for(model, self._prompt.chat(asked, (), self._instruction), 1)
        if self._total_tokens:
            room = replace(room, tokens=max(room.tokens - max(info.context_tokens - self._total_tokens, 0), 16))
        most = pictures_per_prompt(model, room) - (query.image is not None)
        shown = [
            self._fitted(show(candidate, info, asked=query.text, pictures=max(most, 1)), room)
            for candidate in candidates
        ]
        scores = self._scores(asked, shown, ledger)
        if self._neutral:
            scores = scores - self._scores((NO_QUESTION,), shown, ledger)
        for score in scores:
            ledger.status(AnswerStatus.UNUSABLE if np.isnan(score) else AnswerStatus.COMPLETE)
        return ledger.ranking(ranked(candidates, scores), self._name)

    def _fitted(self, content: tuple[Content, ...], room: Room) -> tuple[Content, ...]:
        """A candidate cut to the bound of its text, and to the room."""
        model, bound = self._model, self._max_tokens
        texts = [piece for piece in content if isinstance(piece, str)]
        if bound and sum(map(model.count_tokens, texts)) > bound:
            short = iter(shorten_all(texts, bound, model.count_tokens))
            content = tuple(next(short) if isinstance(piece, str) else piece for piece in content)
        [[fitted], _] = fit([content], room, model)
        return fitted

    def _scores(
        self, asked: Sequence[Content], shown: Sequence[Sequence[Content]], ledger: Ledger
    ) -> NDArray[np.float64]:
        """(candidates,)."""
        chats = [self._prompt.chat(asked, candidate, self._instruction) for candidate in shown]
        logits = self._model.label_logits(chats, (self._prompt.positive, self._prompt.negative))
        ledger.scored(logits, len(chats))
        return label_scores(logits.values[:, 0], logits.values[:, 1], scale=self._scale, shift=self._shift)
