"""Rewards by value: the golden table of MM-R5, and what the fixed mode does not let pass."""

from __future__ import annotations

import ast
import random

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


def stated_result(text: str, gold: set[int]) -> float:
    """The official result in other words: the first list after an answer tag, read as Python reads numbers."""
    lists = [line.partition("<answer>[") for line in text.split("\n")]
    said = next((rest.partition("]</answer>")[0] for _, tag, rest in lists if tag and "]</answer>" in rest), None)
    if said is None:
        return 0.0
    try:
        ids = [int(piece) for piece in said.split(",") if piece.strip()]
    except ValueError:
        return 0.0
    best = sum(place**-3 for place in range(1, len(gold) + 1))
    return sum((ids.index(one) + 1) ** -3 for one in gold if one in ids) / best if gold else 0.0


def stated_format(text: str, count: int) -> float:
    """The official format in other words: the first closed thought that a list of digits follows is evaluated."""
    begin = text.find("<think>")
    place = text.find("</think>", begin + len("<think>")) if begin >= 0 else -1
    while place >= 0:
        rest = text[place + len("</think>") :].lstrip()
        said, closed, _ = rest.removeprefix("<answer>[").partition("]</answer>")
        pieces = said.split(",")
        digits = all(piece.strip() and set(piece.lstrip()) <= set("0123456789") for piece in pieces)
        if rest.startswith("<answer>[") and closed and digits and pieces[0] == pieces[0].lstrip():
            try:
                ids = ast.literal_eval(said)
                inside = sum(1 <= one <= count for one in ids)
                return (1 - abs(len(ids) - count) / count) * inside / len(ids)
            except (SyntaxError, TypeError):  # leading zeros, a line break; a single number
                return 0.0
        place = text.find("</think>", place + 1)
    return 0.0


def fuzzed(dice: random.Random) -> str:
    """An answer that is well formed, nearly so, or not."""
    ids = [str(dice.choice([0, 1, 1, 2, 3, 4, 5, 9, 12])) for _ in range(dice.randint(1, 7))]
    if dice.random() < 0.15:
        ids[dice.randrange(len(ids))] = dice.choice(["", "02", "00", "x", " 1", "-1", "1_0", "2 3"])
    said = dice.choice([", ", ", ", ",", ",  ", ",\t", ",\n", " , "]).join(ids)
    answer = dice.choice(["<answer>[{}]</answer>"] * 4 + ["<answer>{}</answer>", "[{}]", "<answer>[{}]"]).format(said)
    before = dice.choice(["", "x", "\n", "<think>a</think>", "<think>a\nb</think>", "<think>b</think>\n", "<think>"])
    after = dice.choice(["", "", "", " and so on", "\n", "<answer>[1, 2]</answer>", "</think><answer>[2, 1]</answer>"])
    return before + answer + after


def test_official_rewards_are_those_of_the_published_code() -> None:
    dice = random.Random(5)
    results = forms = 0.0
    for _ in range(20_000):
        text, count = fuzzed(dice), dice.randint(1, 6)
        gold = set(dice.sample(range(1, 6), dice.randint(0, 3)))
        result, form = (
            result_reward(text, gold, mode="official"),
            format_reward(text, count, mode="official"),
        )
        assert result == pytest.approx(stated_result(text, gold), abs=1e-12), text
        assert form == pytest.approx(stated_format(text, count), abs=1e-12), text
        results, forms = results + (result > 0), forms + (form > 0)
    assert results > 2_000 and forms > 2_000


@pytest.mark.parametrize(
    ("completion", "form"),
    [
        ("so: <think>x</think><answer>[2, 1]</answer> done", 1),
        ("<think>x</think><answer>[0, 1]</answer>", 0.5),
        ("<think>x</think><answer>[2,  1]</answer>", 1),
    ],
)
def test_the_official_form_is_searched_and_takes_zero_and_wide_spaces(completion: str, form: float) -> None:
    assert format_reward(completion, 2, mode="official") == form


def test_repetition_cannot_raise_the_fixed_rewards() -> None:
    honest = result_reward(said("2, 1, 3, 4, 5"), {2}) + format_reward(said("2, 1, 3, 4, 5"), 5)
    hacked = result_reward(said("2, 2, 2, 2, 2"), {2}) + format_reward(said("2, 2, 2, 2, 2"), 5)
    assert honest == 2
    assert hacked == pytest.approx(1.2)
    assert format_reward(said("2, 1, 3, 4, 5, 1, 3, 4, 5, 1, 3"), 5) == 0


def test_both_fixed_rewards_read_the_list_after_the_thoughts() -> None:
    draft = "<think>first [5, 4, 3, 2, 1], no</think><answer>[2, 1, 3, 4, 5]</answer>"
    assert result_reward(draft, {2}) == format_reward(draft, 5) == 1
    two_answers = "<think>a <answer>[1, 2]</answer></think><answer>[2, 1]</answer>"
    assert result_reward(two_answers, {2}) == 1
    assert format_reward(two_answers, 2) == 0


def test_the_fixed_result_counts_each_id_once_and_does_not_ask_for_form() -> None:
    """As the paper says: I without repetitions, then Σ 1/rank³; the form is the other reward's."""
    assert result_reward("<answer>[2, 1]</answer>", {2}) == 1
    assert result_reward("so <think>x</think> I say <answer>[ 1,  1, 2 ]</answer>.", {2}) == pytest.approx(1 / 8)
    assert result_reward("<think>x</think>[2, 1]", {2}) == 0
    assert format_reward("<answer>[2, 1]</answer>", 2) == 0
    assert format_reward(said("1"), 1) == 1


def test_the_fixed_result_is_never_below_the_official_one_on_one_list() -> None:
    dice = random.Random(6)
    compared = 0
    for _ in range(5_000):
        text, gold = fuzzed(dice), set(dice.sample(range(1, 6), dice.randint(0, 3)))
        if text.count("<answer>") == 1:
            official, fixed = result_reward(text, gold, mode="official"), result_reward(text, gold)
            assert fixed >= official
            compared += fixed > official > 0
    assert compared > 100


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
