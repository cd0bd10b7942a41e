"""What engines share that give the log-probability of a given text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmrank.errors import InputError
from mmrank.llm.protocol import Chat


def answer_tokens(
    chats: Sequence[Chat], render: Callable[[Chat], str], ids: Callable[[str], list[int]]
) -> tuple[list[list[int]], list[int]]:
    """The tokens of each chat, and how many of them are its last message, the assistant's.

    Raises:
        InputError: when a chat does not end with the assistant's words, or holds a picture.
    """
    rows: list[list[int]] = []
    counts: list[int] = []
    for chat in chats:
        if chat[-1].role != "assistant" or not chat[-1].text:
            raise InputError(
                "log-likelihoods are of an answer: the last message must be the assistant's, and not empty"
            )
        if any(message.images for message in chat):
            raise InputError("log-likelihoods are computed of text alone; show no pictures")
        answer = ids(chat[-1].text)
        rows.append([*ids(render(chat[:-1])), *answer])
        counts.append(len(answer))
    return rows, counts


def check_continuations(rows: Sequence[Sequence[int]], counts: Sequence[int]) -> None:
    """Refuse a continuation of nothing.

    Raises:
        InputError: when no token, or none but those of the continuation, is in a row.
    """
    for row, count in zip(rows, counts, strict=True):
        if not 0 < count < len(row):
            raise InputError(f"{count} tokens are to be scored of a row of {len(row)}; at least one must stand before")
