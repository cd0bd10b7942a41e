"""About how many tokens an answer takes of a model's context."""

from __future__ import annotations

import math
import re

_WORDS = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
LETTERS_PER_TOKEN = 6
"""Words of up to so many letters are one token in the vocabularies of today; longer ones are several."""
DIGITS_PER_TOKEN = 2
"""Some vocabularies have one token per digit, some one per three."""
PIXELS_PER_TOKEN = 750
"""As Anthropic's documentation counts pictures. Others take fewer tokens or as many."""


def text_tokens(text: str) -> int:
    """An estimate without a tokenizer: words, groups of digits and signs. Letters of other alphabets count singly.

    >>> text_tokens("Passengers (thousands): 2,046"), text_tokens("")
    (11, 0)
    """
    return sum(_tokens(word) for word in _WORDS.findall(text))


def picture_tokens(width: int, height: int) -> int:
    """Tokens of a picture of so many pixels.

    >>> picture_tokens(841, 1189)
    1334
    """
    return math.ceil(width * height / PIXELS_PER_TOKEN)


def _tokens(word: str) -> int:
    if word.isdigit():
        return math.ceil(len(word) / DIGITS_PER_TOKEN)
    if word.isascii():
        return math.ceil(len(word) / LETTERS_PER_TOKEN)
    if ord(max(word)) > 0x2E7F:  # scripts without spaces
        return len(word)
    return math.ceil(len(word) / (LETTERS_PER_TOKEN / 2))
