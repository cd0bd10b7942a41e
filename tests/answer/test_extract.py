"""What is extracted from found pages, and where it is said to stand."""

from collections.abc import Callable

import pytest

from mmrank.answer.candidates import Candidate
from mmrank.answer.expected import expectation
from mmrank.answer.extract import extract
from mmrank.answer.support import check
from mmrank.answer.units import FoundPage

Found = Callable[..., FoundPage]

FARES = [["Route", "Adult", "Child"], ["Skerry", "4.20", "2.10"], ["Lunna", "6.80", "3.40"], ["Hallan", "5.50", "2.70"]]


def best(question: str, *pages: FoundPage) -> Candidate:
    return extract(expectation(question), pages)[0]


def test_a_number_is_taken_from_the_sentence_with_the_words_of_the_question(found: Found) -> None:
    page = found("The pier has 12 lamps. The ferry carries 310 passengers and 40 cars. It is blue.")
    answer = best("How many passengers does the ferry carry?", page)
    assert answer.short == "310" and answer.lines[0][0] == "The ferry carries 310 passengers and 40 cars."


def test_a_cell_is_named_by_its_row_and_column(found: Found) -> None:
    answer = best("What is the child fare on the Lunna route?", found(FARES))
    assert answer.short == "3.40" and answer.lines[0][0] == "Lunna, Child: 3.40"
    [sentence] = answer.sentences()
    assert sentence.hits[0].element_ids == ("p0e0",) and len(sentence.boxes) == 1


def test_the_row_with_the_highest_value_is_named(found: Found) -> None:
    assert best("Which route has the highest adult fare?", found(FARES)).short == "Lunna"
    assert best("Which route has the lowest adult fare?", found(FARES)).short == "Skerry"


def test_a_difference_shows_its_computation(found: Found) -> None:
    answer = best("How much higher is the adult fare of Lunna than that of Hallan?", found(FARES))
    assert answer.short == "1.30" and answer.computation == "6.80 − 5.50 = 1.30"


def test_a_list_is_given_item_by_item_with_a_box_each(found: Found) -> None:
    page = found("Bring the following:", "- a warm coat", "- a torch", "- some bread", "The boat leaves at six.")
    answer = best("List what to bring.", page)
    assert answer.short == "a warm coat; a torch; some bread"
    assert len(answer.sentences()[0].boxes) == 4


def test_items_are_counted(found: Found) -> None:
    page = found("# Steps to start the engine", "- Open the valve.", "- Turn the key.", "- Wait.", "# Oil")
    answer = best("How many steps are there to start the engine?", page)
    assert answer.short == "3" and answer.computation is not None


def test_a_heading_comes_with_what_follows_it(found: Found) -> None:
    page = found("# The harbour master", "Ada Byron has held the post since the winter storm.", "# Tides")
    assert "Ada Byron" in best("Who is the harbour master?", page).lines[0][0]


def test_a_figure_of_a_report_is_computed_from_its_lines(found: Found) -> None:
    sheet = [
        ["", "2023", "2022"],
        ["Inventories", "120", "100"],
        ["Total current assets", "500", "450"],
        ["Total current liabilities", "250", "300"],
        ["Cost of sales", "330", "290"],
    ]
    page = found("# Accounts", sheet)
    assert best("What is the current ratio for FY2023?", page).short == "2.00"
    assert best("What is the current ratio for FY2022?", page).short == "1.50"
    answer = best("What is the inventory turnover for FY2023?", page)
    assert answer.short == "3.00" and answer.computation == "330 / ((120 + 100) / 2) = 3.00"


def test_years_above_a_table_without_heads_name_its_columns(found: Found) -> None:
    rows = [["Cash", "$", "12", "$", "9"], ["Total current assets", "", "80", "", "70"], ["Other", "", "3", "", "4"]]
    page = found("At December 31, 2019 At December 31, 2018", rows)
    assert best("What were total current assets in 2018?", page).short == "70"


def test_the_surer_page_is_quoted(found: Found) -> None:
    right = found("The ferry to Lunna takes 40 minutes.", confidence=0.9)
    other = found("The ferry to Lunna takes 55 minutes.", confidence=0.2, rank=1)
    assert best("How long does the ferry to Lunna take?", other, right).short == "40"


