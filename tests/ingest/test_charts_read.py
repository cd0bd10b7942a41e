"""What belongs to a chart, and the order in which its labels are read."""

from __future__ import annotations

import pytest


@pytest.fixture
def upright_bars(paper, prose):
    """A title, bars with values above and years below, a scale at the left, a legend."""

    def draw(left: float = 100, word: str = "Casks"):
        paper.text(left + 30, 180, f"{word} in the cellar", 11, bold=True)
        paper.bars(left, 320, (50, 90, 120, 70))
        for at, value in enumerate((50, 90, 120, 70)):
            paper.text(left + 3 + 40 * at, 316 - value, str(value), 8)
            paper.text(left + 2 + 40 * at, 332, str(2019 + at), 8)
            paper.text(left - 22, 322 - 40 * at, str(40 * at), 8)
        paper.page.draw_rect((left + 20, 350, left + 28, 358), fill=(0.1, 0.3, 0.8), color=None)
        paper.text(left + 32, 357, f"{word} of wine", 8)
        return paper

    paper.box((60, 60, 530, 140), prose)
    return draw


def test_each_value_of_a_bar_chart_stands_with_its_name_and_the_scale_by_itself(upright_bars, of_kind):
    (chart,) = of_kind(upright_bars().read(), "chart")
    lines = chart.text.splitlines()
    assert lines[0] == "Casks in the cellar"
    assert lines[1:5] == ["2019 50", "2020 90", "2021 120", "2022 70"]
    assert lines[5] == "120 80 40 0"
    assert lines[6] == "Casks of wine"


def test_two_charts_of_three_bars_side_by_side_hold_their_titles(paper, of_kind, prose):
    paper.box((40, 60, 555, 140), prose)
    for left, word, heights in ((70, "Casks", (50, 90, 120)), (350, "Jars", (25, 60, 115))):
        paper.text(left, 185, f"{word} in the cellar", 11, bold=True)
        paper.bars(left, 320, heights)
        for at, value in enumerate(heights):
            paper.text(left + 3 + 40 * at, 316 - value, str(value), 8)
            paper.text(left + 2 + 40 * at, 332, str(2019 + at), 8)
    charts = of_kind(paper.read(), "chart")
    assert [chart.text.splitlines() for chart in charts] == [
        ["Casks in the cellar", "2019 50", "2020 90", "2021 120"],
        ["Jars in the cellar", "2019 25", "2020 60", "2021 115"],
    ]


def test_the_box_of_a_chart_holds_its_title_its_scale_and_its_legend(upright_bars, of_kind):
    document = upright_bars().read()
    (chart,) = of_kind(document, "chart")
    assert chart.box.x0 < 80 and chart.box.y0 < 172 and chart.box.y1 > 356
    assert not of_kind(document, "heading")
    assert len(of_kind(document, "text")) == 1


def test_two_charts_side_by_side_keep_their_labels_apart(upright_bars, of_kind):
    upright_bars(90, "Casks")
    charts = of_kind(upright_bars(350, "Lamps").read(), "chart")
    assert len(charts) == 2
    assert "Casks in the cellar" in charts[0].text and "Lamps" not in charts[0].text
    assert "Lamps in the cellar" in charts[1].text and "Casks" not in charts[1].text


def test_level_bars_have_their_value_behind_their_name(paper, of_kind):
    names = (("Bread", 60), ("Salt", 110), ("Fish of the river", 80), ("Wine", 40))
    for at, (name, value) in enumerate(names):
        paper.page.draw_rect((160, 200 + 24 * at, 160 + 2 * value, 214 + 24 * at), fill=(0.5, 0.2, 0.1), color=None)
        paper.text(90, 210 + 24 * at, name, 8).text(165 + 2 * value, 210 + 24 * at, f"{value}%", 8)
    (chart,) = of_kind(paper.read(), "chart")
    assert chart.text.splitlines() == ["Bread 60%", "Salt 110%", "Fish of the river 80%", "Wine 40%"]


def test_names_over_two_lines_are_read_one_after_the_other(paper, of_kind):
    paper.bars(100, 320, (50, 90, 120, 70))
    for at, (first, second) in enumerate((("Old", "mill"), ("New", "pier"), ("Low", "gate"), ("Far", "farm"))):
        paper.text(100 + 40 * at, 332, first, 8).text(100 + 40 * at, 341, second, 8)
    (chart,) = of_kind(paper.read(), "chart")
    assert chart.text == "Old mill New pier Low gate Far farm"


def test_the_text_of_a_column_beside_a_chart_stays_out_of_it(paper, of_kind, prose):
    paper.bars(80, 320, (50, 90, 120, 70))
    paper.box((255, 190, 330, 760), prose)
    document = paper.read()
    (chart,) = of_kind(document, "chart")
    assert chart.box.x1 < 250
    assert "harbour" in of_kind(document, "text")[0].text
