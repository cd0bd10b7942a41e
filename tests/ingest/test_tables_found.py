from __future__ import annotations

import pytest

from mmrank.ingest.tables import markdown
from mmrank.types import Cell, Table


def test_a_grid_with_a_spanning_head_keeps_its_spans(paper, of_kind):
    for y in (100, 120, 140, 160):
        paper.rule(60, y, 360, y)
    for x in (60, 160, 360):
        paper.rule(x, 100, x, 160)
    paper.rule(260, 120, 260, 160)
    paper.text(65, 114, "Port").text(165, 114, "Ships in both years")
    paper.text(65, 134, "Bergen").text(165, 134, "120").text(265, 134, "130")
    paper.text(65, 154, "Oslo").text(165, 154, "80").text(265, 154, "95")
    (table,) = of_kind(paper.read(), "table")
    cells = {cell.text: cell for cell in table.table.cells}
    assert (table.table.row_count, table.table.column_count) == (3, 3)
    assert cells["Ships in both years"].column_span == 2
    assert cells["95"].row == 2 and cells["95"].column == 2
    assert "| Bergen | 120 | 130 |" in table.text


def test_a_financial_statement_without_rules_is_a_table(paper, of_kind, prose):
    paper.box((60, 60, 530, 140), prose)
    rows = [
        ("Cash and equivalents", "9,889", "8,348"),
        ("Short-term investments", "3,587", "439"),
        ("Accounts receivable, net", "4,463", "2,749"),
        ("Total current assets", "$ 26,291", "(20,556)"),
    ]
    paper.text(400, 200, "2021").text(470, 200, "2020")
    for at, (label, first, second) in enumerate(rows):
        paper.text(60, 216 + 14 * at, label + " " + "." * 40).text(400, 216 + 14 * at, first).text(
            470, 216 + 14 * at, second
        )
    document = paper.read()
    (table,) = of_kind(document, "table")
    assert table.table.row_count == 5
    assert "| Short-term investments | 3,587 | 439 |" in table.text
    assert "2021" in table.text
    assert len(of_kind(document, "text")) == 1


def test_two_columns_of_running_text_are_no_table(paper, of_kind, prose):
    paper.box((60, 90, 290, 500), prose * 2).box((310, 90, 540, 500), prose * 2)
    assert not of_kind(paper.read(), "table")


def test_a_table_beside_running_text_leaves_the_text_alone(paper, of_kind, prose):
    paper.box((60, 90, 290, 500), prose)
    for at in range(6):
        paper.text(320, 100 + 14 * at, f"Row {at}").text(430, 100 + 14 * at, f"{at * 7}").text(
            490, 100 + 14 * at, f"{at}.5"
        )
    (table,) = of_kind(paper.read(), "table")
    assert table.box.x0 > 300
    assert "harbour" not in table.text


def test_markdown_escapes_bars_and_marks_the_head():
    table = Table(2, 2, (Cell("a|b", 0, 0), Cell("c", 0, 1), Cell("1", 1, 0), Cell("2", 1, 1)))
    assert markdown(table) == "| a\\|b | c |\n| --- | --- |\n| 1 | 2 |"


@pytest.fixture
def codes(paper, prose):
    """Draws a table of error codes between three rules, its top rule at the given height, after a page with a title."""
    paper.text(60, 50, "Lanterns of the north", 24).box((60, 60, 530, 300), prose)
    paper.new_page()

    def draw(top: float) -> None:
        rows = [("Code", "Meaning", "What to do"), ("E1", "Sensor fails", "Call the service"), ("E2", "Frozen", "Wait")]
        for at, row in enumerate(rows):
            for x, words in zip((65, 140, 300), row, strict=True):
                paper.text(x, top + 14 + 18 * at, words, 9)
        for y in (top, top + 18, top + 56):
            paper.rule(60, y, 530, y)

    return draw


def test_a_heading_between_the_rule_of_the_page_header_and_a_table_is_no_row_of_it(paper, codes, of_kind):
    paper.rule(60, 50, 530, 50).text(60, 85, "5 If something goes wrong", 16, bold=True)
    codes(100)
    document = paper.read()
    (table,) = of_kind(document, "table")
    assert table.text.startswith("| Code | Meaning | What to do |")
    assert table.box.y0 == pytest.approx(100, abs=1) and table.box.y1 == pytest.approx(156, abs=1)
    assert [section.title for section in document.sections] == ["5 If something goes wrong"]


def test_a_heading_between_two_tables_of_one_width_parts_them(paper, codes, of_kind):
    codes(100)
    paper.text(60, 170, "Table 4. Error codes.", 8).text(60, 200, "6 Other codes", 16, bold=True)
    codes(220)
    document = paper.read()
    assert [round(table.box.y0 / 10) for table in of_kind(document, "table")] == [10, 22]
    assert [table.table.row_count for table in of_kind(document, "table")] == [3, 3]
    assert [section.title for section in document.sections] == ["6 Other codes"]
    assert len(of_kind(document, "caption")) == 1


def test_a_filled_column_and_rules_between_groups_do_not_join_rows(paper, of_kind):
    """As filings print it: only the latest year's cells are drawn, and a rule stands above each total."""
    rows = [
        ("Cash and deposits", "9,889", "8,348"),
        ("Receivables", "4,463", "2,749"),
        ("Stores", "6,854", "7,367"),
        ("Total current assets", "21,206", "18,464"),
        ("Ships", "4,904", "4,866"),
        ("Quays", "3,113", "3,097"),
        ("Total assets", "29,223", "26,427"),
    ]
    for at, (label, now, before) in enumerate(rows):
        y = 100 + 16 * at
        paper.page.draw_rect((280, y, 360, y + 16), fill=(0.85, 0.92, 1), color=None)
        paper.text(60, y + 12, label).text(320, y + 12, now).text(400, y + 12, before)
    for y in (100, 148, 196, 212):
        paper.rule(60, y, 440, y)
    for x in (60, 280, 360, 440):
        paper.rule(x, 100, x, 212)
    (table,) = of_kind(paper.read(), "table")
    assert "| Stores | 6,854 | 7,367 |" in table.text
    assert table.table.row_count == len(rows)


def test_a_cell_with_a_number_and_its_share_below_stays_one_cell(paper, of_kind):
    for at, row in enumerate((("Port", "Ships", "Boats"), ("Bergen", "120", "35"), ("Oslo", "80", "12"))):
        for column, words in enumerate(row):
            x, y = 60 + 120 * column, 100 + 30 * at
            paper.page.draw_rect((x, y, x + 120, y + 30), color=(0, 0, 0), width=0.7)
            paper.text(x + 5, y + 12, words)
            if at and column:
                paper.text(x + 5, y + 24, "(60 %)")
    (table,) = of_kind(paper.read(), "table")
    assert table.table.row_count == 3
    assert "| Bergen | 120 (60 %) | 35 (60 %) |" in table.text
