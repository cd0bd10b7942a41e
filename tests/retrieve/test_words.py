import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrank.index import placed_words, tokenize
from mmrank.plurals import singular
from mmrank.retrieve.languages import question_language
from mmrank.retrieve.matching import WordMatcher
from mmrank.retrieve.words import content_words, words, written_words


@pytest.mark.parametrize(
    "written", ["1,234,567", "1.234.567", "1234567", "1 234 567", "1\u00a0234\u00a0567", "1’234’567", "1,234,567.0"]
)
def test_a_number_is_one_word_however_it_is_written(written):
    assert "1234567" in words(f"a sum of {written} was paid")


@pytest.mark.parametrize(
    "written",
    [
        "3 May 2021",
        "May 3, 2021",
        "2021-05-03",
        "03.05.2021",
        "3rd of May 2021",
        "5/3/2021",
        "3 may 2021",
        "MAY 3 2021",
    ],
)
def test_a_date_is_one_word_however_it_is_written(written):
    assert "2021-05-03" in words(f"signed on {written}.")


def test_amounts_meet_where_the_statement_says_in_what_it_counts():
    assert "1200000000" in words("$1.2 billion")
    assert "1200000000" in words("(in millions) Revenue 1,200 in 2019")
    assert "1200000000" not in words("Revenue 1,200 in 2019")
    assert "2019000000" not in words("(in millions) Revenue 1,200 in 2019")


@pytest.mark.parametrize(
    "written",
    [
        "1,2 Milliarden Euro", "1,2 Mrd. €", "€1.2bn", "EUR 1.200 Mio.", "1 200 millions d’euros",
        "1,2 mil millones de euros", "12億ユーロ", "€1,200,000,000", "1,2 млрд евро", "1.2 billion euros",
        "120 crore euros", "1,2 miliardi di euro",
    ],
)  # fmt: skip
def test_an_amount_is_one_in_every_language_and_has_its_currency(written):
    assert {"1200000000", "eur1200000000"} <= set(words(written))
    assert not {"usd1200000000", "jpy1200000000"} & set(words(written))


def test_an_amount_in_japanese_is_read_whole_and_the_yen_sign_may_be_of_two_currencies():
    assert "jpy1230000000" in words("売上高は12億3,000万円です")
    assert {"jpy1200000000", "cny1200000000"} <= set(words("¥1.2 billion"))


def test_a_table_says_in_other_languages_in_what_it_counts():
    for said in ("(in Mio. €) Umsatz 1.200", "(en millones de euros) Ventas 1.200", "(百万円) 売上 1,200"):
        assert "1200000000" in words(said)


def test_a_number_before_another_word_is_no_amount():
    assert words("5 m wide, 3 km, 12 miles, 2019 Mia") == "5 m wide 3 km 12 mile 2019 mia".split()


def test_percent_is_written_in_two_ways():
    assert "12%" in words("12%") and "12%" in words("12 percent") and "12.5%" in words("12.5 per cent")


def test_marks_that_are_no_part_of_a_word():
    assert words("co\u00adoperation") == ["cooperation"]
    assert words("Ballast¹ weighs 5²") == ["ballast", "1", "weigh", "5", "2"]
    assert words("km²") == ["km2"]


def test_a_chinese_word_of_one_character_is_found_inside_a_run():
    assert "税" in tokenize("个人所得税的起征点") and "所得" in tokenize("个人所得税的起征点")


@given(st.text(alphabet="0123456789.,' %-/ maybilonth", max_size=60))
def test_one_form_of_a_number_is_added_to_its_pieces(text):
    found = iter(tokenize(text))
    assert all(piece in found for piece in re.findall(r"[^\W_]+", text))


@given(st.text(alphabet="0123456789.,%- may税率", max_size=40))
def test_each_place_holds_one_written_word(text):
    found, places = placed_words(text)
    assert len(found) == len(places) and places == sorted(places)
    assert sorted(set(places)) == list(range(len(written_words(text))))


def test_a_number_in_another_form_is_marked_whole():
    matcher = WordMatcher({"1234567": 1.0, "12%": 0.5})
    text = "Of 1,234,567 bags 12 % were lost"
    assert [text[start:end] for start, end, _ in matcher.spans(text)] == ["1,234,567", "12 %"]


def test_acronyms_count_though_they_are_spelled_like_stop_words():
    assert content_words("the budget of IT") == ("budget", "it")
    assert content_words("WHAT IS IT?") == ("what", "is", "it")
    assert content_words('the section "PROCESS IN RAG"') == ("section", "process", "rag")


def test_the_month_of_may_is_no_stop_word():
    assert "may" in content_words("What was signed on 3 May 2021?")
    assert "may" not in content_words("Which bags may I carry?")


def test_stop_words_follow_the_language():
    asked = "Wie hoch war der Umsatz im letzten Jahr?"
    assert question_language(asked) == "de"
    assert not {"wie", "der", "im"} & set(content_words(asked, "de"))
    assert "umsatz" in content_words(asked, "de")
    assert question_language("What is the Umsatz?") == "en"


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("whizzes", "whizz"),
        ("quizzes", "quiz"),
        ("buses", "bus"),
        ("busses", "bus"),
        ("gases", "gas"),
        ("viruses", "virus"),
        ("causes", "cause"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("losses", "loss"),
        ("caches", "cache"),
        ("countries", "country"),
        ("children", "child"),
        ("status", "status"),
    ],
)
def test_plurals_and_singulars_are_one_word(plural, one):
    assert singular(plural) == singular(one)
