"""Setwise with reasons (Rank-R1): the best few by a heap of comparisons among up to twenty candidates."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from mmrank.errors import InputError
from mmrank.llm.forms import OneOf
from mmrank.llm.protocol import ChatModel, Content
from mmrank.rerankers.answering import ANSWER, ANSWERED, SEAMS, THOUGHT, Thinking, answer
from mmrank.rerankers.layout import Layout
from mmrank.rerankers.ledger import Ledger
from mmrank.rerankers.order import in_order
from mmrank.rerankers.parsing import parse_choice
from mmrank.rerankers.presentation import fit, fit_query, room_for, show_query, show_several
from mmrank.rerankers.prompts import SETWISE, SETWISE_PLAIN
from mmrank.rerankers.protocol import Ranking
from mmrank.rerankers.sorting import heapsort_top
from mmrank.types import Candidate, Query


class Setwise:
    """Asks which of several candidates is the most relevant, and sorts by the answers.

    The candidates of a comparison are shuffled before every call. A comparison without a usable answer keeps the node
    and is `UNUSABLE` among the ranking's statuses. The reasoning of a candidate is that of the comparisons it won.

    Args:
        model: writes answers.
        children: candidates that a node is compared with (19 in the paper, so 20 per call).
        top: how many are ranked; the rest keep their order.
        votes: calls per comparison, each with another shuffle; the majority wins, ties are broken at random.
        seed: of the shuffles.
        thinking: how answers are generated; no tokens for no reasoning. What does not fit the context is shortened, see
            `presentation.fit`; where pictures leave room for fewer candidates, fewer are compared in a call.
        layout: the conversation; None for ours, with or without thoughts.
        mode: how answers are read; see `parse_choice`.
        name: shown as the stage of a hit.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        children: int = 19,
        top: int = 10,
        votes: int = 1,
        seed: int = 929,
        thinking: Thinking | None = None,
        layout: Layout | None = None,
        mode: Literal["official", "fixed"] = "fixed",
        name: str = "setwise",
    ) -> None:
        if children < 1 or top < 1 or votes < 1:
            raise InputError("children, top and votes must be at least 1")
        self._model = model
        self._children = children
        self._top = top
        self._votes = votes
        self._seed = seed
        self._thinking = replace(thinking or Thinking(tokens=2048), answer_tokens=8)
        self._layout = layout or (SETWISE if self._thinking.tokens else SETWISE_PLAIN)
        self._mode: Literal["official", "fixed"] = mode
        self._name = name

    @property
    def name(self) -> str:
        """Shown as the stage of a hit."""
        return self._name

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> Ranking:
        """Rank the best `top` candidates.

        Raises:
            InputError: when the model cannot read the query or a candidate.
        """
        ledger = Ledger()
        model, info = self._model, self._model.info
        query = fit_query(query, model)
        asked = show_query(query, info)
        shown, most = show_several(self._model, self._layout, asked, candidates, self._thinking.answer_tokens + SEAMS)
        dice = random.Random(self._seed)
        won: dict[int, list[str]] = {}

        def best(places: Sequence[int]) -> int | None:
            votes: Counter[int] = Counter()
            for _ in range(self._votes):
                shuffled = dice.sample(list(places), len(places))
                winner, reason = self._compare(asked, [shown[i] for i in shuffled], ledger)
                if winner is not None:
                    votes[shuffled[winner]] += 1
                    if reason:
                        won.setdefault(shuffled[winner], []).append(reason)
            most = max(votes.values(), default=0)
            first = [place for place, count in votes.items() if count == most]
            return dice.choice(first) if len(first) > 1 else next(iter(first), None)

        children = min(self._children, most - 1)
        found = heapsort_top(len(candidates), best, children=children, top=self._top)
        reasons = {place: "\n".join(said) for place, said in won.items()}
        return ledger.ranking(in_order(candidates, found.order, reasons), self._name)

    def _compare(
        self, asked: Sequence[Content], shown: Sequence[tuple[Content, ...]], ledger: Ledger
    ) -> tuple[int | None, str]:
        """Position of the winner among the shown, and why."""
        model, thinking = self._model, self._thinking
        reason = thinking.tokens > 0
        room = room_for(model, self._layout.chat(asked, [()] * len(shown)), thinking.answer_tokens + SEAMS)
        fitted, tokens = fit(shown, room, model, thoughts=thinking.tokens)
        thinking = replace(thinking, tokens=tokens)
        chat = self._layout.chat(asked, fitted)
        labels = OneOf(tuple(f"{i}]" for i in range(1, len(shown) + 1)))
        text, calls = answer(model, chat, labels, thinking, opening=f"{ANSWER}[", closing=ANSWERED)
        ledger.answered(calls)
        parsed = parse_choice(text, len(shown), thinks=reason, mode=self._mode)
        ledger.status(parsed.status)
        thoughts = text.rpartition(THOUGHT)[0].removeprefix("<think>").strip()
        return (None if parsed.choice is None else parsed.choice - 1), thoughts
