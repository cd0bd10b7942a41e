"""From the glyphs of a page to the words that a reader sees."""

from __future__ import annotations

import pytest

from mmrank.index import tokenize
from mmrank.ingest.letters import clean, join, with_raised
from mmrank.types import Document

COUNTED = [
    "The ferry leaves the western pier at noon and is ex-",
    "pected on the island before the tide turns, unless",
    "the wind keeps it in the roads until the evening.",
    "passengers who hold a season ticket are asked to",
    "show it to the mate when they come aboard and are",
    "reminded that dogs travel on the lower deck only.",
]


def words(document: Document) -> str:
    return " ".join(" ".join(passage.text for passage in document.passages).split())


@pytest.mark.parametrize("hyphen", ["-", "\u2010", "\u2011", "\u00ad"])
def test_a_word_divided_by_any_hyphen_is_one_word(hyphen):
    assert join([clean(f"the mag{hyphen}"), clean("istrate of the island")]) == "the magistrate of the island"


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["a well-", "known pier"], "a wellknown pier"),
        (["state-of-the-", "art cranes"], "state-of-the-art cranes"),
        (["the Anglo-", "Norman coast"], "the Anglo-Norman coast"),
        (["day-", "and night boats"], "day- and night boats"),
        (["pages 12-", "15"], "pages 12-15"),
        (["a 30-", "day permit"], "a 30-day permit"),
        (["HARBOUR DEVELOP-", "MENT"], "HARBOUR DEVELOPMENT"),
        (["the tide -", "and the moon"], "the tide - and the moon"),
        (["self-", "steering gear"], "self-steering gear"),
    ],
)
def test_whether_a_word_keeps_its_hyphen_is_told_by_how_it_is_written(lines, joined):
    assert join(lines) == joined


def test_lines_of_a_cell_are_joined_like_those_of_a_paragraph(paper, of_kind):
    for y in (300, 340, 380):
        paper.rule(72, y, 372, y)
    for x in (72, 222, 372):
        paper.rule(x, 300, x, 380)
    paper.text(76, 314, "Item").text(226, 314, "Amount").text(76, 354, "Amorti-").text(76, 367, "sation")
    paper.text(226, 354, "4,200")
    (table,) = of_kind(paper.read(), "table")
    assert "| Amortisation | 4,200 |" in table.text


def test_japanese_and_chinese_words_hold_no_blanks(paper):
    for at, line in enumerate(
        ("第一四半期の売上高は前年同期比で増", "加し、四十二億円となった。", "目 次", "年 度 報 告")
    ):
        paper.page.insert_text((72, 100 + 60 * (at > 1) * at + 16 * at), line, fontname="japan", fontsize=11)
    text = words(paper.read())
    assert "増加し、四十二億円" in text and "目次" in text and "年度報告" in text


def test_wide_letters_are_read_as_plain_ones_and_radicals_as_characters():
    assert clean("ＥＢＩＴＤＡ　２０２４年") == "EBITDA 2024年"
    assert clean("⽉⽇") == "月日"
    assert clean("\uf0b7 oil\u3000\uf0fc rope") == "• oil ✓ rope"
    assert clean("１２，３４５ トン（２．５％）、９：３０") == "12,345 トン（2.5%）、9:30"
    assert clean("ｷﾞﾝｺｳ") == "ギンコウ"
    assert clean("船は三隻，皆無事。") == "船は三隻，皆無事。"


def test_wide_digits_in_cells_are_numbers(paper, of_kind):
    for at, row in enumerate((("港", "２０２２年"), ("函館", "１，２０４"), ("小樽", "９．５％"))):
        for x, word in zip((72, 220), row, strict=True):
            paper.page.insert_text((x, 100 + 18 * at), word, fontname="japan", fontsize=10)
    for y in (86, 104, 140):
        paper.rule(66, y, 320, y)
    (table,) = of_kind(paper.read(), "table")
    assert table.text.splitlines()[2:] == ["| 函館 | 1,204 |", "| 小樽 | 9.5% |"]


def test_a_spaced_heading_is_read_as_words(paper):
    x = 72.0
    for word in ("WINTER", "TIMETABLE", "OF", "FERRIES"):
        for letter in word:
            paper.text(x, 80, letter, 15)
            x += paper.mupdf.get_text_length(letter, fontsize=15) + 5
        x += 7
    paper.text(72, 120, "Boats leave the pier every other hour while the ice permits it.")
    assert "WINTER TIMETABLE OF FERRIES" in words(paper.read())


def test_a_spaced_heading_close_above_text_is_read_as_words(paper):
    x = 72.0
    for word in ("Winter", "timetable"):
        for letter in word:
            paper.text(x, 80, letter, 15)
            x += paper.mupdf.get_text_length(letter, fontsize=15) + 6
        x += 11
    paper.text(72, 88, "Boats leave the pier every other hour while the ice permits it.", 7)
    assert "Winter timetable" in words(paper.read())


def test_letters_typed_apart_with_wider_gaps_between_words_are_words(paper):
    paper.text(72, 80, "I S L A N D   F E R R I E S", 15)
    assert "ISLAND FERRIES" in words(paper.read())


