import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrank.ingest.captions import settled
from mmrank.ingest.labels import mended_labels, printed_numbers
from mmrank.types import BBox, Element, ElementKind


def arabic(labels):
    return [found.arabic for found in printed_numbers(labels)]


def test_a_year_in_the_footer_is_no_page_number():
    labels = ["2019", "1", "2019", "3", "4", "2019", "6", "2019", "8"]
    assert arabic(labels)[1:] == [(1,), (2,), (3,), (4,), (5,), (6,), (7,), (8,)]
    assert arabic(["2019"] * 8) == [()] * 8


def test_front_matter_in_roman_numerals_and_the_text_are_counted_apart():
    found = printed_numbers([None, "ii", "iii", "iv", None, "1", "2", "3", None])
    assert [one.roman for one in found] == [(1,), (2,), (3,), (4,), (5,), (), (), (), ()]
    assert [one.arabic for one in found] == [(), (), (), (), (), (1,), (2,), (3,), (4,)]


def test_a_numbering_that_starts_anew_is_followed():
    labels = [str(number) for number in range(1, 21)] + [str(number) for number in range(1, 9)]
    assert arabic(labels) == [(int(label),) for label in labels]


@pytest.mark.parametrize("labels", [["1", "3", "5", "7", "9"], ["0–1", "2–3", "4–5", "6–7", "8–9"]])
def test_spreads_hold_two_printed_pages(labels):
    assert arabic(labels)[1:4] == [(2, 3), (4, 5), (6, 7)]


def test_a_single_label_makes_no_numbering():
    assert arabic([None, None, "7", None, None, None, None]) == [()] * 7


@given(st.integers(1, 900), st.integers(6, 40), st.data())
def test_gaps_and_wrong_labels_do_not_disturb_a_numbering(start, count, data):
    true = [str(start + at) for at in range(count)]
    labels = list(true)
    for at in data.draw(st.lists(st.integers(1, count - 2), max_size=count // 4, unique=True)):
        labels[at] = data.draw(st.sampled_from([None, "2019", "c", "xi"]))
    assert [numbers for numbers in arabic(labels) if len(numbers) == 1] == [(int(label),) for label in true]
    assert mended_labels(labels) == true


@given(st.lists(st.one_of(st.none(), st.text("0123456789ivxlc –-", max_size=6)), max_size=30))
def test_any_labels_can_be_read(labels):
    assert len(printed_numbers(labels)) == len(mended_labels(labels)) == len(labels)


def claim(name, kind, caption_of=None):
    return Element(name, kind, 0, BBox(0, 0, 1, 1), "", caption_of=caption_of)


def test_a_caption_beside_a_figure_wins_over_running_text():
    running = claim("p1e0", ElementKind.CAPTION)
    caption, figure = claim("p2e0", ElementKind.CAPTION, "p2e1"), claim("p2e1", ElementKind.FIGURE)
    assert settled([running, caption, figure]) == [caption, figure]


def test_claims_that_nothing_tells_apart_all_stay():
    claims = [claim("p1e0", ElementKind.CAPTION), claim("p2e0", ElementKind.CAPTION)]
    assert settled(claims) == claims
    section = [claim("p1e0", ElementKind.CAPTION, "p1e1"), claim("p1e1", ElementKind.TABLE)]
    section += [claim("p1e2", ElementKind.TEXT), claim("p1e3", ElementKind.CAPTION)]
    assert settled(section) == section
