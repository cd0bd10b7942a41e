import json
from pathlib import Path

import pytest

from mmrank.errors import InputError
from mmrank.evaluate.benchmark import Region
from mmrank.evaluate.mmdocir import load_mmdocir
from mmrank.types import BBox


def test_a_folder_gives_documents_questions_and_gold(data: Path, tmp_path: Path):
    benchmark = load_mmdocir(data, cache=tmp_path)
    assert [(paper.name, paper.domain, paper.page_count) for paper in benchmark.papers] == [
        ("whales.pdf", "Guidebook", 3),
        ("Nordbank.pdf", "Financial report", 2),
    ]
    assert len(benchmark) == 3
    asked = benchmark.papers[0].questions[1]
    assert asked.text == "What does the sperm whale hunt?"
    assert asked.index == 1
    assert asked.pages == {2}
    assert asked.kinds == ("Figure", "Table")
    assert asked.regions == (Region(2, BBox(40, 40, 360, 100)),)
    assert benchmark.papers[1].questions[0].kinds == ()
    assert benchmark.notes == ()


def test_gold_boxes_are_brought_to_the_size_of_the_pdf_page(edit, tmp_path: Path):
    def on_a_page_of_half_the_size(lines):
        spot = lines[0]["questions"][0]["layout_mapping"][0]
        spot["page_size"], spot["bbox"] = [200, 250], [20, 20, 180, 50]

    benchmark = load_mmdocir(edit(on_a_page_of_half_the_size), cache=tmp_path)
    assert benchmark.papers[0].questions[0].regions == (Region(1, BBox(40, 40, 360, 100)),)


def test_gold_past_the_end_of_the_pdf_stays_gold_and_is_noted(edit, tmp_path: Path):
    def past_the_end(lines):
        lines[0]["questions"][0]["page_id"] = [1, 7]

    benchmark = load_mmdocir(edit(past_the_end), cache=tmp_path)
    assert benchmark.papers[0].questions[0].pages == {1, 7}
    assert "question 0 has gold on page 7" in benchmark.notes[0]


def test_a_different_number_of_pages_is_noted(edit, tmp_path: Path):
    benchmark = load_mmdocir(edit(lambda lines: lines[1].update(page_indices=[0, 9])), cache=tmp_path)
    assert benchmark.notes == ("Nordbank.pdf: annotated with 10 pages, the PDF has 2",)


def test_a_question_without_gold_is_left_out_with_a_note_and_others_keep_their_index(edit, tmp_path: Path):
    benchmark = load_mmdocir(edit(lambda lines: lines[0]["questions"][0].update(page_id=[])), cache=tmp_path)
    assert [question.index for question in benchmark.papers[0].questions] == [1]
    assert "question 0 names no gold page" in benchmark.notes[0]


def test_a_few_questions_can_be_taken_evenly_spread(data: Path, tmp_path: Path):
    benchmark = load_mmdocir(data, cache=tmp_path)
    limited = benchmark.limited(1)
    assert [question.text for _, question in limited.questions()] == ["How long is the blue whale?"]
    assert limited.notes == ("1 of 3 questions, evenly spread",)
    assert [(paper.name, question.index) for paper, question in benchmark.limited(2).questions()] == [
        ("whales.pdf", 0),
        ("whales.pdf", 1),
    ]
    assert benchmark.limited(3) is benchmark
    with pytest.raises(InputError, match="at least 1"):
        benchmark.limited(0)


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="nowhere is not a folder"):
        load_mmdocir(tmp_path / "nowhere", cache=tmp_path)


def test_a_folder_without_annotations_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"holds no annotations.*annotations\.jsonl"):
        load_mmdocir(tmp_path, cache=tmp_path)


def test_a_missing_pdf_is_named(data: Path, tmp_path: Path):
    (data / "documents" / "Nordbank.pdf").unlink()
    with pytest.raises(InputError, match=r"documents lacks Nordbank\.pdf"):
        load_mmdocir(data, cache=tmp_path)


def test_a_file_that_is_no_pdf_is_named(data: Path, tmp_path: Path):
    (data / "documents" / "Nordbank.pdf").write_bytes(b"not a PDF at all")
    with pytest.raises(InputError, match=r"Nordbank\.pdf is not a PDF"):
        load_mmdocir(data, cache=tmp_path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "Expecting property name"),
        ("[]", "no object"),
        (json.dumps({"domain": "x", "questions": []}), "doc_name"),
        (json.dumps({"doc_name": "../up.pdf", "domain": "x", "questions": []}), "not the name of a file"),
        (json.dumps({"doc_name": "n.pdf", "domain": "x", "questions": 3}), "questions is no list"),
    ],
)
def test_a_malformed_line_is_named_by_its_number(data: Path, tmp_path: Path, line: str, reason: str):
    with (data / "annotations.jsonl").open("a") as file:
        file.write("\n" + line + "\n")
    with pytest.raises(InputError, match=f"line 4.*{reason}"):
        load_mmdocir(data, cache=tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Q": " "}, "question 0 is empty"),
        ({"page_id": [-1]}, "-1 is not a page index"),
        ({"page_id": ["1"]}, "'1' is not a page index"),
        ({"layout_mapping": [{"page": 0, "page_size": [4, 5], "bbox": [3, 0, 1, 1]}]}, "x0 <= x1"),
        ({"layout_mapping": [{"page": 0, "bbox": [0, 0, 1, 1]}]}, "'page_size' is missing"),
    ],
)
def test_a_malformed_question_is_named_by_its_line(edit, tmp_path: Path, change: dict, reason: str):
    with pytest.raises(InputError, match=f"line 2.*{reason}"):
        load_mmdocir(edit(lambda lines: lines[1]["questions"][0].update(change)), cache=tmp_path)


def test_a_document_that_stands_twice_is_refused(edit, tmp_path: Path):
    with pytest.raises(InputError, match=r"line 3: whales\.pdf is on line 1 already"):
        load_mmdocir(edit(lambda lines: lines.append(lines[0])), cache=tmp_path)
