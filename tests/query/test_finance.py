import pytest

from mmrank.query.finance import statement_lines, statements

BALANCE, INCOME, CASH = "balance", "income", "cash_flow"


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("What is the quick ratio?", {BALANCE}),
        ("What is the inventory turnover?", {BALANCE, INCOME}),
        ("How high is goodwill to total assets?", {BALANCE}),
        ("Give the ratio of dividends to net income", {INCOME, CASH}),
        ("What are SG&A expenses as a share of revenue?", {INCOME}),
        ("Interest to average total debt in 2020", {BALANCE, INCOME}),
        ("What is depreciation per sales?", {INCOME, CASH}),
        ("What is the R&D to fixed assets ratio?", {BALANCE, INCOME}),
        ("How many days are receivables outstanding?", {BALANCE, INCOME}),
        ("What is the return on net worth?", {BALANCE, INCOME}),
        ("What is the EBITDA margin?", {INCOME, CASH}),
        ("operating cash flow divided by current liabilities", {BALANCE, CASH}),
        ("Where does the cash flow statement stand?", {CASH}),
        ("What are total current liabilities?", {BALANCE}),
        ("capitalisation ratio of the group", {BALANCE, INCOME}),
    ],
)
def test_the_parts_of_a_figure_lead_to_the_statements_that_hold_them(question: str, wanted: set[str]) -> None:
    assert {name for name, _ in statement_lines(question)} == wanted


@pytest.mark.parametrize(
    "question",
    [
        "What does the proactive team do?",
        "How much interest did the readers show?",
        "Which debts does the author acknowledge?",
        "What is the ratio of men to women?",
        "What is the sales department's address?",
        "How many people walk from the harbour to the station?",
    ],
)
def test_everyday_words_lead_to_no_statement(question: str) -> None:
    assert statement_lines(question) == ()


def test_the_lines_are_those_of_the_parts() -> None:
    assert dict(statement_lines("What is inventory to total assets?"))[BALANCE] == (" inventory ", " total asset ")


def test_every_line_of_a_figure_is_written_as_pages_are_read() -> None:
    for statement in statements().values():
        for line in (*statement.titles, *statement.lines):
            assert line == line.lower() and line.startswith(" ") and line.endswith(" ")
