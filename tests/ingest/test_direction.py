"""Pages, tables and scans that lie on their side or on their head."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmrank.ingest import read_document
from mmrank.types import Document

ROWS = [("Quarry", "2019", "2020", "2021"), ("Amber", "411", "412", "413"), ("Basalt", "521", "522", "523"),
        ("Cobalt", "631", "632", "633"), ("Dolomite", "741", "742", "743")]  # fmt: skip


def words(document: Document) -> str:
    return " ".join(" ".join(p.text for p in document.passages).replace("|", " ").replace("---", " ").split())


def turned_table(paper, rotation: int, x: float, y: float) -> None:
    """A table whose rows run upwards (90), downwards (270) or on their head (180), its first word at a point."""
    along = {0: (1, 0), 90: (0, -1), 180: (-1, 0), 270: (0, 1)}[rotation]
    down = {0: (0, 1), 90: (1, 0), 180: (0, -1), 270: (-1, 0)}[rotation]
    for row, cells in enumerate(ROWS):
        for column, text in enumerate(cells):
            at = (x + 90 * column * along[0] + 20 * row * down[0], y + 90 * column * along[1] + 20 * row * down[1])
            paper.page.insert_text(at, text, rotate=rotation)


@pytest.mark.parametrize(("rotation", "x", "y"), [(90, 100, 700), (180, 500, 600), (270, 400, 100)])
def test_a_table_set_sideways_is_a_table_with_its_box_on_the_page(paper, of_kind, rotation, x, y):
    turned_table(paper, rotation, x, y)
    document = paper.read()
    (table,) = of_kind(document, "table")
    assert all(" ".join(row) in words(document) for row in ROWS)
    ((x0, y0, x1, y1),) = [table.box.as_tuple()]
    assert x0 - 15 < x < x1 + 15 and y0 - 15 < y < y1 + 15 and x1 <= 595 and y1 <= 842
    assert (y1 - y0 > x1 - x0) == (rotation != 180)


def test_a_sideways_table_beside_upright_text_is_a_table(paper, prose, of_kind):
    paper.box((60, 60, 530, 300), prose * 2)
    turned_table(paper, 90, 150, 700)
    document = paper.read()
    assert len(of_kind(document, "table")) == 1
    assert all(" ".join(row) in words(document) for row in ROWS)
    assert "harbour keeper walked" in words(document)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_page_that_is_shown_rotated_is_read_like_an_upright_one(paper, rotation):
    size = (595, 842) if rotation == 180 else (842, 595)
    paper.file.delete_page(0)
    paper.new_page(*size)
    matrix = paper.page.set_rotation(rotation) or paper.page.derotation_matrix
    for row, cells in enumerate(ROWS):
        for column, text in enumerate(cells):
            point = paper.mupdf.Point(80 + 90 * column, 100 + 20 * row) * matrix
            paper.page.insert_text(point, text, rotate=rotation)
    point = paper.mupdf.Point(80, 400) * matrix
    paper.page.insert_text(point, "Stone was cut in every month of the year.", rotate=rotation)
    page = paper.read().pages[0]
    kinds = [(element.kind.value, element.text[:10]) for element in page.elements]
    assert [kind for kind, _ in kinds] == ["table", "text"]
    assert page.elements[0].box.y1 < page.elements[1].box.y0 and page.elements[1].box.x0 == pytest.approx(80, abs=3)


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_scan_on_its_side_or_head_is_read_in_order_with_boxes_as_shown(lettering, tmp_path, angle):
    lines = ["Lanterns of the northern quay", "are counted every evening", "before the ferry leaves"]
    picture = lettering(lines, size=(900, 400), height=40)
    path = tmp_path / "turned.png"
    picture.rotate(angle, expand=True).save(path)
    page = read_document(path).pages[0]
    text = "".join(" ".join(element.text for element in page.elements).lower().split())
    places = [text.find("".join(line.lower().split())[:12]) for line in lines]
    assert places == sorted(places) and places[0] >= 0
    first = next(e for e in page.elements if "antern" in e.text)
    x, y = (first.box.x0 + first.box.x1) / 2 / page.width, (first.box.y0 + first.box.y1) / 2 / page.height
    assert {90: x < 0.5, 180: y > 0.5, 270: x > 0.5}[angle]


def test_an_upright_scan_is_recognised_once(lettering, tmp_path, monkeypatch):
    from mmrank.ingest.ocr import Recogniser

    turns = []
    kept = Recogniser._at
    monkeypatch.setattr(Recogniser, "_at", lambda self, *given: turns.append(given[-1]) or kept(self, *given))
    path = tmp_path / "upright.png"
    lettering(["Lanterns of the northern quay", "are counted every evening"], size=(900, 300), height=40).save(path)
    read_document(path)
    assert set(turns) == {0}


def test_labels_set_upwards_beside_a_chart_stay_with_it(paper, of_kind):
    paper.bars(150, 400, (80, 120, 60, 150, 90)).rule(140, 400, 380, 400).rule(140, 240, 140, 400)
    for at, label in enumerate(("North", "South", "East", "West", "Centre", "Isles")):
        paper.page.insert_text((158 + 40 * at, 436), label, rotate=90, fontsize=8)
    document = paper.read()
    assert not of_kind(document, "table")


def test_turning_there_and_back_changes_no_box():
    from mmrank.ingest.drafts import Draft
    from mmrank.ingest.lines import Content
    from mmrank.ingest.turning import turn_back, turned, turned_box
    from mmrank.types import ElementKind

    content = Content(300.0, 500.0, [], [], [])
    for turn in range(4):
        frame = turned(content, turn) if turn else replace(content)
        draft = Draft(ElementKind.TEXT, turned_box((10, 20, 50, 90), turn, 300, 500), "")
        turn_back([draft], turn, frame)
        assert draft.box == (10, 20, 50, 90)
