"""Paragraphs with wide space between their lines."""

from __future__ import annotations

import textwrap


def test_a_paragraph_in_double_spacing_is_one_element(paper, prose, of_kind):
    for at, line in enumerate(textwrap.wrap(prose, 80)):
        paper.text(78 if at == 0 else 60, 100 + 24 * at, line)
    (text,) = of_kind(paper.read(), "text")
    assert text.text == " ".join(prose.split())
    assert text.box.y0 < 95 and text.box.y1 > 100 + 24 * 3


def test_lines_that_each_say_something_of_their_own_stay_apart(paper, of_kind):
    for at, name in enumerate(("Bergen", "Tromso", "Aalen", "Bodo")):
        paper.text(60, 100 + 24 * at, f"The keeper of {name} counts the lamps of the harbour.")
    assert len(of_kind(paper.read(), "text")) == 4


def test_a_list_item_that_the_file_breaks_in_the_middle_is_one(paper):
    paper.text(60, 80, "1. The keeper counts the lanterns that stand along the wall and").text(60, 200, "Far below.")
    paper.text(74, 92, "writes the number into the book before the tide turns.")
    first = paper.read().pages[0].elements[0]
    assert first.text.endswith("along the wall and writes the number into the book before the tide turns.")
    assert first.kind.value == "list_item" and first.box.y1 > 92


def test_a_paragraph_that_begins_in_small_letters_after_a_full_stop_or_elsewhere_stays_apart(paper):
    paper.text(60, 80, "The keeper counts the lanterns that stand along the wall.").text(
        60, 92.5, "iPod owners pay half."
    )
    paper.text(60, 120, "The keeper counts the lanterns that").text(300, 132, "are lit at dusk by others")
    texts = [element.text for element in paper.read().pages[0].elements]
    assert not any("that are lit" in text for text in texts)
