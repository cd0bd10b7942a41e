from __future__ import annotations

import time

from mmrank.ingest.order import reading_order


def test_two_columns_are_read_one_after_the_other_below_a_wide_title():
    boxes = [(310, 100, 550, 300), (40, 20, 550, 60), (40, 310, 290, 700), (40, 100, 290, 300), (310, 310, 550, 700)]
    assert reading_order(boxes) == [1, 3, 2, 0, 4]


def test_a_wide_table_parts_what_stands_above_from_what_stands_below():
    boxes = [(40, 20, 290, 200), (310, 20, 550, 200), (40, 220, 550, 400), (40, 420, 290, 700), (310, 420, 550, 700)]
    assert reading_order(boxes) == [0, 1, 2, 3, 4]


def test_three_columns_are_read_left_to_right():
    boxes = [(400, 20, 550, 700), (20, 20, 180, 700), (210, 20, 370, 340), (210, 350, 370, 700)]
    assert reading_order(boxes) == [1, 2, 3, 0]


def test_a_sidebar_is_not_woven_into_the_text():
    boxes = [(200, 50, 550, 200), (20, 50, 170, 600), (200, 220, 550, 400), (200, 420, 550, 600)]
    assert reading_order(boxes) == [1, 0, 2, 3]


def test_columns_between_tall_wide_things_are_read_one_after_the_other():
    table, figure = (40, 220, 550, 700), (40, 705, 550, 800)
    boxes = [(310, 20, 550, 60), (40, 22, 290, 90), (310, 64, 550, 190), (40, 94, 290, 180), table, figure]
    assert reading_order(boxes) == [1, 3, 0, 2, 4, 5]


def test_rows_of_short_pieces_between_wide_things_stay_rows():
    table = (40, 220, 550, 700)
    boxes = [(40, 20, 90, 32), (310, 20, 400, 32), (40, 40, 95, 52), (310, 40, 420, 52), table]
    assert reading_order(boxes) == [0, 1, 2, 3, 4]


def test_two_columns_of_a_page_come_in_order(paper, prose):
    paper.text(60, 60, "A study of lanterns", 20)
    paper.box((60, 90, 290, 400), "LEFT " + prose).box((310, 90, 540, 400), "RIGHT " + prose)
    texts = [e.text for e in paper.read().pages[0].elements]
    assert [text.split()[0] for text in texts] == ["A", "LEFT", "RIGHT"]


def test_words_parted_at_a_line_end_are_joined(paper):
    paper.text(60, 60, "an exam-").text(60, 72, "ple of joining")
    assert paper.read().pages[0].elements[0].text == "an example of joining"


def test_a_grid_of_three_thousand_texts_is_put_in_order_in_seconds():
    boxes = [(15.0 * x, 10.0 * y, 15.0 * x + 11, 10.0 * y + 9) for y in range(80) for x in range(40)]
    begun = time.process_time()
    assert sorted(reading_order(boxes)) == list(range(3200))
    assert time.process_time() - begun < 20