def test_dates_names_and_addresses_are_told_by_how_they_are_written(found: Found) -> None:
    page = found("The pier was opened on 4 May 1911 by Ada Byron. Write to pier@example.org for tickets.")
    assert best("When was the pier opened?", page).short == "4 May 1911"
    assert best("Who opened the pier?", page).short == "Ada Byron"
    assert best("What is the e-mail address for tickets?", page).short == "pier@example.org"


def test_a_longer_head_that_is_named_is_meant_and_not_its_beginning(found: Found) -> None:
    table = [["Method", "Physics"], ["Ferry", "66.4"], ["Ferry + Step", "65.7"], ["Ferry + Step Back (ours)", "73.2"]]
    assert best("What score did Ferry + Step Back achieve in physics?", found(table)).short == "73.2"
    assert best("What score did Ferry achieve in physics?", found(table)).short == "66.4"


def test_of_tables_side_by_side_each_value_has_its_own_label(found: Found) -> None:
    table = [["", "Ships", "", "Ships"], ["Arden", "11", "Holm", "5"], ["Bress", "2", "Total ship count", "18"]]
    assert best("How many ships has Holm?", found(table)).short == "5"
    assert best("How many ships are there in total?", found(table)).short == "18"


def test_what_is_numbered_under_a_heading_is_counted(found: Found) -> None:
    page = found(
        "# Coffee quality", "Quality levels 1 Space is given.", "Mind the water.", "2 It swells.", "3 It is wet."
    )
    answer = best("How many coffee quality levels are there?", page)
    assert answer.short == "3" and answer.computation is not None


def test_what_a_cell_numbers_is_counted(found: Found) -> None:
    table = [["Director", "Companies"], ["Ada Byron", "1. Skerry Ltd. 2. Lunna Quays 3. The Hallan Line"]]
    assert best("How many companies does Ada Byron direct?", found(table)).short == "3"


def test_a_case_number_is_given_whole_and_a_form_is_no_number(found: Found) -> None:
    assert best("What is the case number?", found("Case: 21-13199, filed in May on 12 pages.")).short == "21-13199"
    answer = best("What is the price in the form 10-K?", found("The form 10-K says that the price is 42."))
    assert answer.short == "42"


def test_a_date_is_written_as_asked_and_found_where_it_stands_alone(found: Found) -> None:
    page = found("# Hearing before the harbour court", "October 7, 2003", "Printed for the court.")
    question = "What date is mentioned at the beginning of page 1? Format it as YYYY-MM-DD."
    assert best(question, page).short == "2003-10-07"


def test_the_two_amounts_of_a_sentence_are_compared(found: Found) -> None:
    page = found("Against a forecast growth of 6.7%, the islands grew by 4.3%.", "They grow barley.")
    answer = best("What was the shortfall in percent of the islands' growth compared to the forecast?", page)
    assert answer.short == "2.4%" and answer.computation == "6.7% − 4.3% = 2.4%"


def test_an_amount_and_a_share_are_not_added_up(found: Found) -> None:
    table = [["Line", "Amount 2021", "Share 2021"], ["Tolls", "5,376", "(2.3) %"], ["Dues", "871", "1.2 %"]]
    answer = best("What is the difference between the amount and the share of tolls in 2021?", found(table))
    assert "%" not in (answer.computation or "")


def test_a_lead_in_to_a_table_is_not_joined_to_the_note_below_it(found: Found) -> None:
    page = found(
        "The number of our stores at the end of 2023 follows:", [["", "Stores"], ["Arden", "7"]], "(1) With 19 kiosks."
    )
    made = extract(expectation("How many stores were there at the end of 2023?"), [page])
    assert not any("follows: (1)" in text for one in made for text, _ in one.lines)


def test_revenue_is_what_the_report_calls_net_sales(found: Found) -> None:
    income = [["(in millions)", "2019", "2018"], ["Net sales", "16,865", "15,740"], ["Net earnings", "1,786", "2,163"]]
    page = found("# Consolidated statements of earnings", income)
    answer = best("What was the revenue of Hallan Mills in 2019?", page)
    assert answer.short == "16,865" and answer.origin == "line"
    other = extract(expectation("What was the revenue of Hallan Mills in the ferry segment?"), [page])
    assert not any(one.origin == "line" for one in other)


