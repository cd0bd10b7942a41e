"""A candidate that repeats the question gains nothing by it."""

import pytest

from mmrank.llm.protocol import ModelInfo
from mmrank.rerankers.echoes import without_echoes
from mmrank.rerankers.presentation import show
from mmrank.types import Candidate, Part, PartKind

QUESTION = "Which ferry is the first to sail to Skerry on a Sunday?"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Timetable. {QUESTION} {QUESTION}", "Timetable. …? …?"),
        ("timetable\nwhich ferry is the FIRST to sail — to Skerry, on a Sunday", "timetable\n…"),
        (
            "The ferry that is the first to sail to Skerry on a Sunday.",
            "The ferry that is the first to sail to Skerry on a Sunday.",
        ),
        (f"{QUESTION} The Gannet, at seven.", "…? The Gannet, at seven."),
        ("The Gannet is the first to sail on weekdays.", "The Gannet is the first to sail on weekdays."),
        ("", ""),
    ],
)
def test_a_question_is_cut_out_and_nothing_else(text: str, left: str) -> None:
    assert without_echoes(text, QUESTION) == left


def test_a_statement_may_be_what_is_sought() -> None:
    sought = "the red circle stands at the top of the page"
    assert without_echoes(f"Here {sought}.", sought) == f"Here {sought}."


def test_a_question_of_few_words_may_stand_in_any_text() -> None:
    assert without_echoes("Net sales rose. Net sales in 2019 fell.", "net sales in 2019") == (
        "Net sales rose. Net sales in 2019 fell."
    )


def test_a_model_is_shown_what_stands_beside_the_repetition() -> None:
    candidate = Candidate("a", (Part(PartKind.TEXT, f"{QUESTION} {QUESTION}\nThe Gannet.", ()),), 0.0)
    info = ModelInfo("m", "test", 512)
    assert show(candidate, info, asked=QUESTION) == ("…? …?\nThe Gannet.",)
    assert show(candidate, info) == (f"{QUESTION} {QUESTION}\nThe Gannet.",)
