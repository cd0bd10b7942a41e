"""The reader: a small language model that was trained to say whether a page answers a question."""

from __future__ import annotations

from mmrank.llm.protocol import Chat
from mmrank.rerankers.presentation import quote_tags
from mmrank.rerankers.prompts import JUDGE_INSTRUCTION, YES_NO


def reader_chat(query: str, page: str) -> Chat:
    """The conversation in which the reader judges one page, up to where it says yes or no."""
    return YES_NO.chat((quote_tags(query),), (quote_tags(page),), JUDGE_INSTRUCTION)
