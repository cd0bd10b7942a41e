import json
from pathlib import Path

import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.evaluate import Answered, Layout, SystemRanking, read_run, write_run
from mmrank.types import BBox

RUN = [
    Answered(
        "whales.pdf",
        0,
        SystemRanking(
            (0.1, 1 / 3, -2.0), (Layout(1, BBox(1.25, 2, 30, 40), 0.9), Layout(0, BBox(0, 0, 1, 1), 0.9)), "handle"
        ),
        0.25,
    ),
    Answered("whales.pdf", 1, SystemRanking(()), 0.5, "the file is encrypted"),
]
LINE = {"doc_name": "a.pdf", "question": 0, "page_scores": [0.5], "layouts": []}


def test_a_run_is_read_as_it_was_written(tmp_path: Path):
    write_run(tmp_path / "run.jsonl", RUN)
    assert read_run(tmp_path / "run.jsonl") == RUN


def test_a_line_has_the_names_that_others_compute_with(tmp_path: Path):
    write_run(tmp_path / "run.jsonl", RUN)
    line = json.loads((tmp_path / "run.jsonl").read_text().splitlines()[0])
    assert line["doc_name"] == "whales.pdf"
    assert line["question"] == 0
    assert line["page_scores"] == [0.1, 1 / 3, -2.0]
    assert line["layouts"][0] == {"page": 1, "bbox": [1.25, 2, 30, 40], "score": 0.9}


def test_the_least_that_a_line_needs_is_enough(tmp_path: Path):
    (tmp_path / "run.jsonl").write_text(json.dumps(LINE))
    assert read_run(tmp_path / "run.jsonl") == [Answered("a.pdf", 0, SystemRanking((0.5,)))]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting"),
        ("7", "no object"),
        (json.dumps({**LINE, "question": "0"}), "question a number"),
        (json.dumps({key: LINE[key] for key in ("doc_name", "question", "layouts")}), "no 'page_scores'"),
        (json.dumps({**LINE, "page_scores": [float("nan")]}), "not a finite number"),
        (json.dumps({**LINE, "layouts": [{"page": -1, "bbox": [0, 0, 1, 1], "score": 1}]}), "below 0"),
        (json.dumps({**LINE, "layouts": [{"page": 0, "bbox": [2, 0, 1, 1], "score": 1}]}), "x0 <= x1"),
        (
            json.dumps({**LINE, "layouts": [{"page": 0, "bbox": [0, 0, 1, 1], "score": score} for score in (1, 2)]}),
            "order of their scores",
        ),
        (json.dumps(LINE), "same question as line 1"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, line: str, reason: str):
    (tmp_path / "run.jsonl").write_text(json.dumps(LINE) + "\n" + line + "\n")
    with pytest.raises(InputError, match=f"line 2.*{reason}"):
        read_run(tmp_path / "run.jsonl")


def test_a_missing_run_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.jsonl cannot be read"):
        read_run(tmp_path / "none.jsonl")


def test_a_run_that_cannot_be_written_says_where(tmp_path: Path):
    with pytest.raises(MmrankError, match="cannot be written to"):
        write_run(tmp_path / "no" / "folder" / "run.jsonl", RUN)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b"])
def test_a_mark_that_ends_a_line_in_a_text_ends_none_in_the_file(tmp_path: Path, mark: str):
    run = [Answered(f"left{mark}right.pdf", 0, SystemRanking((1.0,)))]
    write_run(tmp_path / "run.jsonl", run)
    assert read_run(tmp_path / "run.jsonl") == run
