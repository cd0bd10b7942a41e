"""Attention of a prompt's end to its beginning, without keeping layers × heads × n² numbers.

A named attention function of transformers computes the output as "sdpa" does; while a reading is under way it also
computes the softmax weights of the ending's few rows from the queries and keys at hand, adds them up and drops them.
So the reading works for every model whose attention goes through transformers' interface, at the cost of one
(heads, ending, context) array at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from mmrank.errors import InputError
from mmrank.llm.protocol import AttentionReading

READABLE = "mmrank_readable"

_sum: ContextVar[list[torch.Tensor] | None] = ContextVar("mmrank_attention_sum", default=None)


def _readable_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    running = _sum.get()
    if running is not None:
        scaling = kwargs.get("scaling") or query.shape[-1] ** -0.5
        running.append(_paid(query, key, float(scaling)))
        if len(running) > 1:
            running[:] = [running[0] + running[1]]
    return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)


def _paid(query: torch.Tensor, key: torch.Tensor, scaling: float) -> torch.Tensor:
    """Attention to each token, summed over heads, averaged over the rows of the query. Returns (context,), float32.

    Args:
        query: (1, heads, ending, head dim), the last `ending` tokens of the context.
        key: (1, key heads, context, head dim).
        scaling: factor of the logits.
    """
    groups = query.shape[1] // key.shape[1]
    rows, context = query.shape[2], key.shape[2]
    future = torch.ones(rows, context, dtype=torch.bool, device=query.device).triu(context - rows + 1)
    total = torch.zeros(context, dtype=torch.float32, device=query.device)
    for head in range(key.shape[1]):
        some = query[0, head * groups : (head + 1) * groups].float()  # (groups, ending, head dim)
        logits = some @ key[0, head].float().T * scaling  # (groups, ending, context)
        total += logits.masked_fill(future, -torch.inf).softmax(-1).mean(1).sum(0)
    return total


def register() -> None:
    """Make the readable attention known to transformers."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(READABLE, _readable_attention)
    AttentionMaskInterface.register(READABLE, sdpa_mask)


register()


def read_attention(
    model: Any, tokenizer: Any, beginning: str, endings: Sequence[str], *, context_tokens: int
) -> AttentionReading:
    """Run each ending after the shared beginning, which runs once.

    Args:
        model: a causal language model that uses the attention named `READABLE` (text alone).
        tokenizer: a fast one, for character offsets.
        beginning: the shared text.
        endings: texts that follow it.
        context_tokens: longest input.

    Raises:
        InputError: when beginning and ending are too long, or the model's attention cannot be read.
    """
    used = model.config.get_text_config()._attn_implementation
    if used != READABLE:
        raise InputError(f"the attention {used!r} cannot be read; load the model with attention={READABLE!r}")
    coded = tokenizer(beginning, add_special_tokens=False, return_offsets_mapping=True)
    start = torch.tensor([coded["input_ids"]], device=model.device)
    tails = [tokenizer.encode(ending, add_special_tokens=False) for ending in endings]
    longest = start.shape[1] + max(map(len, tails))
    if longest > context_tokens:
        raise InputError(f"the prompt takes {longest} tokens but the model reads {context_tokens}")

    cache = model(input_ids=start, use_cache=True, logits_to_keep=1).past_key_values
    length = start.shape[1]
    values = np.zeros((len(tails), length), dtype=np.float32)
    for row, tail in enumerate(tails):
        if cache.get_seq_length() > length:
            cache.crop(length - cache.get_seq_length())
        running: list[torch.Tensor] = []
        token = _sum.set(running)
        try:
            model(
                input_ids=torch.tensor([tail], device=model.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        finally:
            _sum.reset(token)
        values[row] = running[0][:length].cpu().numpy()
    offsets = np.array(coded["offset_mapping"], dtype=np.int64).reshape(-1, 2)
    return AttentionReading(offsets, values, length + sum(map(len, tails)))
