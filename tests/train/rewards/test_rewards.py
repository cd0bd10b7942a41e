"""Rewards by value: the golden table of MM-R5, and what the fixed mode does not let pass."""

from __future__ import annotations

import pytest

from mmrank.errors import InputError
from mmrank.train.rewards.mm_r5 import format_reward, result_reward
from mmrank.train.rewards.prorank import binary_form_reward, binary_label_reward
from mmrank.train.rewards.rank_r1 import choice_reward


def said(ids: str) -> str:
    return f"<think>Image 1: no.\nImage 2: yes.</think><answer>[{ids}]</answer>"


GOLDEN = [
    (said("2, 1, 3, 4, 5"), {2}, 1, 1),
    (said("1, 2, 3, 4, 5"), {2}, 0.125, 1),
    (said("1, 3, 2, 4, 5"), {2}, 0.037037, 1),
    (said("2, 1, 4, 3, 5"), {2, 4}, 0.921811, 1),
    (said("5, 1, 2, 3, 4"), {1, 2, 3}, 0.152888, 1),
    (said("1, 3, 4, 5"), {2}, 0, 0.8),
    (said("2, 1, 3, 4, 9"), {2}, 1, 0.8),
    (said("1, 2, 3, 4, 5, 6, 7"), {2}, 0.125, 0.428571),
    (said("2, 2, 2, 2, 2"), {2}, 1, 1),
    (said("2"), {2}, 1, 0),
    (said("2, 1, 3, 4, 5, 1, 3, 4, 5, 1, 3"), {2}, 1, -0.2),
    ("<answer>[2, 1, 3, 4, 5]</answer>", {2}, 1, 0),
    (said("2, 1, 3, 4, 5"), set(), 0, 1),
    (
        "<think>first <answer>[5, 4, 3, 2, 1]</answer> no</think><answer>[2, 1, 3, 4, 5]</answer>",
        {2},
        0.015625,
        1,
    ),
]


@pytest.mark.parametrize(("completion", "gold", "result", "form"), GOLDEN)
def test_official_rewards_have_their_golden_values(completion: str, gold: set[int], result: float, form: float) -> None:
    assert result_reward(completion, gold, mode="official") == pytest.approx(result, abs=1e-6)
    assert format_reward(completion, 5, mode="official") == pytest.approx(form, abs=1e-6)


@pytest.mark.parametrize("ids", [" 2, 1, 3, 4, 5", "2 , 1, 3, 4, 5", "02, 1, 3, 4, 5"])
def test_official_format_is_zero_for_odd_writing(ids: str) -> None:
    assert format_reward(said(ids), 5, mode="official") == 0


@pytest.mark.parametrize("answer", ["<answer>[2, 1,\n3, 4, 5]</answer>", "<answer>\n[2, 1, 3, 4, 5]\n</answer>"])
def test_a_line_break_in_or_around_the_list_zeroes_both_official_rewards(answer: str) -> None:
    completion = f"<think>x</think>{answer}"
    assert result_reward(completion, {2}, mode="official") == 0
    assert format_reward(completion, 5, mode="official") == 0


def test_repetition_cannot_raise_the_fixed_rewards() -> None:
    honest = result_reward(said("2, 1, 3, 4, 5"), {2}) + format_reward(said("2, 1, 3, 4, 5"), 5)
    hacked = result_reward(said("2, 2, 2, 2, 2"), {2}) + format_reward(said("2, 2, 2, 2, 2"), 5)
    assert honest == 2
    assert hacked == pytest.approx(1.2)
    assert format_reward(said("2, 1, 3, 4, 5, 1, 3, 4, 5, 1, 3"), 5) == 0


def test_both_fixed_rewards_read_the_list_after_the_thoughts() -> None:
    draft = "<think>first [5, 4, 3, 2, 1], no</think><answer>[2, 1, 3, 4, 5]</answer>"
    assert result_reward(draft, {2}) == format_reward(draft, 5) == 1
    two_answers = "<think>a <answer>[2, 1]</answer></think><answer>[2, 1]</answer>"
    assert result_reward(two_answers, {2}) == format_reward(two_answers, 2) == 0


def test_fixed_rewards_want_thoughts_and_allow_one_candidate() -> None:
    assert result_reward("<answer>[2, 1]</answer>", {2}) == 0
    assert format_reward(said("1"), 1) == 1


def test_a_chosen_label_is_right_or_wrong_and_nothing_between() -> None:
    assert choice_reward("<think>a</think>\n<answer> [3] </answer>", 3) == 1
    assert choice_reward("<think>a</think><answer>[3], I think</answer>", 3) == 0
    assert choice_reward("<think>a</think><answer>[13]</answer>", 3) == 0
    assert choice_reward("<THINK>a</THINK><ANSWER>[3]</ANSWER>", 3) == 0


def test_a_binary_answer_is_rewarded_for_form_and_for_truth() -> None:
    assert [binary_form_reward(text) for text in ("0", "1", " 1", "1.", "")] == [1, 1, 0, 0, 0]
    assert [binary_label_reward(text, 1) for text in ("0", "1", "1 ")] == [0, 1, 0]
    with pytest.raises(InputError):
        binary_label_reward("2", 2)
