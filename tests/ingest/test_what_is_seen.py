"""What is painted on a page is read once, and what nobody sees is not read."""

from __future__ import annotations

import pytest

from mmrank.types import Document

SECRET = "The pilot fee is one crown."


def words(document: Document) -> str:
    return " ".join(" ".join(passage.text for passage in document.passages).split())


@pytest.mark.parametrize("shift", [(0.3, 0.0), (1.0, 1.0), (0.0, 0.0)])
def test_words_painted_twice_at_one_place_are_read_once(paper, shift):
    paper.page.insert_text((72 + shift[0], 100 + shift[1]), "Register of Ferries", fontsize=16, color=(0.6, 0.6, 0.6))
    paper.text(72, 100, "Register of Ferries", 16).text(72, 140, "Ferries cross the sound at noon.")
    assert words(paper.read()).count("Register of Ferries") == 1


def test_words_painted_again_piece_by_piece_are_read_once(paper):
    paper.text(72, 100, "Register of ferries on the sound", 12)
    paper.text(72.3, 100, "Register", 12).text(120.6, 100, " of", 12)
    assert words(paper.read()).count("Register") == 1


def test_equal_words_at_different_places_are_all_read(paper):
    paper.text(72, 100, "Ferries").text(72, 114, "Ferries").text(200, 100, "Ferries")
    assert words(paper.read()).count("Ferries") == 3


def test_text_in_the_colour_of_the_paper_is_left_out(paper):
    paper.text(72, 100, "The pilot fee is forty crowns.")
    paper.page.insert_text((72, 200), SECRET, color=(1, 1, 1))
    paper.page.insert_text((72, 230), SECRET, color=(0.99, 0.98, 1))
    paper.page.insert_text((72, 260), SECRET, color=(1, 1, 1), fontsize=2)
    assert words(paper.read()) == "The pilot fee is forty crowns."


def test_text_in_the_colour_of_the_paper_is_left_out_of_a_page_that_lies_on_its_side(paper):
    paper.page.draw_rect((300, 400, 500, 500), fill=(0.1, 0.2, 0.5), color=None)
    paper.page.insert_text((72, 200), SECRET, color=(1, 1, 1), rotate=90)
    paper.page.insert_text((320, 480), "Tariff", color=(1, 1, 1), rotate=90)
    paper.page.set_rotation(90)
    assert words(paper.read()) == "Tariff"


def test_text_in_the_colour_of_a_coloured_ground_is_left_out_and_other_text_on_it_read(paper):
    paper.page.draw_rect((60, 80, 400, 180), fill=(0.1, 0.2, 0.5), color=None)
    paper.page.insert_text((72, 110), "Tariff of the pilots", color=(1, 1, 1), fontsize=14)
    paper.page.insert_text((72, 150), SECRET, color=(0.1, 0.2, 0.5))
    text = words(paper.read())
    assert "Tariff of the pilots" in text and "crown" not in text


def test_text_that_is_not_painted_is_left_out_unless_it_lies_over_a_picture(paper, lettering):
    paper.text(72, 400, "The pilot fee is forty crowns.")
    paper.page.insert_text((72, 460), SECRET, render_mode=3)
    paper.picture((60, 60, 410, 210), lettering(["Minutes of the pilots"]))
    paper.page.insert_text((80, 90), "Minutes of the pilots", fontsize=16, render_mode=3)
    text = words(paper.read())
    assert "crown." not in text and text.count("Minutes of the pilots") == 1


def test_text_that_is_painted_over_is_left_out(paper):
    paper.text(72, 100, "The pilot fee is forty crowns.").text(72, 160, SECRET)
    paper.page.draw_rect((60, 140, 400, 170), fill=(0, 0, 0), color=None)
    assert "one crown" not in words(paper.read())


def test_an_unpainted_copy_of_painted_text_is_left_out(paper):
    paper.text(72, 100, "The pilot fee is forty crowns.", 12)
    paper.page.insert_text((72, 101), "The pi1ot fee is forty crowns", fontsize=12, render_mode=3)
    assert words(paper.read()) == "The pilot fee is forty crowns."


def test_text_cut_off_by_a_clip_is_left_out(paper):
    paper.text(72, 100, "x")
    shown = b"BT /helv 12 Tf 72 700 Td (The pilot fee is forty crowns.) Tj ET "
    clipped = b"q 0 0 50 50 re W n BT /helv 12 Tf 72 640 Td (The pilot fee is one crown.) Tj ET Q"
    paper.file.update_stream(paper.page.get_contents()[0], shown + clipped)
    assert words(paper.read()) == "The pilot fee is forty crowns."
