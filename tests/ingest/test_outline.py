"""Bookmarks, and pages of contents."""

from __future__ import annotations

CHAPTERS = ("Granite", "Copper and tin", "Linen")


def chapters(paper, prose, first=1):
    """Three pages with a chapter and a section each, all in one size, and a line in bold that is no section."""
    for at, name in enumerate(CHAPTERS, first):
        paper.text(60, 80, f"{at} {name}", 13, bold=True).box((60, 100, 530, 230), prose)
        paper.text(60, 260, f"How {name.lower()} is kept", 13, bold=True).box((60, 280, 530, 400), prose)
        paper.text(60, 430, "Mind the stairs", 13, bold=True).box((60, 450, 530, 600), prose)
        paper.new_page()
    paper.file.delete_page(paper.file.page_count - 1)


def test_bookmarks_lead_the_tree_of_sections_and_other_headings_stand_below(paper, prose):
    chapters(paper, prose)
    paper.file.set_toc(
        [entry for at, n in enumerate(CHAPTERS, 1) for entry in ([1, n, at], [2, f"How {n.lower()} is kept", at])]
    )
    document = paper.read()
    assert [(s.title, s.level) for s in document.sections[:4]] == [
        ("1 Granite", 1),
        ("How granite is kept", 2),
        ("Mind the stairs", 3),
        ("2 Copper and tin", 1),
    ]
    assert document.sections[1].parent == 0 and document.sections[2].parent == 1
    assert document.sections[3].number == "2" and document.sections[3].parent is None


def test_a_bookmark_whose_title_is_not_printed_opens_a_section_all_the_same(paper, prose):
    chapters(paper, prose)
    marks = [[1, name, at] for at, name in enumerate(CHAPTERS, 1)]
    paper.file.set_toc([*marks[:2], [1, "Second part", 3], *marks[2:]])
    titles = [(s.title, s.page) for s in paper.read().sections if s.level == 1]
    assert titles == [("1 Granite", 0), ("2 Copper and tin", 1), ("Second part", 2), ("3 Linen", 2)]


def test_bookmarks_leave_out_the_letters_of_appendices(paper, prose):
    for at, name in enumerate(CHAPTERS):
        paper.text(60, 80, f"{'ABC'[at]} {name}", 13, bold=True).box((60, 100, 530, 230), prose)
        paper.text(60, 260, f"{'ABC'[at]}.1 How {name.lower()} is kept", 11).box((60, 280, 530, 400), prose)
        paper.new_page()
    paper.file.delete_page(paper.file.page_count - 1)
    paper.file.set_toc(
        [entry for at, n in enumerate(CHAPTERS, 1) for entry in ([1, n, at], [2, f"How {n.lower()} is kept", at])]
    )
    found = [(s.title, s.level) for s in paper.read().sections]
    assert found[:3] == [("A Granite", 1), ("A.1 How granite is kept", 2), ("B Copper and tin", 1)]


def test_a_bookmark_by_name_opens_its_section_where_it_leads_to(paper, prose):
    chapters(paper, prose)
    paper.file.set_toc([*([1, name, at] for at, name in enumerate(CHAPTERS, 1)), [2, "By the way", 3]])
    names = f"<</way[{paper.file[2].xref} 0 R/XYZ 60 {842 - 250} 0]>>"
    paper.file.xref_set_key(paper.file.pdf_catalog(), "Dests", names)
    paper.file.xref_set_key(paper.file.get_outline_xrefs()[-1], "Dest", "/way")
    titles = [s.title for s in paper.read().sections if s.page == 2]
    assert titles[:3] == ["3 Linen", "By the way", "How linen is kept"]


def test_bookmarks_that_only_count_pages_are_left_aside(paper, prose):
    chapters(paper, prose)
    without = paper.read().sections
    paper.file.set_toc([[1, f"Page {at}", at] for at in (1, 2, 3)])
    assert paper.read().sections == without


def test_bookmarks_that_do_not_fit_the_pages_are_left_aside(paper, prose):
    chapters(paper, prose)
    without = paper.read().sections
    paper.file.set_toc([[1, "untitled.doc", 1], [1, "Normal", 1], [1, "Bild 7", 2], [1, "Granite", 1]])
    assert paper.read().sections == without


def test_entries_of_a_contents_page_are_neither_headings_nor_a_table(paper, prose, of_kind):
    paper.text(60, 80, "Contents", 16, bold=True)
    for at, name in enumerate(CHAPTERS):
        paper.text(60, 110 + 40 * at, f"{at + 1} {name}", 12, bold=True).text(500, 110 + 40 * at, f"{at + 2}", 12)
        paper.text(80, 128 + 40 * at, f"How {name.lower()} is kept " + "." * 30, 10).text(
            500, 128 + 40 * at, f"{at + 2}"
        )
    paper.new_page()
    chapters(paper, prose)
    document = paper.read()
    assert {s.page for s in document.sections if s.title != "Contents"} == {1, 2, 3}
    assert not of_kind(document, "table")
    entries = "\n".join(e.text for e in document.pages[0].elements if e.kind.value == "list_item")
    assert "2 Copper and tin 3" in entries.splitlines() and "How linen is kept 4" in entries.splitlines()


def test_a_table_of_numbers_below_a_heading_stays_a_table(paper, of_kind):
    paper.text(60, 80, "Contents of the cellar", 16, bold=True)
    for at, (name, count) in enumerate((("Casks", 3), ("Crates", 8), ("Lamps", 12), ("Ropes", 40))):
        paper.text(60, 110 + 16 * at, name).text(300, 110 + 16 * at, str(count)).text(
            400, 110 + 16 * at, str(2 * count)
        )
    assert len(of_kind(paper.read(), "table")) == 1
