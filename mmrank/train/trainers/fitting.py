"""Prompts within their limit: long texts are shortened, large pictures scaled; what still does not fit is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from mmrank.errors import InputError
from mmrank.train.trainers.vision_language import pixels_per_token

Example = TypeVar("Example")
Made = dict[str, Any]
LEAST_WORDS = 8
LEAST_TOKENS = 16
"""Of a picture; a smaller one shows nothing."""


def within(
    examples: Sequence[Example],
    make: Callable[[Example, int], Made],
    tokens: Callable[[Made], int],
    *,
    limit: int,
    words: int,
) -> tuple[list[Made], dict[str, int]]:
    """Rows of at most `limit` tokens, and how many were shortened and left out.

    Args:
        examples: one per row.
        make: example and words per passage → row.
        tokens: of a row.
        limit: tokens of a row, at most.
        words: per passage, to begin with.

    Raises:
        InputError: when nothing is left.
    """
    rows, shortened, dropped = [], 0, 0
    for example in examples:
        shown = words
        row = make(example, shown)
        length = tokens(row)
        shortened += length > limit
        while length > limit and shown > LEAST_WORDS:
            shown = max(LEAST_WORDS, int(shown * 0.95 * limit / length))
            row = make(example, shown)
            length = tokens(row)
        if length <= limit:
            rows.append(row)
        else:
            dropped += 1
    if not rows:
        raise InputError(f"no example fits into prompt_tokens ({limit}): raise it, or show fewer candidates")
    return rows, {"shortened prompts": shortened - dropped, "dropped prompts": dropped}


def scaled(
    rows: Sequence[Made], processor: Any, tokens: Callable[[Made], int], *, limit: int, max_pixels: int
) -> tuple[list[Made], dict[str, int]]:
    """Rows whose pictures are scaled, by the column `pixels`, so that they fit beside the text.

    Args:
        rows: with `pictures`.
        processor: of the model.
        tokens: of a row's text.
        limit: tokens of a row, at most.
        max_pixels: of a picture, whatever fits.

    Raises:
        InputError: when nothing is left.
    """
    unit = pixels_per_token(processor)
    kept, smaller, dropped = [], 0, 0
    for row in rows:
        room = (limit - tokens(row)) // len(row["pictures"]) - 2  # each picture stands between two marks
        if room < LEAST_TOKENS and room * unit < max_pixels:
            dropped += 1
            continue
        smaller += room * unit < max_pixels
        kept.append({**row, "pixels": min(max_pixels, room * unit)})
    if not kept:
        raise InputError(f"no example fits into prompt_tokens ({limit}): raise it, or show fewer candidates")
    return kept, {"prompts with scaled pictures": smaller, "dropped prompts": dropped}


def conversation_tokens(tokenizer: Any, row: Mapping[str, Any], answer: str) -> int:
    """Tokens of a prompt and its answer; a picture counts as one."""
    chat = [*row["prompt"], {"role": "assistant", "content": answer}]
    if row.get("pictures"):
        chat[-1]["content"] = [{"type": "text", "text": answer}]
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    return len(inner(tokenizer.apply_chat_template(chat, tokenize=False), add_special_tokens=False)["input_ids"])
