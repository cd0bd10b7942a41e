from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrank.rerankers.parsing import parse_choice, parse_ranking, parse_reasons
from mmrank.rerankers.protocol import AnswerStatus

THOUGHT = "<think>Image 1: no. Image 2: yes.</think>"


@pytest.mark.parametrize(
    ("ids", "status"),
    [
        ("[2, 1, 3, 4, 5]", "complete"),
        ("[1, 3, 4, 5]", "repaired"),
        ("[2, 1, 3, 4, 9]", "repaired"),
        ("[1, 2, 3, 4, 5, 6, 7]", "repaired"),
        ("[2, 2, 2, 2, 2]", "repaired"),
        ("[2]", "repaired"),
        ("[ 2, 1, 3, 4, 5]", "repaired"),
        ("[2 , 1, 3, 4, 5]", "repaired"),
        ("[02, 1, 3, 4, 5]", "repaired"),
        ("[2, 1,\n3, 4, 5]", "repaired"),
        ("2 1 3 4 5", "repaired"),
        ("[9, 8]", "unusable"),
        ("none", "unusable"),
        ("", "unusable"),
    ],
)
def test_the_status_says_what_the_answer_was_worth(ids: str, status: str) -> None:
    parsed = parse_ranking(f"{THOUGHT}<answer>{ids}</answer>", 5)
    assert parsed.status == status
    assert parsed.order == () if status == "unusable" else sorted(parsed.order) == [1, 2, 3, 4, 5]


def test_a_draft_among_the_thoughts_is_not_the_answer() -> None:
    text = "<think>maybe <answer>[5, 4, 3, 2, 1]</answer></think><answer>[2, 1, 3, 4, 5]</answer>"
    assert parse_ranking(text, 5).order == (2, 1, 3, 4, 5)


def test_thoughts_that_never_end_hold_no_answer() -> None:
    assert parse_ranking("<think>[2, 1, 3] or [3, 2, 1]", 3).status is AnswerStatus.UNUSABLE


def test_missing_ids_follow_in_their_old_order_and_repeated_ones_count_once() -> None:
    assert parse_ranking("<answer>[4, 4, 2, 77]</answer>", 5).order == (4, 2, 1, 3, 5)


def test_two_answers_are_repaired_to_the_last() -> None:
    parsed = parse_ranking("<answer>[1, 2]</answer><answer>[2, 1]</answer>", 2)
    assert parsed.order == (2, 1) and parsed.status is AnswerStatus.REPAIRED


def test_numbers_around_the_list_are_not_ids() -> None:
    assert parse_ranking("<answer>Of the 3 images in 2024: [3, 1, 2]</answer>", 3).order == (3, 1, 2)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("<think>x</think>[2] > [1] > [3]", "complete"),
        ("[2] > [1] > [3]", "complete"),
        ("<think>x</think>Ranking: [2] > [1] > [3]", "repaired"),
        ("<think>x</think>[2]>[1]>[3]", "repaired"),
        ("<think>x</think>[2] > [1]", "repaired"),
        ("<think>[2] > [1] > [3]", "unusable"),
    ],
)
def test_chains_are_read(text: str, status: str) -> None:
    parsed = parse_ranking(text, 3, style="chain")
    assert parsed.status == status
    assert parsed.order in {(2, 1, 3), ()}


@given(st.text(alphabet="<>/[], 0123456789thinkanswer\n", max_size=120), st.integers(1, 12))
def test_whatever_is_written_gives_a_permutation_or_says_unusable(text: str, count: int) -> None:
    for style in ("list", "chain"):
        parsed = parse_ranking(text, count, style=style)
        if parsed.status is AnswerStatus.UNUSABLE:
            assert parsed.order == ()
        else:
            assert sorted(parsed.order) == list(range(1, count + 1))


@pytest.mark.parametrize(
    ("text", "choice", "status"),
    [
        ("<think>x</think> <answer> [3] </answer>", 3, "complete"),
        ("<think>[1] or [2]</think><answer>[3]</answer>", 3, "complete"),
        ("<answer>3</answer>", 3, "repaired"),
        ("The best is [3].", 3, "repaired"),
        ("<answer>[3] or [4]</answer>", None, "unusable"),
        ("<answer>[9]</answer>", None, "unusable"),
        ("", None, "unusable"),
    ],
)
def test_a_choice_is_one_valid_label(text: str, choice: int | None, status: str) -> None:
    parsed = parse_choice(text, 5)
    assert (parsed.choice, str(parsed.status)) == (choice, status)


def test_the_official_choice_lower_cases_and_repairs_nothing() -> None:
    said = "<THINK>x</THINK> <ANSWER>[3]</ANSWER>"
    assert parse_choice(said, 5, mode="official").choice == 3
    assert parse_choice("<answer>[3]</answer>", 5, mode="official").choice is None
    assert parse_choice("<answer>[3]</answer>", 5, thinks=False, mode="official").choice == 3
    assert parse_choice("<think>x</think> The best is [3].", 5, mode="official").choice is None
    assert parse_choice("<think>x</think><answer>[03]</answer>", 5, mode="official").choice is None


def stated_choice(text: str, count: int, thinks: bool) -> int | None:
    """The official reading in other words: from the first opening tag, the first closing tag that an answer follows."""
    text = text.lower()
    begin = text.find("<think>" if thinks else "<answer>")
    if begin < 0:
        return None
    closing = "</think>" if thinks else "<answer>"
    place = text.find(closing, begin)
    while place >= 0:
        rest = text[place + len("</think>") :].lstrip() if thinks else text[place:]
        if rest.startswith("<answer>") and "</answer>" in rest:
            said = rest.removeprefix("<answer>").partition("</answer>")[0].strip()
            return next((number for number in range(1, count + 1) if said == f"[{number}]"), None)
        place = text.find(closing, place + 1)
    return None


def test_the_official_choice_is_that_of_the_published_code() -> None:
    dice = random.Random(929)
    pieces = ["<think>", "</think>", "<answer>", "</answer>", "<ANSWER>", "[1]", "[2]", "[12]", "[03]", "x", " ", "\n"]
    read = 0
    for _ in range(20_000):
        middle = "".join(dice.choices(pieces, k=dice.randint(1, 9)))
        text = dice.choice([middle, f"<think>{middle}</answer>", f"<think>x</think>{middle}[2]</answer>"])
        for thinks in (True, False):
            found = parse_choice(text, 5, thinks=thinks, mode="official").choice
            assert found == stated_choice(text, 5, thinks), text
            read += found is not None
    assert read > 1_000


def test_reasons_are_found_for_each_candidate() -> None:
    text = (
        "<think>Image 1: a table\nof costs.\n[2]: nothing.\n- Passage 3: the answer.</think><answer>[3, 1, 2]</answer>"
    )
    assert parse_reasons(text, 3) == {1: "a table of costs.", 2: "nothing.", 3: "the answer."}
    assert parse_reasons("no lines at all", 3) == {}
