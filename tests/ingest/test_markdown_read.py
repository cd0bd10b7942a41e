"""Markdown files: what is written in them is found, and its structure is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmrank.ingest import IngestOptions, read_document
from mmrank.markdown_source import prepared
from mmrank.types import Document


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Document]:
    def made(text: str) -> Document:
        path = tmp_path / "notes.md"
        path.write_text(text, encoding="utf-8")
        return read_document(path, options=IngestOptions(ocr=False))

    return made


def words(document: Document) -> str:
    return " ".join(passage.text for passage in document.passages)


def test_front_matter_is_text_and_metadata_and_no_heading(read):
    document = read(
        "---\ntitle: The cellar book\nauthor: Wilma Stock\ntags: [wine, oil]\ndate: 2021-03-04\n---\n\n"
        "## Casks\n\nTwelve of them.\n"
    )
    assert document.title == "The cellar book"
    assert document.metadata["author"] == "Wilma Stock" and document.metadata["date"] == "2021-03-04"
    assert [section.title for section in document.sections][-1] == "Casks"
    assert not any("author" in section.title for section in document.sections)
    assert "Wilma Stock" in words(document) and "wine, oil" in words(document)


def test_a_rule_at_the_head_of_a_text_is_no_front_matter(read):
    document = read("---\n\nTwelve casks, and no more.\n\n---\n\nThen the lamps.\n")
    assert "Twelve casks" in words(document) and "Then the lamps" in words(document)


def test_texts_that_describe_pictures_are_read(read):
    document = read(
        '# Lamps\n\n![An oil lamp on a pier](lamp.png "hover")\n\nBeside it ![a jar][jar] and '
        '<img src="x.png" alt="a broken wick">.\n\n| Lamp | Seen |\n|---|---|\n| Old | ![rust on brass](r.png) |\n\n'
        "[jar]: jar.png\n"
    )
    for said in ("An oil lamp on a pier", "a jar", "a broken wick", "rust on brass"):
        assert said in words(document), said


def test_code_is_left_as_it_is():
    text = "Write `![name](file)`:\n\n```\n![name](file)\n```\n"
    assert prepared(text) == text


def test_headings_in_a_list_are_headings_with_their_numbers(read):
    document = read(
        "# Keys\n\n1. ## Cellar door\n\n   Under the mat.\n\n2. ## Loft\n\n   On the nail.\n\n- ### Shed\n- no key\n"
    )
    assert [(s.title, s.level) for s in document.sections if s.level > 1] == [
        ("1. Cellar door", 2),
        ("2. Loft", 2),
        ("Shed", 3),
    ]
    assert not any(e.text.strip() in {"•", "1.", "2."} for page in document.pages for e in page.elements)
    assert "no key" in words(document)


def test_a_table_over_several_pages_of_a_markdown_file_keeps_its_names(read):
    rows = "\n".join(f"| Cask {at} | {at * 3} |" for at in range(80))
    document = read(f"# Stock\n\n| Cask | Litres |\n|---|---|\n{rows}\n")
    tables = [e for page in document.pages for e in page.elements if e.table]
    assert len(tables) > 2 and all(table.text.startswith("| Cask | Litres |") for table in tables)
    assert sum(table.table.row_count - 1 for table in tables) == 80


def test_words_and_lines_of_code_on_grey_are_text_and_no_chart(read, of_kind):
    document = read(
        "# Keys\n\nPress `one 1` and `two 22` and `three 333`.\n\n```\nopen cellar 1\nlet lamp be 22\n```\n"
    )
    assert not of_kind(document, "chart") and not of_kind(document, "figure") and not of_kind(document, "table")
    assert "open cellar 1" in words(document) and "three 333" in words(document)
