"""Attachments whose names lead elsewhere, that claim or hold too much, and answers of a worker that was taken over."""

from pathlib import Path

import pymupdf
import pytest

import mmrank
from mmrank.errors import MmrankError
from mmrank.ingest.attachments import MOST_FILES, attachments_task, check_attachments, plain_name, take_out
from mmrank.ingest.options import IngestOptions

NAMES = [
    "../../out.txt",
    "/etc/out.txt",
    "C:\\out.txt",
    "..",
    "",
    ".txt",
    "a\x1b[31m.txt",
    "x" * 400 + ".txt",
    "out.TXT",
]


def holder(names: list[str], data: bytes = b"The buoy is green.") -> bytes:
    with pymupdf.open() as file:
        file.new_page().insert_text((72, 300), "A holder of attachments.")
        for at, name in enumerate(names):
            file.embfile_add(f"key {at}", data + str(at).encode(), filename=name, ufilename=name)
        return file.tobytes()


def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "holder.pdf").write_bytes(holder(NAMES))
    with mmrank.Collection.create(tmp_path / "inner" / "c", ocr=False, workers=1) as library:
        report = library.add(tmp_path / "holder.pdf", attachments=True)
    assert not report.failed and not report.notes
    saved = tmp_path / "inner" / "c.files" / "holder.pdf.attached"
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix.lower() == ".txt"]
    assert written and all(path.parent == saved for path in written)
    assert {path.name for path in written} >= {"out.txt", "out-2.txt", "out-3.txt", "out-4.TXT"}


@pytest.mark.parametrize("name", [*NAMES, "a/b\0c.pdf", "re\u202eport.pdf", "\ud800.pdf", "a." + "b" * 300])
def test_a_plain_name_is_one_name(name: str) -> None:
    plain = plain_name(name, 0)
    assert plain and plain.isprintable() and len(plain.encode()) <= 170
    assert not set(plain) & set('/\\:*?"<>|') and not plain.startswith(".")


def test_what_is_too_much_is_left() -> None:
    with pymupdf.open(stream=holder(["a.txt", "b.txt", "c.exe"], b"x" * 60)) as file:
        header, body = take_out(file, most=100)
    assert header == {"names": ["a.txt"], "sizes": [61], "left": ["b.txt", "c.exe"]} and len(body) == 61
    with pymupdf.open(stream=holder([f"{at}.txt" for at in range(MOST_FILES + 3)])) as file:
        header, _ = take_out(file)
    assert len(header["names"]) == MOST_FILES and len(header["left"]) == 3


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({}, b""),
        ({"error": 7}, b""),
        ({"names": ["a.txt"], "sizes": [1 << 40], "left": []}, b"x"),
        ({"names": ["a.txt"], "sizes": [-1], "left": []}, b"x"),
        ({"names": ["a.txt"], "sizes": [True], "left": []}, b"x"),
        ({"names": ["a.txt"], "sizes": [1], "left": []}, b"xx"),
        ({"names": ["a.txt", "b.txt"], "sizes": [2], "left": []}, b"xx"),
        ({"names": [["a.txt"]], "sizes": [1], "left": []}, b"x"),
        ({"names": ["a.exe"], "sizes": [1], "left": []}, b"x"),
        ({"names": ["a.txt"] * 101, "sizes": [1] * 101, "left": []}, b"x" * 101),
        ({"names": [], "sizes": [], "left": [3]}, b""),
    ],
)
def test_an_answer_is_checked(header: dict[str, object], body: bytes) -> None:
    task = attachments_task(Path("holder.pdf"), "0" * 32, IngestOptions())
    with pytest.raises(MmrankError, match=r"holder\.pdf"):
        check_attachments(task, header, body)
