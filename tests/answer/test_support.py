"""What a sentence must share with its boxes."""

import random

import pytest

from mmrank.answer.citing import read_sentences
from mmrank.answer.support import check

SALES = (
    "Sales · 2022 · 2023 · 981 · 1,204. The Harbour Trust of Lunna sold 4.2 million tickets, “more than ever before”."
)


@pytest.mark.parametrize(
    "sentence",
    [
        "Sales rose to 1,204 in 2023.",
        "Sales were 1204.",
        "Sales rose by (1,204 − 981) / 981 = 22.7 %.",
        "Sales rose by 1,204 - 981 = 223.",
        "The Harbour Trust sold 4,200,000 tickets.",
        "The trust sold tickets “more than ever before”.",
    ],
)
def test_what_stands_in_the_boxes_is_supported(sentence: str) -> None:
    assert check(sentence, [SALES]).fault is None


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("Sales rose to 1,304 in 2023.", "1,304"),
        ("Sales rose by (1,204 − 981) / 981 = 32.7 %.", "result"),
        ("Sales rose by (1,204 − 900) / 900 = 33.8 %.", "900"),
        ("The Harbour Trust of Hallan sold tickets.", "Hallan"),
        ("The trust sold tickets “as never before”.", "as never before"),
        ("Sales rose, see https://example.org/win for tickets.", "https://example.org/win"),
        ("Sales rose, see [tickets](javascript:alert) of the trust.", "link"),
        ("Sales rose, see <img src=x> of the trust.", "link"),
        ("Passengers enjoyed wonderful weather during their holidays.", "words"),
    ],
)
def test_what_does_not_stand_there_is_refused(sentence: str, fault: str) -> None:
    found = check(sentence, [SALES]).fault
    assert found is not None and fault in found


def test_a_link_is_given_where_it_was_asked_for_and_stands_there() -> None:
    page = "Tickets are sold at https://tickets.example.org by the trust."
    assert check("Tickets are sold at https://tickets.example.org", [page], links=True).ok
    assert not check("Tickets are sold at https://other.example.org", [page], links=True).ok
    assert not check("Tickets are sold at https://tickets.example.org", [page]).ok


def test_names_may_come_from_the_title_and_numbers_may_not() -> None:
    assert check("Nike had sales of 1,204.", [SALES], known="Nike annual report 2021").ok
    assert not check("Nike had sales of 2021.", ["Sales 1,204"], known="Nike annual report 2021").ok


def test_a_company_that_is_named_like_an_address_may_be_named_where_it_was_asked_about() -> None:
    sentence, page = "Lunna.com sold 1,204 tickets.", "Lunna.com sold 1,204 tickets."
    assert check(sentence, [page], asked="How many tickets did Lunna sell?").ok
    assert not check(sentence, [page], asked="How many tickets were sold?").ok
    assert check(
        "The file notes.txt and Node.js, i.e. U.S. tools, are listed.", ["notes.txt Node.js i.e. U.S. tools"]
    ).ok


def test_what_only_the_headings_say_is_not_supported() -> None:
    assert check("The notice is about gold.", ["Gold was found."], known="Notice to all").ok
    assert not check("The notice is to all.", ["Gold was found."], known="Notice to all").ok


def test_sentences_have_the_passages_they_cite() -> None:
    text = "<think>Perhaps [9].</think>- The fare is 4.20 [1].\n- Mr. Shah [2, 3] sold it. [5-7]\nIt rained"
    found = [(one.text, one.cites, one.whole) for one in read_sentences(text)]
    assert found == [
        ("The fare is 4.20.", (1,), True),
        ("Mr. Shah sold it.", (2, 3, 5, 6, 7), True),
        ("It rained", (), False),
    ]


def test_any_text_is_read_and_a_citation_is_never_invented() -> None:
    rng = random.Random(4)
    pieces = [
        "[",
        "]",
        "[1]",
        "[2, 3]",
        ".",
        " ",
        "\n",
        "Sales rose",
        "<think>",
        "</think>",
        "-",
        "1.",
        "[999]",
        "é",
        "“",
    ]
    for _ in range(500):
        text = "".join(rng.choice(pieces) for _ in range(rng.randrange(30)))
        for one in read_sentences(text):
            assert one.text and set(one.cites) <= {1, 2, 3, 999}
