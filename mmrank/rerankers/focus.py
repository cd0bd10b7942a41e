"""The part of a long text that a question is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmrank.llm.protocol import Content
from mmrank.rerankers.chunking import window_spans
from mmrank.rerankers.selector import LexicalSelector


def focus(query: str, text: str, words: int) -> str:
    """The run of about `words` words of a text that fits the query best, lexically; all of a shorter text."""
    places = [found.span() for found in re.finditer(r"\S+", text)]
    if len(places) <= words:
        return text
    overlap = words // 4
    spans = window_spans(len(places), size=words - 2 * overlap, overlap=overlap)
    windows = [text[places[begin][0] : places[end - 1][1]] for begin, end in spans]
    [scores] = LexicalSelector().select(query, [windows])
    return windows[int(scores.argmax())]


def focused(query: str, shown: Sequence[Content], words: int) -> tuple[Content, ...]:
    """What is shown of a candidate, cut to the run of words that fits the query best; with pictures, all of it."""
    if all(isinstance(piece, str) for piece in shown):
        return (focus(query, "".join(map(str, shown)), words),)
    return tuple(shown)
