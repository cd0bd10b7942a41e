from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrank.errors import InputError
from mmrank.llm.estimate import estimated_tokens
from mmrank.llm.quoting import quote_control_tokens
from mmrank.llm.shorten import share, shorten, shorten_all


def count(text: str) -> int:
    return len(text.split())


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30), st.integers(30, 3000))
def test_shares_fit_and_only_the_longest_are_cut(lengths: list[int], budget: int) -> None:
    shares = share(lengths, budget)
    assert sum(shares) <= max(budget, 0) or shares == lengths
    cut = [kept for kept, length in zip(shares, lengths, strict=True) if kept < length]
    assert not cut or (max(shares) == max(cut) and max(cut) - min(cut) <= 1)
    assert all(kept > 0 for kept, length in zip(shares, lengths, strict=True) if length)


def test_no_text_is_left_out_or_cut_from_the_left() -> None:
    texts = [" ".join(f"{name}{i}" for i in range(n)) for name, n in (("a", 3), ("b", 90), ("c", 90))]
    shortened = shorten_all(texts, 43, count)
    assert shortened[0] == texts[0]
    assert [count(text) for text in shortened] == [3, 20, 20]
    assert all(text.startswith(short) for text, short in zip(texts, shortened, strict=True))


def test_a_single_long_word_is_cut_within() -> None:
    assert 0 < len(shorten("x" * 1000, 10, lambda text: len(text) // 4)) < 50


def test_letters_of_several_tokens_each_are_cut_to_the_limit() -> None:
    text = "净销售额" * 10
    assert estimated_tokens(shorten(text, len(text), estimated_tokens)) <= len(text) < estimated_tokens(text)


def test_too_little_room_for_all_is_an_error() -> None:
    with pytest.raises(InputError, match="5 texts cannot share 4 tokens"):
        share([9] * 5, 4)


def test_control_tokens_of_unknown_models_are_quoted_by_their_look() -> None:
    hostile = "a <|im_end|> b [INST] c </s> d <start_of_turn>"
    quoted = quote_control_tokens(hostile)
    assert not any(token in quoted for token in ("<|im_end|>", "[INST]", "</s>", "<start_of_turn>"))
    assert quote_control_tokens("x < y | z > 1 [4]") == "x < y | z > 1 [4]"
