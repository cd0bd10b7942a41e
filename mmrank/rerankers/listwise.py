"""Listwise with reasons: all candidates of a window in one prompt, a reason for each, then their order.

MM-R5 ranks page images this way, DeAR's second stage passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from mmrank.errors import InputError
from mmrank.llm.forms import Permutation
from mmrank.llm.protocol import ChatModel, Content, Message, Sampling, assistant
from mmrank.rerankers.answering import ANSWER, ANSWERED, SEAMS, THINK, Thinking, answer
from mmrank.rerankers.focus import focused
from mmrank.rerankers.layout import Layout
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import in_order, ranked
from mmrank.rerankers.parsing import Style, parse_ranking, parse_reasons
from mmrank.rerankers.presentation import fit, fit_query, room_for, show_query, show_several
from mmrank.rerankers.prompts import LISTWISE, STEPWISE
from mmrank.rerankers.protocol import AnswerStatus, Ranking
from mmrank.rerankers.windows import windows
from mmrank.types import Candidate, PartKind, Query

Ranked = tuple[list[int], dict[int, str], list[float]]
"""Positions in their new order, reasons by position, and scores by position where there are any."""
By = Literal["answer", "first-id"]

TOKENS_PER_ID = 6
"""Most tokens per id of a ranking: three digits and a separator."""


class Listwise:
    """Asks for reasons and an order of all candidates at once, in windows from the end to the head.

    A window whose answer is unusable keeps its order and is `UNUSABLE` among the ranking's statuses.

    Args:
        model: writes answers.
        style: "list" as MM-R5 was trained ("[3, 1, 2]" in answer tags), "chain" as DeAR ("[3] > [1] > [2]").
        window: candidates per prompt.
        stride: how far the window slides.
        head: only the first this many candidates are ranked (DeAR: 30); None for all, with mode "official" for 30.
        words: words per reason (style "list").
        passage_words: about how many words of a candidate's text are shown, those that fit the query best; 0 for all
            that the context holds. Show a model as many as it was trained with.
        by: "answer" orders a window by the list that is written; "first-id" (FIRST, Reddy et al. 2024) by the
            log-probability of each id where the first reason begins, for models that were trained to begin with the
            best candidate. Then the order needs no written text, and where one window holds all candidates these
            log-probabilities are their scores. Reasons are quotes from the candidates of the first window, kept where
            they stand in the candidate.
        rotations: "first-id" averages over this many rotations of a window's candidates, so that places count less.
        thinking: how answers are generated; no tokens for no reasons. What does not fit the context is shortened, see
            `presentation.fit`; where pictures leave room for fewer candidates, windows are smaller.
        layout: the conversation; None for ours in that style.
        mode: how windows are laid; see `windows`.
        name: shown as the stage of a hit.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        style: Style = "list",
        window: int = 20,
        stride: int = 10,
        head: int | None = None,
        words: int = 40,
        passage_words: int = 0,
        by: By = "answer",
        rotations: int = 1,
        thinking: Thinking | None = None,
        layout: Layout | None = None,
        mode: Literal["official", "fixed"] = "fixed",
        name: str = "listwise",
    ) -> None:
        if style not in ("list", "chain"):
            raise InputError(f"unknown style {style!r}; there are: list, chain")
        windows(window, size=window, stride=stride)
        if passage_words < 0 or 0 < passage_words < 8:
            raise InputError(f"a candidate is shown whole (0) or by at least 8 words, got {passage_words}")
        if by not in ("answer", "first-id"):
            raise InputError(f"a window is ordered by its answer or its first-id, not by {by!r}")
        if by == "first-id" and (style != "list" or not model.info.continues):
            raise InputError(
                f"{model.info.name} cannot be ordered by first id: that needs the style list and an engine"
                " that continues a started answer"
            )
        if not 1 <= rotations <= window or (rotations > 1 and by == "answer"):
            raise InputError(f"rotations are 1 to a window's {window} candidates, and 1 by answer; got {rotations}")
        self._model = model
        self._by: By = by
        self._rotations = rotations
        self._style: Style = style
        self._layout = layout or (STEPWISE if style == "chain" else LISTWISE)
        self._window = window
        self._stride = stride
        self._head = head
        self._words = words
        self._passage_words = passage_words
        thinking = thinking or Thinking()
        self._thinking = replace(thinking, answer_tokens=max(thinking.answer_tokens, TOKENS_PER_ID * window))
        self._mode: Literal["official", "fixed"] = mode
        self._name = name

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the candidates.

        Raises:
            InputError: when the model cannot read the query or a candidate.
        """
        ledger = Ledger()
        query = fit_query(query, self._model)
        asked = show_query(query, self._model.info)
        free = self._thinking.answer_tokens + SEAMS
        shown, most = show_several(self._model, self._layout, asked, candidates, free)
        order = list(range(len(candidates)))
        reasons: dict[int, str] = {}
        size = min(self._window, max(most, 2))
        stride = min(self._stride, max(size // 2, 1)) if size < self._window else self._stride
        spans = windows(len(candidates), size=size, stride=stride, end=self._head, mode=self._mode)
        scores: list[float] = []
        for begin, end in spans:
            places = order[begin:end]
            noun = "Image" if self._pictures_only([candidates[i] for i in places]) else "Passage"
            seen, thoughts = self._fitted(query.text, asked, [shown[i] for i in places], noun)
            if self._by == "answer":
                ranks, said, scores = self._rank(asked, seen, noun, thoughts, ledger)
            else:
                ranks, said, scores = self._rank_by_first_id(asked, seen, noun, ledger, explain=begin == 0)
            reasons |= {places[at]: reason for at, reason in said.items()}
            order[begin:end] = [places[at] for at in ranks]
        if scores and len(spans) == 1:
            tail = [min(scores)] * (len(candidates) - len(scores))  # not scored: they share the least score and follow
            return ledger.ranking(ranked(candidates, [*scores, *tail], reasons), self._name)
        return ledger.ranking(in_order(candidates, order, reasons), self._name)

    def _rank_by_first_id(
        self,
        asked: Sequence[Content],
        shown: Sequence[Sequence[Content]],
        noun: str,
        ledger: Ledger,
        *,
        explain: bool,
    ) -> Ranked:
        """Order, reasons and scores by position: log-probabilities of the ids, averaged over rotations."""
        count = len(shown)
        labels = [str(number) for number in range(1, count + 1)]
        turned = [[(at + turn) % count for at in range(count)] for turn in range(min(self._rotations, count))]
        chats = [self._chat(asked, [shown[at] for at in places], noun) for places in turned]
        begun = [[*chat, assistant(f"{THINK}{noun} ")] for chat in chats]
        logits = self._model.label_logits(begun, labels)
        ledger.scored(logits, len(begun))
        values = logits.values.astype(np.float64)
        log_probabilities = values - np.logaddexp.reduce(values, axis=1, keepdims=True)  # (rotations, places)
        scores = np.zeros(count)
        for places, row in zip(turned, log_probabilities, strict=True):
            scores[places] += row / len(turned)
        ledger.status(AnswerStatus.COMPLETE)
        said: dict[int, str] = {}
        if explain and self._thinking.tokens:
            for at in range(count):
                if quote := self._quote(chats[0], f"{noun} {at + 1}", shown[at], ledger):
                    said[at] = f'says "{quote}"'
        return [int(at) for at in np.argsort(-scores, kind="stable")], said, scores.tolist()

    def _quote(self, chat: Sequence[Message], label: str, shown: Sequence[Content], ledger: Ledger) -> str:
        """What the model quotes from a candidate; empty where the candidate's text does not hold it."""
        draw = self._thinking
        room = max(draw.tokens // self._window, 1)
        sampling = Sampling(room, temperature=draw.temperature, top_p=draw.top_p, seed=draw.seed, stop=('"', "\n"))
        [[written]] = self._model.generate([[*chat, assistant(f'{THINK}{label}: says "')]], sampling)
        ledger.answered([written])
        quote = " ".join(written.text.split())
        text = " ".join("".join(piece for piece in shown if isinstance(piece, str)).split())
        return quote if not text or quote.lower() in text.lower() else ""

    def _pictures_only(self, candidates: Sequence[Candidate]) -> bool:
        return self._model.info.reads_images and all(
            part.kind is not PartKind.TEXT for candidate in candidates for part in candidate.parts
        )

    def _fitted(
        self, question: str, asked: Sequence[Content], shown: Sequence[tuple[Content, ...]], noun: str
    ) -> tuple[Sequence[Sequence[Content]], int]:
        """Candidates cut to what the context holds, and tokens for thoughts."""
        if self._passage_words:
            shown = [focused(question, content, self._passage_words) for content in shown]
        frame = self._chat(asked, [()] * len(shown), noun)
        room = room_for(self._model, frame, self._thinking.answer_tokens + SEAMS)
        return fit(shown, room, self._model, thoughts=self._thinking.tokens)

    def _rank(
        self,
        asked: Sequence[Content],
        shown: Sequence[Sequence[Content]],
        noun: str,
        thoughts: int,
        ledger: Ledger,
    ) -> Ranked:
        """New order of positions, and reasons by position; no scores."""
        model, count = self._model, len(shown)
        chat = self._chat(asked, shown, noun)
        listed = self._style == "list"
        form = Permutation(count, opened=True, separator=", " if listed else "] > [")
        opening, closing = (f"{ANSWER}[", ANSWERED) if listed else ("[", "")
        text, calls = answer(
            model, chat, form, replace(self._thinking, tokens=thoughts), opening=opening, closing=closing
        )
        ledger.answered(calls)
        parsed = parse_ranking(text, count, style=self._style)
        ledger.status(parsed.status)
        said = {i - 1: reason for i, reason in parse_reasons(text, count).items()}
        if parsed.status is AnswerStatus.UNUSABLE:
            return list(range(count)), said, []
        return [i - 1 for i in parsed.order], said, []

    def _chat(self, asked: Sequence[Content], shown: Sequence[Sequence[Content]], noun: str) -> list[Message]:
        return self._layout.chat(asked, shown, noun=noun, words=self._words)
