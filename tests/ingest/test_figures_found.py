from __future__ import annotations

import pytest


@pytest.fixture
def photograph():
    """A picture that is everywhere different, as photographs are."""

    def shoot(width: int, height: int, seed: int = 0):
        import numpy as np
        from PIL import Image

        grains = np.random.default_rng(seed).integers(0, 255, (height // 40 + 1, width // 40 + 1, 3), np.uint8)
        return Image.fromarray(grains).resize((width, height), Image.Resampling.NEAREST)

    return shoot


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


def test_a_photograph_tied_to_a_thin_frame_on_a_scanned_slide_is_a_figure_of_its_own(
    paper, of_kind, lettering, photograph
):
    from PIL import ImageDraw

    slide = lettering(["Copper signal"], size=(1000, 600))
    slide.paste(photograph(440, 400), (500, 100))
    ImageDraw.Draw(slide).rectangle((8, 8, 991, 591), outline="black", width=4)
    ImageDraw.Draw(slide).line((940, 300, 991, 300), fill="black", width=4)
    paper.new_page(500, 300).picture((0, 0, 500, 300), slide)
    paper.file.delete_page(0)
    document = paper.read(ocr=True)
    (figure,) = of_kind(document, "figure")
    assert figure.box.as_tuple() == pytest.approx((250, 50, 470, 250), abs=12)
    (words,) = [e for e in document.pages[0].elements if "opper" in e.text]
    assert words.id != figure.id


def test_a_photograph_that_fills_a_scanned_slide_is_a_figure_below_its_words(paper, of_kind, lettering, photograph):
    slide = photograph(1000, 600)
    slide.paste(lettering(["Copper signal"], size=(440, 100)), (300, 250))
    paper.new_page(500, 300).picture((0, 0, 500, 300), slide)
    paper.file.delete_page(0)
    document = paper.read(ocr=True)
    (figure,) = of_kind(document, "figure")
    assert figure.box.as_tuple() == pytest.approx((0, 0, 500, 300), abs=1)
    assert document.pages[0].elements[-1] == figure and not figure.text
    assert "opper" in " ".join(e.text for e in document.pages[0].elements)


def test_a_scanned_page_of_nothing_but_words_holds_no_figure(paper, of_kind, lettering):
    paper.picture((0, 0, 595, 842), lettering(["Copper signal", "Willow ember"] * 4, size=(850, 1200), height=40))
    document = paper.read(ocr=True)
    assert not of_kind(document, "figure") and not of_kind(document, "chart")


def test_a_photograph_among_overlapping_page_wide_pictures_is_a_figure(paper, of_kind, prose, photograph):
    from PIL import Image

    ground = Image.new("RGB", (60, 60), (200, 220, 240))
    paper.picture((0, 0, 400, 600), ground.resize((40, 60))).picture((200, 300, 595, 842), ground.resize((395, 542)))
    paper.picture((300, 500, 500, 650), photograph(400, 300)).box((60, 60, 380, 250), prose)
    paper.box((230, 700, 580, 830), prose)
    document = paper.read()
    (figure,) = of_kind(document, "figure")
    assert figure.box.as_tuple() == pytest.approx((300, 500, 500, 650), abs=1)
    assert "harbour keeper" in " ".join(e.text for e in of_kind(document, "text"))


def test_a_picture_written_into_the_page_itself_is_a_figure(paper, of_kind):
    paper.text(60, 80, "Some words above a picture")
    grains = "".join(f"{37 * at % 256:02x}" for at in range(64))
    drawn = f"q 160 0 0 120 100 500 cm BI /W 8 /H 8 /CS /G /BPC 8 /F /AHx ID {grains}> EI Q"
    reference = paper.page.get_contents()[0]
    paper.file.update_stream(reference, paper.file.xref_stream(reference) + b"\n" + drawn.encode())
    (figure,) = of_kind(paper.read(), "figure")
    assert [round(edge) for edge in figure.box.as_tuple()] == [100, 842 - 620, 260, 842 - 500]
