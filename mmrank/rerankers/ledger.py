"""Counts what a ranking costs while it is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from mmrank.llm.protocol import Answer, AttentionReading, LabelLogits
from mmrank.rerankers.protocol import AnswerStatus, RankedCandidate, Ranking

_WATCH: ContextVar[Callable[[int], None] | None] = ContextVar("_WATCH", default=None)


@contextmanager
def watched(on_calls: Callable[[int], None]) -> Iterator[None]:
    """Tell how many calls the rerankers of this thread made of their models, whenever they make some."""
    calls = 0

    def note(more: int) -> None:
        nonlocal calls
        calls += more
        on_calls(calls)

    token = _WATCH.set(note)
    try:
        yield
    finally:
        _WATCH.reset(token)


class Ledger:
    """Counts calls, tokens and time from its creation on, and makes the ranking at the end."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._watch = _WATCH.get()
        self._statuses: list[AnswerStatus] = []
        self._calls = 0
        self._prompt_tokens = 0
        self._completion_tokens = 0

    def scored(self, logits: LabelLogits, calls: int) -> None:
        """Note label scores of `calls` prompts."""
        self._count(calls)
        self._prompt_tokens += logits.prompt_tokens

    def read(self, reading: AttentionReading) -> None:
        """Note a reading of attention: one forward pass per ending."""
        self._count(len(reading.values))
        self._prompt_tokens += reading.computed_tokens

    def answered(self, answers: Iterable[Answer]) -> None:
        """Note generated answers."""
        for answer in answers:
            self._count(1)
            self._prompt_tokens += answer.prompt_tokens
            self._completion_tokens += answer.completion_tokens

    def computed(self, calls: int, tokens: int) -> None:
        """Note forward passes of a model that is no chat model."""
        self._count(calls)
        self._prompt_tokens += tokens

    def status(self, status: AnswerStatus) -> None:
        """Note how an answer could be read."""
        self._statuses.append(status)

    def include(self, ranking: Ranking) -> None:
        """Note what a ranking by another reranker cost."""
        self._statuses.extend(ranking.statuses)
        self._calls += ranking.calls
        self._prompt_tokens += ranking.prompt_tokens
        self._completion_tokens += ranking.completion_tokens

    def ranking(self, items: Sequence[RankedCandidate], stage: str) -> Ranking:
        """The ranking, with what was counted."""
        return Ranking(
            items=tuple(items),
            stage=stage,
            statuses=tuple(self._statuses),
            calls=self._calls,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            seconds=time.perf_counter() - self._begun,
        )

    def _count(self, calls: int) -> None:
        self._calls += calls
        if self._watch is not None:
            self._watch(calls)
