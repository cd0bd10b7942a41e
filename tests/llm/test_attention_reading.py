from __future__ import annotations

import numpy as np
import pytest
import torch

from mmrank.errors import InputError
from mmrank.llm.attention_reading import read_attention

BEGINNING = "Rank the images. [1] the red circle [2] a bar chart with a blue bar\n\n"
ENDINGS = ["Query: N/A Answer:", "Query: Which page shows the red circle at the top left? Answer:"]


def eager(model, tokenizer, ending: str) -> np.ndarray:
    """The same by transformers' own attention weights, in one uncached pass."""
    begun = tokenizer.encode(BEGINNING, add_special_tokens=False)
    tail = tokenizer.encode(ending, add_special_tokens=False)
    model.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            weights = model(input_ids=torch.tensor([begun + tail]), output_attentions=True).attentions
    finally:
        model.set_attn_implementation("mmrank_readable")
    total = sum(layer[0, :, len(begun) :, : len(begun)].mean(1).sum(0) for layer in weights)
    return total.numpy()


def test_it_equals_eager_attention_without_a_cache(tiny_llama, tiny_llama_parts) -> None:
    reading = tiny_llama.read_attention(BEGINNING, ENDINGS)
    for row, ending in zip(reading.values, ENDINGS, strict=True):
        np.testing.assert_allclose(row, eager(*tiny_llama_parts, ending), atol=2e-5)


def test_the_second_ending_does_not_see_the_first(tiny_llama) -> None:
    both = tiny_llama.read_attention(BEGINNING, ENDINGS).values
    alone = tiny_llama.read_attention(BEGINNING, ENDINGS[1:]).values
    np.testing.assert_allclose(both[1], alone[0], atol=1e-6)


def test_equal_endings_are_paid_equal_attention_to_the_last_bit(tiny_llama) -> None:
    values = tiny_llama.read_attention(BEGINNING, [ENDINGS[0], ENDINGS[1], ENDINGS[0]]).values
    assert (values[0] == values[2]).all()


def test_the_beginning_runs_once(tiny_llama) -> None:
    reading = tiny_llama.read_attention(BEGINNING, ENDINGS)
    tails = sum(map(tiny_llama.count_tokens, ENDINGS))
    assert reading.computed_tokens == tiny_llama.count_tokens(BEGINNING) + tails


def test_offsets_lead_back_to_the_text(tiny_llama) -> None:
    reading = tiny_llama.read_attention(BEGINNING, ENDINGS)
    assert "".join(BEGINNING[a:b] for a, b in reading.offsets) == BEGINNING


def test_an_attention_that_cannot_be_read_is_an_error(tiny_llama_parts) -> None:
    model, tokenizer = tiny_llama_parts
    model.set_attn_implementation("sdpa")
    try:
        with pytest.raises(InputError, match="cannot be read"):
            read_attention(model, tokenizer, BEGINNING, ENDINGS, context_tokens=2048)
    finally:
        model.set_attn_implementation("mmrank_readable")
