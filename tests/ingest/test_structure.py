from __future__ import annotations

import pytest


@pytest.fixture
def report(paper, prose):
    paper.text(60, 80, "Lanterns of the north", 24).box((60, 110, 530, 300), prose)
    for number in range(1, 7):
        paper.new_page()
        paper.text(60, 30, "Harbour Office annual report", 8).text(290, 820, f"{number + 10}", 8)
        paper.text(60, 80, f"{number} Chapter about winter {number}", 16, bold=True).box((60, 100, 530, 230), prose)
        paper.text(60, 260, f"{number}.1 Counting in the dark", 12, bold=True).box((60, 280, 530, 400), prose)
    return paper


def test_headings_make_a_tree_over_the_whole_document(report):
    document = report.read()
    assert document.title == "Lanterns of the north"
    chapter, section = document.sections[0], document.sections[1]
    assert (chapter.number, chapter.level, chapter.parent) == ("1", 1, None)
    assert (section.number, section.level, section.parent) == ("1.1", 2, 0)
    passage = next(p for p in document.passages if p.page == 3 and "1 Count" in p.text)
    assert passage.heading_path == ("3 Chapter about winter 3", "3.1 Counting in the dark")


def test_running_headers_and_page_numbers_stay_out_of_passages_and_give_the_label(report, of_kind):
    document = report.read()
    assert [page.label for page in document.pages[1:]] == ["11", "12", "13", "14", "15", "16"]
    assert len(of_kind(document, "header")) == 6 and len(of_kind(document, "footer")) == 6
    assert not any("annual report" in passage.text for passage in document.passages)


def test_handles_resolve_to_the_elements_they_name(report, of_kind):
    report.page.insert_text((60, 500), "Table 2: Ships by year", fontsize=9)
    for at in range(4):
        report.text(60, 516 + 12 * at, f"Year {at}").text(200, 516 + 12 * at, f"{at}1").text(
            260, 516 + 12 * at, f"{at}2"
        )
    document = report.read()
    table = of_kind(document, "table")[0]
    for name in ("Table 2", "TABLE II", "tab. 2", "the first table"):
        assert table.id in document.resolve(name), name
    assert {document.element(i).page for i in document.resolve("page 3")} == {2}
    assert document.element(document.resolve("Section 4.1")[0]).text == "4.1 Counting in the dark"
    assert document.resolve("Figure 99") == ()
    assert any("table 2" in passage.handles for passage in document.passages)


def test_handles_survive_storage(report):
    from mmrank import codec
    from mmrank.types import Document

    document = report.read()
    assert codec.from_json(Document, codec.to_json(document)) == document


def test_ids_follow_page_and_reading_order(report):
    document = report.read()
    for page in document.pages:
        assert [e.id for e in page.elements] == [f"p{page.page}e{at}" for at in range(len(page.elements))]
    assert [p.id for p in document.passages] == [f"{document.id}/{at}" for at in range(len(document.passages))]


def test_small_type_with_a_mark_at_the_foot_is_a_footnote_and_a_displayed_equation_a_formula(paper, prose, of_kind):
    paper.box((60, 60, 530, 300), prose).text(200, 330, "E = m c ^ 2 + x = y").box((60, 360, 530, 600), prose)
    paper.text(60, 780, "1 The lanterns were counted twice.", 7)
    document = paper.read()
    assert [e.text for e in of_kind(document, "footnote")] == ["1 The lanterns were counted twice."]
    assert [e.text for e in of_kind(document, "formula")] == ["E = m c ^ 2 + x = y"]


def test_tables_that_open_several_pages_are_no_running_header(paper, prose):
    for number in ("I", "II", "III"):
        paper.text(72, 60, f"TABLE {number}", 9).box((72, 120, 520, 700), prose).new_page()
    document = paper.read()
    assert [document.element(document.resolve(f"Table {n}")[0]).page for n in (1, 2, 3)] == [0, 1, 2]
