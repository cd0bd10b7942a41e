import pytest

from mmrank.query.analysis import analyse, roman_to_int


@pytest.mark.parametrize(
    ("question", "handles"),
    [
        ("What does Figure 2 show?", ("figure 2",)),
        ("Compare Fig. 3 and Tab. 4", ("figure 3", "table 4")),
        ("According to table II, which datasets …", ("table 2",)),
        ("Among figure 1-4, how many show a gash?", ("figure 1", "figure 2", "figure 3", "figure 4")),
        ("For Table 1 and Table 2, how many?", ("table 1", "table 2")),
        ("Which papers are in Figures 5 and 6?", ("figure 5", "figure 6")),
        ("What is discussed in section 4.1?", ("section 4.1",)),
        ("What is in Appendix B?", ("appendix b",)),
        ("the blocks in the first figure", ("figure #1",)),
        ("Which figure is the largest?", ()),
        ("Which table contains dates?", ()),
    ],
)
def test_names_of_elements_are_found_and_normalised(question: str, handles: tuple[str, ...]) -> None:
    assert analyse(question).handles == handles


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ("What is on page 14?", (14,)),
        ("the chart at the top of page 6985", (6985,)),
        ("the figures on slide 2 and the bars on page 4", (2, 4)),
        ("at the beginning of page(1)?", (1,)),
        ("How many tables stand on pages 10-13?", (10, 11, 12, 13)),
        ("from page 3 to page 5", (3, 4, 5)),
        ("on pages 3, 5 and 9", (3, 5, 9)),
        ("the figures on slides 2 and 7", (2, 7)),
        ("between page 4 to 90", (4, 90)),
        ("the numbers on page three", (3,)),
        ("the photo on page 5 and the 7 ships", (5,)),
        ("What page has a snowflake?", ()),
    ],
)
def test_page_numbers_are_found(question: str, numbers: tuple[int, ...]) -> None:
    assert analyse(question).page_numbers == numbers


@pytest.mark.parametrize(
    ("question", "numbers"),
    [("page iv of the preface", (4,)), ("on pages ii and iii", (2, 3)), ("the page I have", ()), ("page 4", ())],
)
def test_roman_page_numbers_are_found(question: str, numbers: tuple[int, ...]) -> None:
    assert analyse(question).roman_pages == numbers


@pytest.mark.parametrize(
    "question",
    [
        "Who are the authors of the paper?",
        "What is the title of this document?",
        "When was the annual report published?",
        "Which organization released this study?",
        "What is the name of the company that created this presentation?",
        "Who is the defendant of this case?",
        "What is the case number?",
        "What is the email of the first author?",
        "What year is the report for?",
    ],
)
def test_questions_about_a_work_itself_are_known(question: str) -> None:
    assert analyse(question).front


@pytest.mark.parametrize(
    "question",
    [
        "What did the defendant argue?",
        "Which company released more phones than it sold?",
        "How many authors of this report come from one university?",
        "What is the date of the second visit?",
        "When was the bridge built?",
    ],
)
def test_questions_about_what_a_work_says_are_no_questions_about_it(question: str) -> None:
    assert not analyse(question).front


@pytest.mark.parametrize(
    ("question", "places"),
    [
        ("What stands on the cover page?", (0,)),
        ("Which colour has the front cover?", (0,)),
        ("the address on the back cover", (-1,)),
        ("a signature on the last page", (-1,)),
        ("the third slide", (2,)),
        ("the 12th page", (11,)),
        ("on the second to last page", (-2,)),
        ("on the second-to-last page", (-2,)),
        ("the next-to-last slide", (-2,)),
        ("the penultimate page", (-2,)),
        ("the last but one page", (-2,)),
        ("the last page but one", (-2,)),
        ("the page at the second last", (-2,)),
        ("the page in the third last position", (-3,)),
        ("the last chart on the second page", (1,)),
        ("What page is first mentioned?", ()),
        ("on the first three pages", (0, 1, 2)),
        ("in the last 2 slides", (-2, -1)),
    ],
)
def test_pages_named_by_their_place_are_found(question: str, places: tuple[int, ...]) -> None:
    assert analyse(question).places == places


def test_instructions_on_how_to_answer_are_left_out() -> None:
    analysis = analyse("Which counties are named? Please write the answer in list format, e.g., ['a', 'b']")
    assert analysis.text == "Which counties are named?"


def test_a_question_that_is_all_instruction_is_kept_whole() -> None:
    question = "List all the counties in the order they appear"
    assert analyse(question).text == question


def test_a_page_number_in_an_instruction_is_still_found() -> None:
    analysis = analyse("List the number of people in the figure on page 6. Write the answer in list format.")
    assert analysis.page_numbers == (6,)


def test_a_ratio_leads_to_the_statements_it_is_computed_from() -> None:
    found = dict(analyse("What is the inventory turnover of Acme in 2021?").statements)
    assert set(found) == {"balance", "income"}
    assert " inventory " in found["balance"]


def test_a_word_inside_another_is_no_ratio() -> None:
    assert analyse("What does the proactive team do?").statements == ()


def test_roman_numerals_beyond_the_known_are_refused() -> None:
    assert [roman_to_int(numeral) for numeral in ("", "iiii", "abc", "xl")] == [None, None, None, 40]


def test_any_text_can_be_taken_apart() -> None:
    for text in ("?", "«»", "図2は何ですか", "a" * 8000, "page 99999999", "figure", "Table ."):
        assert analyse(text).raw == " ".join(text.split())