def test_an_amount_is_given_in_the_unit_that_is_asked_for(found: Found) -> None:
    rows = [["", "2021", "2020"], ["Accounts payable", "302,578", "255,028"], ["Net loss", "(8,556)", "1,200"]]
    page = found("# Balance sheets", "(In thousands, except share data)", rows)
    answer = best("What is the year end 2021 amount of accounts payable? Answer in USD millions.", page)
    assert answer.short == "302.578 million" and answer.computation == "302,578 / 1,000 = 302.578 million"
    assert {cite.text for _, cites in answer.lines for cite in cites} >= {"(In thousands, except share data)"}
    assert check(answer.lines[0][0], [cite.text for _, cites in answer.lines for cite in cites]).ok
    assert best("What is the year end 2021 amount of accounts payable?", page).short == "302,578"
    loss = best("What was the net loss in 2021, in USD millions?", page)
    assert loss.computation == "-8,556 / 1,000 = -8.556 million"


def test_a_change_is_worked_out_within_one_row(found: Found) -> None:
    rows = [["", "2021", "2020"], ["Net sales", "1,200", "1,000"]]
    other = [["", "2020"], ["Total net revenue", "400"]]  # a segment's, elsewhere
    answer = best("What was the revenue growth rate from 2020 to 2021?", found(rows, other))
    assert answer.computation == "(1,200 − 1,000) / 1,000 = 20.0 %"


PLOTS = [
    ["Plot", "Holder", "Area (m²)", "Let since", "Rent (€)"],
    ["1", "Ada Byron", "300", "1994", "120"],
    ["2", "Ben Crane", "250", "2001", "95"],
    ["3", "Cora Dunn", "410", "1987", "140"],
]
SHIPS = [
    ["Ship", "Captain", "Built", "Length", "Crossing", "Fare"],
    ["Kittiwake", "Ada Byron", "1994", "42 m", "40 min", "4.20"],
    ["Skua", "Ben Crane", "2001", "55 m", "55 min", "6.80"],
]


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("What does plot 3 cost?", "140"),
        ("How much is plot 3?", "140"),
        ("How much must the holder of plot 1 pay?", "120"),
        ("How big is plot 3?", "410"),
        ("When was plot 3 let?", "1987"),
        ("Whose is plot 1?", "Ada Byron"),
        ("What does a trip on the Skua cost?", "6.80"),
        ("How long is the Skua?", "55 m"),
        ("How long does the Skua take?", "55 min"),
        ("Who commands the Kittiwake?", "Ada Byron"),
    ],
)
def test_the_column_is_told_by_what_is_measured(found: Found, question: str, short: str) -> None:
    assert best(question, found("# Harbour", PLOTS if "lot" in question else SHIPS)).short == short


def test_who_has_the_highest_value_is_a_person(found: Found) -> None:
    assert best("Who pays the highest rent?", found("# Harbour", PLOTS)).short == "Cora Dunn"


def test_a_figure_without_its_lines_is_not_some_other_number(found: Found) -> None:
    made = extract(expectation("What is the quick ratio of Lunna?"), [found("Lunna sold 12 boats.")])
    assert made == []


def test_an_amount_in_another_currency_is_not_the_one_that_was_asked_for(found: Found) -> None:
    page = found(
        "# Sales of firms", "Lunna Lines sold tickets for $1.2 billion.", "Hallan Ships sold for ¥1.2 billion."
    )
    assert "Hallan" in best("Which firm sold tickets for 1.2 billion yen?", page).lines[0][0]
    assert "Lunna" in best("Which firm sold tickets for 1.2 billion dollars?", page).lines[0][0]


def test_a_table_in_mio_is_converted_but_never_into_another_currency(found: Found) -> None:
    page = found("# Umsatz", "(in Mio. €)", [["", "2021"], ["Umsatz", "1.5"], ["Kosten", "1,200"]])
    assert best("How high were the Kosten in 2021, in billions of euros?", page).short == "1.2 billion"
    assert best("How high were the Kosten in 2021, in billions of yen?", page).short == "1,200"
