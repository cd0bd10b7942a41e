"""The sample collection keeps what its questions promise."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pymupdf

# What a reader has to find on the page for each answer that the text layer can show.
EVIDENCE = {
    "471 thousand": "471",
    "90.1 %": "90.1",
    "797 litres": "797",
    "Gannet, 1994": "1994",
    "£9,482 thousand": "9,482",
    "3.9 per cent": "3.9 per",
    "14, with 164 onsets a minute": "164",
    "0.19": "0.19",
    "118 euros": "118",
    "Equation 1": "(1)",
    "The coil is frozen": "Coil is frozen",
    "5 m": "5\u00a0m",
    "The charcoal filter": "charcoal filter",
    "34 %": "34 %",
    "43 dB": "43 dB",
    "24 bores of 99 m": "24 bores of 99 m",
}


def pages(path: Path) -> list[str]:
    with pymupdf.open(path) as file:
        return [page.get_text() for page in file]


def test_the_same_bytes_are_written_every_time(
    samples_module: ModuleType, sample_files: dict[str, Path], tmp_path: Path
) -> None:
    for path in samples_module.make_samples(tmp_path / "again"):
        assert path.read_bytes() == sample_files[path.name].read_bytes()


def test_each_answer_stands_on_the_page_the_question_names(
    samples_module: ModuleType, sample_files: dict[str, Path]
) -> None:
    for question in samples_module.QUESTIONS:
        if question.where != "scan":
            assert EVIDENCE[question.answer] in pages(sample_files[question.document])[question.page], question


def test_chart_values_are_written_nowhere_else_in_their_document(
    samples_module: ModuleType, sample_files: dict[str, Path]
) -> None:
    for question in samples_module.QUESTIONS:
        if question.where == "chart":
            text = "\n".join(pages(sample_files[question.document]))
            assert text.count(EVIDENCE[question.answer]) == 1, question


def test_the_letter_holds_pictures_and_no_text(sample_files: dict[str, Path]) -> None:
    with pymupdf.open(sample_files["harbour-letter-1987.pdf"]) as file:
        assert file.page_count == 2
        for page in file:
            assert page.get_text().strip() == ""
            assert len(page.get_images()) == 1


def test_there_are_questions_for_every_kind_of_evidence(samples_module: ModuleType) -> None:
    kinds = [question.where for question in samples_module.QUESTIONS]
    assert len(kinds) >= 10
    assert {kind: kinds.count(kind) >= 2 for kind in ("table", "chart", "scan", "text", "figure")} == dict.fromkeys(
        ("table", "chart", "scan", "text", "figure"), True
    )


def test_each_document_has_a_title_and_nothing_runs_off_its_pages(sample_files: dict[str, Path]) -> None:
    assert len(sample_files) == 5
    for path in sample_files.values():
        with pymupdf.open(path) as file:
            assert file.metadata["title"]
            for page in file:
                for block in page.get_text("blocks"):
                    assert page.rect.contains(pymupdf.Rect(block[:4])), (path.name, block[4])
