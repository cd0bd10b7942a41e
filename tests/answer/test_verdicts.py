"""Yes or no is said only where what is cited decides it."""

from collections.abc import Callable

import pytest

from mmrank.answer.candidates import Candidate
from mmrank.answer.expected import expectation
from mmrank.answer.extract import extract
from mmrank.answer.support import check
from mmrank.answer.units import FoundPage

Found = Callable[..., FoundPage]

FARES = [["Route", "Adult", "Child"], ["Skerry", "4.20", "2.10"], ["Lunna", "6.80", "3.40"]]
YEARS = [
    ["Line", "2021", "2020"],
    ["Passengers", "1,200", "1,500"],
    ["Revenue", "900", "800"],
    ["Total current assets", "500", "450"],
    ["Total current liabilities", "250", "300"],
]
PLOTS = [["Plot", "Water", "Gas", "Rent"], ["1", "yes", "no", "12"], ["2", "no", "no", "9"]]
SHIPS = [["Ship", "Built"], ["Skua", "2001"], ["Gull", "1994"]]
RULES = (
    "Smoking is not allowed on the pier. Dogs are allowed on the ferry. No fires are permitted on the beach. "
    "The mole was built by Ada Byron in 1911. The pier is open in summer and closed in winter. "
    "Guide rats are allowed on the boat. The ferry terminal is blue. Not all cabins are heated. Ada pays Ben. "
    "Lifts are allowed unless it rains. The office may open on Sundays."
)


def best(question: str, *parts: object, found: Found) -> Candidate:
    return extract(expectation(question), [found("# Harbour fares", *parts)])[0]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Is the adult fare to Lunna higher than the adult fare to Skerry?", "Yes"),
        ("Is the fare to Lunna lower than to Skerry?", "No"),
        ("Is the adult fare to Lunna more than 5?", "Yes"),
        ("Is the child fare to Lunna below 3?", "No"),
        ("Did the number of passengers increase from 2020 to 2021?", "No"),
        ("Did revenue grow in 2021?", "Yes"),
        ("Did the revenue of Lunna Lines grow in 2021?", "Yes"),
        ("Was revenue higher in 2021 than in 2020?", "Yes"),
        ("Is the current ratio above 2.5 in FY2021?", "No"),
        ("Were total current assets lower in 2021 than in 2020?", "No"),
        ("Does plot 1 have water?", "Yes"),
        ("Does plot 1 have gas?", "No"),
        ("Is the rent of plot 2 higher than the rent of plot 1?", "No"),
        ("Is smoking allowed on the pier?", "No"),
        ("Are dogs allowed on the ferry?", "Yes"),
        ("Are fires permitted on the beach?", "No"),
        ("Was the mole built by Ada Byron?", "Yes"),
    ],
)
def test_what_is_cited_decides(found: Found, question: str, said: str) -> None:
    answer = best(question, FARES, YEARS, PLOTS, RULES, found=found)
    assert answer.short == said
    [(text, cites)] = answer.lines
    assert text.startswith(f"{said}: ") and check(text, [cite.text for cite in cites]).ok


@pytest.mark.parametrize(
    "question",
    [
        "Is the pier open in winter?",  # the words are there, of two clauses
        "Are rats allowed on the boat?",  # of guide rats
        "Is the ferry blue?",  # its terminal is
        "Are cabins heated?",
        "Does Ben pay Ada?",
        "Are lifts allowed?",
        "Does the office open on Sundays?",
        "Are dogs or cats allowed on the ferry?",
        "Is it not allowed to smoke on the pier?",
        "Are passengers under 18 allowed?",
        "Did passengers grow by more than 100 in 2021?",
        "Did revenue increase by 10 % in 2021?",
        "Is Lunna nicer than Skerry?",
        "Did revenue rise in 2019?",
        "Did the revenue of the ferry segment grow in 2021?",
        "Was profit higher in 2021 than in 2020?",
        "Is the profit of Lunna higher than that of Skerry?",
        "Is the Skua longer than the Gull?",  # only the years they were built in are given
        "Is the toll to Lunna more than 5?",
    ],
)
def test_otherwise_nothing_is_claimed(found: Found, question: str) -> None:
    answer = best(question, FARES, YEARS, SHIPS, RULES, found=found)
    assert answer.origin != "verdict" and not answer.lines[0][0].startswith(("Yes", "No:"))


def test_sentences_that_contradict_each_other_decide_nothing(found: Found) -> None:
    page = found("Dogs are allowed on the ferry. Dogs are not allowed on the ferry.")
    assert extract(expectation("Are dogs allowed on the ferry?"), [page])[0].origin != "verdict"


def test_a_table_in_millions_is_compared_in_millions(found: Found) -> None:
    parts = ("(In millions of euros)", YEARS)
    assert best("Did revenue exceed 850 million euros in 2021?", *parts, found=found).short == "Yes"
    assert best("Did revenue exceed 1 billion euros in 2021?", *parts, found=found).short == "No"
    assert best("Did revenue exceed 850 million yen in 2021?", *parts, found=found).origin != "verdict"
    assert best("Did revenue exceed 1,000 in 2021?", *parts, found=found).origin != "verdict"
