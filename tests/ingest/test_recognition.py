"""Text that the file does not hold as text."""

from __future__ import annotations

import pytest

from mmrank.ingest import IngestOptions, read_document
from mmrank.ingest.ocr import Recogniser
from mmrank.ingest.trust import garbled


def letters(text: str) -> str:
    return "".join(text.lower().split())


def test_a_scanned_page_is_read_with_boxes_in_page_coordinates_and_confidence(paper, lettering):
    paper.picture((0, 0, 595, 255), lettering(["Lanterns of the north", "counted in winter"]))
    document = paper.read(ocr=True)
    text = " ".join(e.text for e in document.pages[0].elements)
    assert "lanternsofthenorth" in letters(text) and "countedinwinter" in letters(text)
    element = next(e for e in document.pages[0].elements if "antern" in e.text)
    assert element.ocr_confidence is not None and element.ocr_confidence > 0.8
    assert element.box.x0 == pytest.approx(34, abs=6) and element.box.y0 == pytest.approx(29, abs=8)


def test_a_rotated_scan_gives_boxes_of_the_shown_page(paper, lettering):
    paper.picture((100, 100, 228, 400), lettering(["Granite"], height=60).rotate(90, expand=True))
    paper.page.set_rotation(90)
    document = paper.read(ocr=True)
    page = document.pages[0]
    assert page.width > page.height
    assert all(e.box.x1 <= page.width and e.box.y1 <= page.height for e in page.elements)
    assert "granite" in letters(" ".join(e.text for e in page.elements))


def test_words_in_a_picture_beside_real_text_belong_to_the_figure(paper, lettering, prose, of_kind):
    paper.box((60, 60, 530, 200), prose)
    paper.picture((60, 300, 410, 450), lettering(["Cobalt quarry", "Amber falcon"]))
    document = paper.read(ocr=True)
    (figure,) = of_kind(document, "figure")
    assert "cobaltquarry" in letters(figure.text) and "amberfalcon" in letters(figure.text)
    assert of_kind(document, "text")[0].ocr_confidence is None


def test_a_heading_that_is_a_picture_is_read_and_empty_strips_add_nothing(paper, lettering, prose):
    from PIL import Image

    paper.picture((60, 40, 366, 57), lettering(["Cobalt quarry at dawn"], size=(900, 80)).crop((0, 25, 900, 75)))
    paper.picture((60, 300, 420, 310), Image.linear_gradient("L").resize((360, 10)))
    paper.box((60, 80, 530, 200), prose)
    first, second, *_ = paper.read(ocr=True).pages[0].elements
    assert letters(first.text) == "cobaltquarryatdawn" and first.ocr_confidence
    assert first.box.y1 < 66 and second.text.startswith(prose[:20])


def test_text_drawn_as_outlines_is_recognised(paper, tmp_path):
    import pymupdf

    paper.text(60, 100, "Velvet compass and thunder mosaic", 24)
    outlined = pymupdf.open("svg", paper.page.get_svg_image(text_as_path=True).encode())
    path = tmp_path / "outlines.pdf"
    path.write_bytes(outlined.convert_to_pdf())
    assert not pymupdf.open(path)[0].get_text().strip()
    text = " ".join(e.text for e in read_document(path).pages[0].elements)
    assert "velvetcompass" in letters(text)


def test_recognition_is_kept_by_the_picture_across_files(paper, lettering, tmp_path, monkeypatch):
    paper.picture((0, 0, 595, 255), lettering(["Lanterns of the north"]))
    path = paper.save()
    copy = tmp_path / "copy.pdf"
    copy.write_bytes(path.read_bytes())
    first = read_document(path, recogniser=Recogniser(tmp_path / "kept"))
    assert list((tmp_path / "kept").rglob("*.json"))
    other = Recogniser(tmp_path / "kept")
    monkeypatch.setattr(other, "_recognise", lambda picture: pytest.fail("recognised twice"))
    second = read_document(copy, recogniser=other)
    assert [e.text for e in second.pages[0].elements] == [e.text for e in first.pages[0].elements]


def test_a_blank_picture_is_not_recognised(paper, monkeypatch):
    from PIL import Image

    recogniser = Recogniser()
    monkeypatch.setattr(recogniser, "_recognise", lambda picture: pytest.fail("recognised a blank picture"))
    paper.picture((60, 60, 400, 400), Image.new("RGB", (400, 400), "beige"))
    read_document(paper.save(), recogniser=recogniser)


def test_a_line_in_an_unreadable_font_is_told_from_real_text():
    from mmrank.ingest.drafts import Line

    def line(text: str) -> Line:
        return Line(text, (0, 0, 100, 10), 10)

    assert garbled(line("\ue001\ue002\ue003\ue004 \ue005\ue006\ue007"))
    assert garbled(line("\ufffd\ufffd\ufffd word \ufffd\ufffd\ufffd"))
    assert not garbled(line("Chapter one ........................................ 12"))
    assert not garbled(line("Größe und Gewicht, naïveté, œuvre, 東京タワー"))


def test_a_font_without_a_character_map_is_recognised_from_its_look(paper, prose):
    import pymupdf

    paper.box((60, 60, 530, 200), prose)
    paper.page.insert_font(fontname="F0", fontbuffer=pymupdf.Font("cjk").buffer)
    paper.page.insert_text((60, 300), "Velvet compass and thunder", fontname="F0", fontsize=20)
    for reference, *_ in paper.page.get_fonts():
        paper.file.xref_set_key(reference, "ToUnicode", "null")
    text = " ".join(e.text for e in paper.read(ocr=True).pages[0].elements)
    assert "velvetcompassandthunder" in letters(text)
    assert "harbour keeper walked" in text


def test_small_text_is_looked_at_more_closely(paper, lettering, tmp_path):
    words = "Lanterns counted along the granite wall in winter"
    paper.picture((60, 60, 300, 240), lettering([words] * 12, size=(2400, 1800), height=60))
    recogniser = Recogniser(tmp_path / "kept")
    document = read_document(paper.save(), recogniser=recogniser)
    assert letters(document.pages[0].elements[0].text).count("lanternscountedalongthegranitewall") >= 10
    assert all(page.box.x1 < 320 for page in document.pages[0].elements)


def test_without_ocr_nothing_is_recognised(paper, lettering):
    paper.picture((0, 0, 595, 255), lettering(["Lanterns of the north"]))
    assert not any(e.text for e in paper.read(ocr=False).pages[0].elements)


def test_options_that_change_the_document_change_the_fingerprint():
    base = IngestOptions()
    assert base.fingerprint() == IngestOptions().fingerprint()
    assert len({base.fingerprint(), IngestOptions(ocr=False).fingerprint(), IngestOptions("model").fingerprint(),
                IngestOptions(passage_tokens=80).fingerprint()}) == 4  # fmt: skip
