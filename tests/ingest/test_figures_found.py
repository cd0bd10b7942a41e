from __future__ import annotations


def test_bars_and_their_labels_are_one_chart_tied_to_its_caption(paper, of_kind, prose):
    paper.box((60, 60, 530, 140), prose)
    paper.bars(100, 320, (50, 90, 120, 70, 100))
    for at, year in enumerate(("2019", "2020", "2021", "2022", "2023")):
        paper.text(102 + 40 * at, 332, year, 8)
    paper.text(100, 352, "Figure 3. Ships that entered the harbour, by year", 9)
    document = paper.read()
    (chart,) = of_kind(document, "chart")
    (caption,) = of_kind(document, "caption")
    assert "2021" in chart.text
    assert chart.box.y0 < 201 and chart.box.y1 > 325
    assert caption.caption_of == chart.id


def test_a_picture_is_one_figure_and_a_rule_is_none(paper, of_kind):
    from PIL import Image

    paper.rule(60, 80, 530, 80).text(60, 100, "Some words below a rule")
    paper.picture((100, 200, 300, 350), Image.radial_gradient("L").convert("RGB"))
    (figure,) = of_kind(paper.read(), "figure")
    assert figure.box.as_tuple() == (125.0, 200.0, 275.0, 350.0)


def test_a_coloured_box_behind_text_is_no_figure(paper, of_kind, prose):
    paper.page.draw_rect((50, 50, 540, 200), fill=(0.9, 0.9, 1), color=None)
    paper.box((60, 60, 530, 190), prose)
    document = paper.read()
    assert not of_kind(document, "figure") and not of_kind(document, "chart")
    assert of_kind(document, "text")


def test_a_sentence_that_begins_with_a_figure_is_no_caption(paper, of_kind):
    paper.text(60, 100, "Figure 3 and the next one show how the harbour grew over time")
    assert not of_kind(paper.read(), "caption")


def test_the_layout_model_finds_headings_text_and_tables_too(paper, of_kind, prose):
    paper.text(60, 60, "Lanterns of the north", 20).box((60, 80, 530, 200), prose)
    for y in (220, 240, 260, 280):
        paper.rule(60, y, 360, y)
    for x in (60, 160, 260, 360):
        paper.rule(x, 220, x, 280)
    for row in range(3):
        for column in range(3):
            paper.text(65 + 100 * column, 234 + 20 * row, f"{row}{column}0")
    document = paper.read(layout="model")
    assert "110" in of_kind(document, "table")[0].text
    assert "harbour keeper" in " ".join(e.text for e in of_kind(document, "text"))
