"""What is extracted from found pages, and where it is said to stand."""

from collections.abc import Callable

from mmrank.answer.candidates import Candidate
from mmrank.answer.expected import expectation
from mmrank.answer.extract import extract
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
