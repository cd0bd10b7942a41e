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
