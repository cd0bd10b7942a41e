import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrank.query.analysis import analyse
from mmrank.query.instructions import is_instruction, without_instructions

INSTRUCTIONS = (
    "Please write the answer in list format, e.g., ['a', 'b'].",
    "Round your answer to two decimal places.",
    "Give me an integer.",
    "Directly answer 'yes' or 'no'.",
    "Answer in units of percents and round to one decimal place.",
    'The answer shall be formatted as a list, for example, ["Part 5", "Part 8"].',
    "Format your answer as YYYY-MM-DD.",
    "Your answer should be in English.",
)


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_a_sentence_on_how_to_answer_is_left_out(instruction: str) -> None:
    assert without_instructions(f"Which harbours froze? {instruction}") == "Which harbours froze?"
    assert without_instructions(f"{instruction} Which harbours froze?") == "Which harbours froze?"
    assert without_instructions(f"Which harbours froze?{instruction}") == "Which harbours froze?"


@pytest.mark.parametrize(
    "question",
    [
        "What does the policy say about how to return an order without a receipt?",
        "I bought a lamp last week. What is the return period if I have no receipt?",
        "How long does it take to express a list of grievances in the works council?",
        "List the no. of chapters that hold a highlight.",
        "For the papers that report a list in Table 2, how many give the order of merit?",
        "Which parcels are sent by express? Give the weight of each.",
        "Who may write to the board, for example (a) members and (b) guests?",
        "Return the oak.",
    ],
)
def test_words_of_answering_that_are_content_stay(question: str) -> None:
    assert without_instructions(question) == question


def test_a_clause_on_how_to_answer_is_left_out() -> None:
    assert without_instructions("How far is Oslo (in kilometres), rounded to two decimals?") == (
        "How far is Oslo (in kilometres)?"
    )
    assert without_instructions("How far is Oslo (round to one decimal place)?") == "How far is Oslo?"


def test_a_source_that_only_an_instruction_names_is_left_out_with_it() -> None:
    asked = "Which harbours froze? Write the answer in list format, e.g. ['a', 'b'], in the 2013 Survey of Harbours?"
    assert without_instructions(asked.replace("], in", "] in")) == "Which harbours froze?"
    kept = "Which harbours froze in the 2013 Survey of Harbours?"
    assert without_instructions(f"{kept} Give me a list.") == kept


def test_numbers_of_an_example_answer_are_no_pages() -> None:
    assert analyse("On which pages is a seal? List them like [page 3, page 5].").page_numbers == ()
    assert analyse('Where is the seal? Write "page 5" in your answer format.').page_numbers == ()
    assert analyse("Where is the seal of page 7? Answer in a list, e.g. [3, 5].").page_numbers == (7,)


SUBJECTS = st.lists(
    st.sampled_from("harbour frost lamp oak return order list express seal number The of with 12 page".split()),
    min_size=1,
    max_size=8,
).map(" ".join)


@given(SUBJECTS, st.sampled_from(INSTRUCTIONS))
def test_a_question_keeps_its_words_beside_an_instruction(subject: str, instruction: str) -> None:
    asked = f"Which {subject} froze?"
    assert without_instructions(f"{asked} {instruction}") == asked


@given(st.text(max_size=200))
def test_only_words_of_answering_are_ever_lost(text: str) -> None:
    kept = without_instructions(text)
    assert bool(kept) == bool(text.split())
    remaining = set(re.findall(r"\w+", kept))
    whole = set(re.findall(r"\w+", text))
    assert remaining <= whole


@given(
    st.lists(
        st.sampled_from([*INSTRUCTIONS, "Which oak fell?", "The", "of", "The frost.", "no"]), min_size=1, max_size=5
    )
)
def test_no_stub_is_left(pieces: list[str]) -> None:
    kept = without_instructions(" ".join(pieces))
    content = [piece for piece in pieces if piece in {"Which oak fell?", "The frost."}]
    assert all(piece.rstrip(".") in kept for piece in content)
    assert kept == " ".join(" ".join(pieces).split()) or not is_instruction(kept)
    assert kept.lower() not in {"the", "of", "no"} or len(pieces) == 1
