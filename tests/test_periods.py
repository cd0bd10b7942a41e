"""Periods in questions and in documents, by value."""

import pytest

from mmrank.periods import Period, named_period, period_match, reported_period


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What was revenue in FY2018?", "2018"),
        ("What was revenue in FY 18?", "2018"),
        ("fiscal year 2018 revenue", "2018"),
        ("revenue from FY2016 to FY2017", "2017"),
        ("Did margins rise in Q2 of FY2023 compared to Q2 of FY2022?", "2023-Q2"),
        ("sales in the third quarter of 2021", "2021-Q3"),
        ("short term investments in H1 FY2023", "2023-Q2"),
        ("Was there a drop between FY 2023 and Q2 of FY2024?", "2024-Q2"),
        ("As of FY 2021, what did it expect to pay in 2024?", "2021"),
        ("the year ended December 31, 2018", "2018"),
    ],
)
def test_a_question_names_a_period(text: str, expected: str) -> None:
    assert str(named_period(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "How many pages?", "2,018 people", "$2018 million", "12018", "2018%", "version 3.2018"]
)
def test_other_numbers_are_no_years(text: str) -> None:
    assert named_period(text) is None


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (["For the fiscal year ended December 31, 2019"], "2019"),
        (["for the year ended January 1, 2023"], "2022"),
        (["for the fiscal year ended January 28, 2023", "In fiscal 2023 sales rose", "fiscal 2023"], "2023"),
        (["for the fiscal year ended January 28, 2023", "In fiscal 2022 sales rose", "fiscal 2022"], "2022"),
        (["For the quarterly period ended March 31, 2023"], "2023-Q1"),
        (["For the quarterly period ended December 31, 2022", "three and six months ended December 31"], "2023-Q2"),
        (["For the quarterly period ended September 30, 2023", "Nine Months Ended September 30"], "2023-Q3"),
        (["twelve months ended June 30, 2022 twelve months ended June 30, 2023"], "2023"),
        (["Annual report 2014\nOf the harbour"], "2014"),
    ],
)
def test_a_document_says_what_it_reports_on(pages: list[str], expected: str) -> None:
    assert str(reported_period(pages)) == expected


def test_the_file_name_says_it_where_the_pages_do_not() -> None:
    assert str(reported_period(["Hello"], "harbour_2019_report.pdf")) == "2019"
    assert reported_period(["Hello"], "harbour.pdf") is None
    assert reported_period([]) is None


def test_the_very_period_matches_best_and_another_year_counts_against() -> None:
    asked = Period(2019)
    scores = [
        period_match(asked, reported) for reported in (Period(2019), Period(2019, 3), Period(2020), None, Period(2017))
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1 and scores[-1] < 0 == scores[-2]
    assert period_match(None, Period(2019)) == 0


@pytest.mark.parametrize("period", [Period(2019), Period(2023, 2)])
def test_a_period_is_read_back(period: Period) -> None:
    assert Period.parse(str(period)) == period


@pytest.mark.parametrize("text", ["", "2019-Q5", "19", "2019-06"])
def test_what_is_no_period_is_none(text: str) -> None:
    assert Period.parse(text) is None