def test_column_heads_of_one_letter_stay_apart(paper):
    for at, letter in enumerate("XKQZM"):
        paper.text(72 + 60 * at, 80, letter)
    assert "XKQZM" not in words(paper.read())


def test_a_large_initial_over_three_lines_is_put_back_to_its_word(paper):
    paper.text(72, 132, "F", 52)
    for at, line in enumerate(
        ("erries have crossed the sound since the winter", "of the great frost and", "never failed")
    ):
        paper.text(106, 100 + 14 * at, line, 11)
    paper.text(72, 146, "but for a single day in spring.", 11)
    assert words(paper.read()).startswith(
        "Ferries have crossed the sound since the winter of the great frost and never"
    )


def test_an_initial_in_a_coloured_box_is_put_back_to_its_word(paper):
    paper.page.draw_rect((70, 92, 110, 132), fill=(0.2, 0.2, 0.6), color=None)
    paper.page.insert_text((76, 126), "M", fontsize=36, fontname="hebo", color=(1, 1, 1))
    for at, line in enumerate(("any ferries have crossed the sound since", "the winter of the great frost", "and all")):
        paper.text(116, 103 + 12.5 * at, line)
    assert words(paper.read()).startswith("Many ferries have crossed")


def test_a_dash_that_begins_a_line_within_a_sentence_begins_no_item(paper, of_kind):
    for at, line in enumerate(
        (
            "The ferries of the northern sound have crossed it each winter",
            "- the great frost not counted -",
            "until now.",
        )
    ):
        paper.text(72, 100 + 13 * at, line)
    paper.text(72, 200, "What the keeper needs to have in the house before winter")
    for at, line in enumerate(("- oil for the lamps of the pier", "- a rope of forty fathoms")):
        paper.text(72, 226 + 13 * at, line)
    document = paper.read()
    assert "winter - the great frost not counted - until now." in words(document)
    assert len(of_kind(document, "list_item")) == 2


def test_an_initial_that_is_a_word_stays_one(paper):
    paper.text(72, 128, "A", 40).text(101, 104, "ferry has crossed the sound every day since then", 11)
    paper.text(101, 118, "and no ferry has ever been late in the winter", 11)
    assert words(paper.read()).startswith("A ferry has crossed")


def test_a_letter_beside_a_paragraph_of_its_own_is_no_initial(paper):
    paper.text(72, 128, "B", 40).text(110, 104, "Crossings in winter are subject to the ice", 11)
    assert "BCrossings" not in words(paper.read())


@pytest.mark.parametrize(("x", "step"), [(50, 1), (540, 1), (50, 2), (76, 1)])
def test_numbers_that_count_the_lines_are_taken_out(paper, x, step):
    for at, line in enumerate(COUNTED):
        paper.text(90, 200 + 16 * at, line, 11)
        if (at + 8) % step == 0:
            paper.text(x, 200 + 16 * at, str(at + 8), 11)
    text = words(paper.read())
    assert "expected on the island" in text and "turns, unless the wind" in text and "asked to show it" in text
    assert not any(number in text.split() for number in ("8", "10", "12"))


def test_counted_lines_that_are_set_far_apart_are_one_text(paper):
    for at, line in enumerate(COUNTED):
        paper.text(60, 200 + 25 * at, str(at + 1), 12).text(90, 200 + 25 * at, line, 12)
    assert "is expected on the island before" in words(paper.read())


def test_two_numbers_are_enough_where_every_fifth_line_is_counted(paper):
    for at, line in enumerate([*COUNTED, *COUNTED]):
        paper.text(90, 200 + 14 * at, line, 11)
        if at % 5 == 4:
            paper.text(60, 200 + 14 * at, str(at + 1), 8)
    assert not {"5", "10"} & set(words(paper.read()).split())


def test_numbers_of_a_list_or_a_table_stay(paper):
    for at, name in enumerate(("Amber", "Basalt", "Cobalt", "Dolomite", "Emerald", "Feldspar")):
        paper.text(72, 100 + 16 * at, str(at + 1)).text(110, 100 + 16 * at, f"{name} quarry of the northern parish")
    text = words(paper.read())
    assert all(str(at) in text.replace("|", " ").split() for at in range(1, 7))


@pytest.mark.parametrize(
    ("word", "mark", "text"),
    [
        ("Ballast", "1", "Ballast ¹"),
        ("5,400", "2", "5,400 ²"),
        ("mooring.", "12", "mooring. ¹²"),
        ("Draught", "a", "Draught ᵃ"),
        ("km", "2", "km²"),
        ("10", "6", "10⁶"),
        ("the 21", "st", "the 21st"),
    ],
)
def test_a_raised_mark_is_kept_off_its_word_and_an_exponent_is_not(word, mark, text):
    assert with_raised(word, mark) == text


def test_words_with_raised_marks_are_found_by_themselves(paper):
    paper.text(72, 100, "Adjusted tonnage", 11).text(157, 96, "3", 6).text(162, 100, " fell; Freight² did not.", 11)
    assert {"tonnage", "freight"} <= set(tokenize(words(paper.read())))
