"""Answers that arrive piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from mmrank.errors import MmrankError
from mmrank.llm.protocol import Chat, ChatModel, Sampling


class BrokenAnswerError(MmrankError):
    """A server stopped before its answer was complete."""


@runtime_checkable
class StreamingModel(Protocol):
    """A chat model that gives its answer while it writes."""

    def stream(self, chat: Chat, sampling: Sampling) -> Iterator[str]:
        """The answer to one chat, piece by piece.

        Raises:
            BrokenAnswerError: when it stops before the answer is complete; the pieces so far have been given.
        """
        ...


def stream_answer(model: ChatModel, chat: Chat, sampling: Sampling) -> Iterator[str]:
    """A model's answer piece by piece; in one piece from a model that does not stream.

    Raises:
        BrokenAnswerError: when it stops before the answer is complete, or is cut short by `sampling.max_tokens`.
    """
    if isinstance(model, StreamingModel):
        yield from model.stream(chat, sampling)
        return
    [[written]] = model.generate([chat], sampling)
    yield written.text
    if not written.finished:
        raise BrokenAnswerError(f"the answer of {model.info.name} was cut short after {sampling.max_tokens} tokens")
