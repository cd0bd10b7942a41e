"""What a table says once it is read: its cells, its column names, on every page it stands on."""

from __future__ import annotations

import pytest

from mmrank.ingest.heads import head_count

ROWS = [("Cellar", "Casks", "Cost"), ("North", "12", "1,900"), ("South", "31", "4,050"), ("Upper", "7", "880")]


def put(paper, rows, top, xs=(72, 220, 340), step=18, size=10):
    """Write rows of words; the first row in bold."""
    for at, row in enumerate(rows):
        for x, words in zip(xs, row, strict=False):
            if words:
                paper.text(x, top + step * at, words, size, bold=at == 0)


def frame(paper, x0, y0, x1, y1, rows, columns):
    """Rules around every cell."""
    for at in range(rows + 1):
        paper.rule(x0, y0 + (y1 - y0) * at / rows, x1, y0 + (y1 - y0) * at / rows)
    for at in range(columns + 1):
        paper.rule(x0 + (x1 - x0) * at / columns, y0, x0 + (x1 - x0) * at / columns, y1)


def test_shading_behind_words_makes_no_columns_of_its_own(paper, of_kind):
    frame(paper, 60, 100, 420, 180, 4, 3)
    for at, row in enumerate(ROWS):
        for column, words in enumerate(row):
            x, y = 68 + 120 * column, 114 + 20 * at
            if at % 2:
                for start in range(0, len(words), 3):
                    left = x + paper.mupdf.get_text_length(words[:start], "helv", 10)
                    right = x + paper.mupdf.get_text_length(words[: start + 3], "helv", 10)
                    paper.page.draw_rect((left, y - 8, right, y + 2), fill=(0.9, 0.95, 0.9), color=None)
            paper.text(x, y, words)
    (table,) = of_kind(paper.read(), "table")
    assert table.text.splitlines()[3] == "| South | 31 | 4,050 |"
    assert table.table.column_count == 3


def test_a_tinted_block_inside_framed_cells_makes_no_rows_of_its_own(paper, of_kind):
    frame(paper, 60, 100, 420, 180, 4, 3)
    for at, row in enumerate(ROWS):
        for column, words in enumerate(row):
            paper.page.draw_rect(
                (66 + 120 * column, 104 + 20 * at, 160 + 120 * column, 117 + 20 * at), fill=(1, 0.9, 0.8), color=None
            )
            paper.text(70 + 120 * column, 114 + 20 * at, words)
    (table,) = of_kind(paper.read(), "table")
    assert (table.table.row_count, table.table.column_count) == (4, 3)


def test_shaded_lines_in_framed_cells_are_no_bars_of_a_chart(paper, of_kind):
    for left, right in ((60, 118), (121, 239), (242, 420)):
        for top, bottom in ((100, 118), (121, 180), (183, 240)):
            for x0, y0, x1, y1 in ((left, top, right, top), (left, bottom, right, bottom)):
                paper.rule(x0, y0, x1, y1)
            for x in (left, right):
                paper.rule(x, top, x, bottom)
    rows = [("No.", "Cellar", "Remarks"), ("1", "North", "Dry in winter"), ("2", "South", "Damp, and near the road")]
    for top, row in zip((100, 121, 183), rows, strict=True):
        for left, right, text in zip((60, 121, 242), (118, 239, 420), row, strict=True):
            for line in range(1 if top == 100 else 3):
                y = top + 2 + 14 * line
                paper.page.draw_rect((left + 2, y, right - 2, y + 12), fill=(1, 0.8, 0.6), color=None)
            paper.text(left + 4, top + 13, text)
    (table,) = of_kind(paper.read(), "table")
    assert table.text.splitlines()[2:] == ["| 1 | North | Dry in winter |", "| 2 | South | Damp, and near the road |"]


def test_a_pipe_table_of_a_markdown_file_keeps_its_cells(tmp_path):
    from mmrank.ingest import IngestOptions, read_document

    path = tmp_path / "cellars.md"
    path.write_text(
        "# Cellars\n\n| Cellar | Casks of wine |\n|:--|--:|\n| North | 12 |\n| South and east | 31 |\n| Upper | 7 |\n"
    )
    document = read_document(path, options=IngestOptions(ocr=False))
    (table,) = [e for e in document.pages[0].elements if e.table]
    assert table.text == (
        "| Cellar | Casks of wine |\n| --- | --- |\n| North | 12 |\n| South and east | 31 |\n| Upper | 7 |"
    )


def test_a_narrow_table_of_a_markdown_file_is_a_table(tmp_path):
    from mmrank.ingest import IngestOptions, read_document

    path = tmp_path / "small.md"
    path.write_text("Before.\n\nA | B\n--|--\n1 | 2\n3 | 4\n\nAfter.\n")
    tables = [e for e in read_document(path, options=IngestOptions(ocr=False)).pages[0].elements if e.table]
    assert [table.text.splitlines()[2:] for table in tables] == [["| 1 | 2 |", "| 3 | 4 |"]]


def test_a_head_above_the_first_rule_belongs_to_the_table_and_its_caption_does_not(paper, of_kind):
    paper.text(60, 90, "Table 4. Casks", 10)
    paper.page.draw_rect((60, 100, 420, 118), fill=(0.8, 0.8, 0.8), color=None)
    put(paper, ROWS, 113)
    for at in range(2, 5):
        paper.rule(60, 100 + 18 * at, 420, 100 + 18 * at)
    document = paper.read()
    (table,) = of_kind(document, "table")
    assert table.text.startswith("| Cellar | Casks | Cost |")
    assert [e.text for e in of_kind(document, "caption")] == ["Table 4. Casks"]


