from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrank.llm.forms import Framed, OneOf, Permutation


@pytest.mark.parametrize("separator", [", ", "] > ["])
@pytest.mark.parametrize("opened", [False, True])
def test_every_beginning_of_every_permutation_is_allowed(separator: str, opened: bool) -> None:
    form = Permutation(4, opened=opened, separator=separator)
    for ids in itertools.permutations(range(1, 5)):
        text = ("" if opened else "[") + separator.join(map(str, ids)) + "]"
        assert all(form.allows(text[:length]) for length in range(len(text) + 1))
        assert form.is_complete(text)
        assert not any(form.is_complete(text[:length]) for length in range(len(text)))
        assert re.fullmatch(form.regex, text)


@pytest.mark.parametrize("text", ["[1, 1", "[5", "[0", "[1,2", "[1]", "[1, 2, 3, 4] ", "(1", "[01", "[1, 2, 3, 4, "])
def test_what_is_no_permutation_is_forbidden(text: str) -> None:
    assert not Permutation(4).allows(text)


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_ids_of_two_digits_are_told_from_their_first_digit(count: int, dice) -> None:
    ids = list(range(1, count + 1))
    dice.shuffle(ids)
    assert Permutation(count).is_complete(str(ids))


def test_a_choice_is_complete_only_when_no_longer_one_begins_with_it() -> None:
    form = OneOf(("1", "12", "2"))
    assert form.allows("1") and not form.is_complete("1")
    assert form.is_complete("12") and form.is_complete("2") and not form.allows("3")


def test_a_framed_form_allows_what_it_frames_and_nothing_else() -> None:
    form = Framed("<answer>[", Permutation(3, opened=True), "</answer>")
    for ids in itertools.permutations(range(1, 4)):
        text = f"<answer>{list(ids)}</answer>"
        assert all(form.allows(text[:length]) for length in range(len(text) + 1))
        assert form.is_complete(text) and re.fullmatch(form.regex, text)
        assert not any(form.is_complete(text[:length]) for length in range(len(text)))
    for text in ("x", "<answer>[1, 1", "<answer>[1, 2, 3]<b", "<answer>[1</answer>", "<answer>[1, 2, 3]</answer>x"):
        assert not form.allows(text)


def test_llama_cpp_reads_our_grammars() -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    chain, labels = Permutation(3, opened=True, separator="] > ["), OneOf(('a"b', "c\\d"))
    for form in (Permutation(12), chain, labels, Framed("[", chain, ""), Framed("<answer>[", labels, "</answer>")):
        llama_cpp.LlamaGrammar.from_string(form.gbnf, verbose=False)
