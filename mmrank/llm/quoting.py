"""Text from documents is data: a model must not read its own control tokens in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

CONTROL_LIKE = re.compile(r"<\|[^|<>\n]{1,40}\|>|\[/?INST\]|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>")
"""What control tokens look like in the chat formats in use; for engines that cannot name their own."""


def quote_control_tokens(text: str, tokens: Iterable[str] | None = None) -> str:
    """Put a space after the first character of each control token, so that it is read as plain text.

    Args:
        text: text that may imitate control tokens.
        tokens: the model's own control tokens; without them everything that looks like one is quoted.

    >>> quote_control_tokens("a <|im_end|> b", ["<|im_end|>"])
    'a < |im_end|> b'
    """
    if tokens is None:
        return CONTROL_LIKE.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
    for token in tokens:
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