def test_lines_that_a_cell_goes_on_in_are_one_row(paper, of_kind):
    for y in (88, 106, 205):
        paper.rule(60, y, 480, y)
    rows = [
        ("Code", "What it means", "What to do"),
        ("K1", "The lamp on the upper", "Call the keeper and wait"),
        ("", "deck is out", "for the boat"),
        ("K2", "Fog", "Ring the bell until the"),
        ("", "", "fog has gone"),
    ]
    tops = (100, 118, 130, 152, 164)
    for top, row in zip(tops, rows, strict=True):
        put(paper, [row], top, xs=(66, 120, 300))
    (table,) = of_kind(paper.read(), "table")
    assert table.text.splitlines()[2:] == [
        "| K1 | The lamp on the upper deck is out | Call the keeper and wait for the boat |",
        "| K2 | Fog | Ring the bell until the fog has gone |",
    ]


def test_a_label_of_two_lines_above_its_figures_is_one_row(paper, of_kind):
    rows = [
        ("in thousands", "2023", "2022"),
        ("Casks that were brought up from the", "", ""),
        ("cellar before the end of the year", "12,345", "9,876"),
        ("Jars", "", ""),
        ("glazed", "1,204", "998"),
        ("plain", "11,141", "8,878"),
    ]
    for at, row in enumerate(rows):
        put(paper, [row], 100 + 14 * at, xs=(66, 320, 400))
    (table,) = of_kind(paper.read(), "table")
    assert table.text.splitlines()[2:5] == [
        "| Casks that were brought up from the cellar before the end of the year | 12,345 | 9,876 |",
        "| Jars |  |  |",
        "| glazed | 1,204 | 998 |",
    ]


@pytest.mark.parametrize("framed", [False, True])
def test_a_table_over_three_pages_names_its_columns_on_each(paper, of_kind, framed):
    total = 0
    for page, count in enumerate((10, 30, 4)):
        top = 560 if page == 0 else 80
        rows = [(f"Cellar {total + at}", str(100 + total + at), f"{total + at},250") for at in range(count)]
        total += count
        put(paper, [ROWS[0], *rows] if page == 0 else [("", "", ""), *rows], top)
        if framed:
            first = top - 13 if page == 0 else top + 5
            frame(paper, 66, first, 426, first + 18 * (count + (page == 0)), count + (page == 0), 3)
        if page < 2:
            paper.new_page()
    document = paper.read()
    tables = of_kind(document, "table")
    assert [table.page for table in tables] == [0, 1, 2]
    assert all(table.text.startswith("| Cellar | Casks | Cost |") for table in tables)
    assert [table.table.carried_rows for table in tables] == [0, 1, 1]
    assert [table.table.row_count for table in tables] == [11, 31, 5]
    assert all("Casks" in p.text for p in document.passages)


def test_column_names_that_are_printed_again_are_not_doubled(paper, of_kind):
    for _ in range(2):
        put(paper, [*ROWS, *ROWS[1:]], 660)
        put(paper, [*ROWS, *ROWS[1:]], 72)
        paper.new_page()
    tables = of_kind(paper.read(), "table")
    assert all(table.text.count("Casks") == 1 and table.table.carried_rows == 0 for table in tables)


def test_a_table_with_other_columns_at_the_top_of_the_next_page_keeps_its_own_names(paper, of_kind):
    put(paper, [*ROWS, *ROWS[1:]], 600)
    paper.new_page()
    put(paper, [("Ship", "Masts", "Crew"), ("Ada", "2", "14"), ("Bea", "3", "25"), ("Cleo", "1", "4")], 72)
    second = of_kind(paper.read(), "table")[1]
    assert second.text.startswith("| Ship | Masts | Crew |") and "Casks" not in second.text


def test_all_header_rows_stand_in_every_part_of_a_long_table(paper):
    heads = [("", "Harbour of the north", "Harbour of the south"), ("Year", "Ships", "Ships"), ("", "large", "large")]
    rows = [(f"{at} days", str(200 + at), str(700 + at)) for at in range(40)]
    put(paper, [*heads, *rows], 72, step=17)
    passages = paper.read(passage_tokens=60).passages
    assert len(passages) > 3
    for passage in passages:
        assert "Harbour of the north" in passage.text and "| Year | Ships | Ships |" in passage.text


def test_which_rows_are_the_head():
    years = [["", "2021", "2022"], ["North", "11", "12"], ["South", "5", "6"]]
    assert head_count(years) == 1
    assert head_count([["(in thousands)", "", ""], *years]) == 2
    assert head_count([["Port", "Ships", "Cost"], ["", "number", "€"], *years[1:]]) == 2
    assert head_count(years[1:]) == 0
    assert head_count([["Name", "Post"], ["Ada", "Pilot"], ["Bo", "Cook"]]) == 1
    assert head_count([["Name", "Post"], ["Given", "Now"], ["Bo", "Cook"]], [True, True, False]) == 2
    assert head_count([["Size", "Count"], ["Small", "n/a"], ["Large", "5"]]) == 1
