"""Contents that are in no file on the disk: bytes and open files with a name."""

import io
import zipfile
from pathlib import Path

import pymupdf
import pytest

import mmrank
from mmrank.errors import InputError


def pdf(text: str) -> bytes:
    with pymupdf.open() as file:
        file.new_page().insert_text((72, 300), text)
        return file.tobytes()


@pytest.fixture
def library(tmp_path: Path):
    with mmrank.Collection.create(tmp_path / "c.mmrank", ocr=False, workers=1) as made:
        yield made


def test_bytes_are_read_found_shown_and_replaced(library, tmp_path: Path) -> None:
    report = library.add(("2024/tides.pdf", pdf("The spring tide reaches nine metres.")))
    assert report.ok and report.added == ["2024/tides.pdf"]
    assert library.record("2024/tides.pdf").path == str(tmp_path / "c.mmrank.files" / "2024" / "tides.pdf")
    [hit, *_] = library.search("How high is the spring tide?")
    assert hit.document == "2024/tides.pdf" and hit.image().width > 100
    assert library.add(("2024/tides.pdf", pdf("The neap tide reaches four metres."))).replaced == ["2024/tides.pdf"]
    assert "neap" in library.search("How high is the tide?")[0].snippet
    assert len(library) == 1


def test_open_files_and_bytes_without_change(library, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.writestr("notes/harbour.txt", "The harbour freezes in February.")
    named = io.BytesIO(b"The lighthouse was lit in 1871.")
    named.name = "lighthouse.txt"
    named.seek(0, io.SEEK_END)
    with zipfile.ZipFile(tmp_path / "all.zip") as packed, packed.open("notes/harbour.txt") as inner:
        report = library.add(inner, named, ("buoy.txt", io.BytesIO(b"The buoy is green.")), save_to=tmp_path / "inbox")
    assert sorted(report.added) == ["buoy.txt", "lighthouse.txt", "notes/harbour.txt"]
    assert (tmp_path / "inbox" / "notes" / "harbour.txt").read_text() == "The harbour freezes in February."
    again = library.add(("buoy.txt", b"The buoy is green."), save_to=tmp_path / "inbox")
    assert again.unchanged == ["buoy.txt"] and not again.added


def test_a_name_that_a_file_elsewhere_has_is_not_taken_from_it(library, tmp_path: Path) -> None:
    (tmp_path / "buoy.txt").write_text("The buoy is red.")
    library.add(tmp_path / "buoy.txt")
    report = library.add(("buoy.txt", b"The buoy is green."))
    assert report.added == ["c.mmrank.files/buoy.txt"] and len(library) == 2


def test_nothing_is_saved_where_it_cannot_be_added(library, tmp_path: Path) -> None:
    saved = tmp_path / "c.mmrank.files"
    with pytest.raises(InputError, match="two contents are named"):
        library.add(("a.txt", b"one"), ("a.txt", b"two"))
    with pytest.raises(InputError, match="no file or folder"):
        library.add(("a.txt", b"one"), tmp_path / "missing.pdf")
    with pytest.raises(InputError, match="metadata="):
        library.add(("a.txt.meta.yaml", b"title: x"))
    with (
        mmrank.Collection.open(tmp_path / "c.mmrank", read_only=True) as other,
        pytest.raises(InputError, match="read-o"),
    ):
        other.add(("a.txt", b"one"))
    assert not saved.exists()
    text = io.StringIO("text")
    text.name = "a.txt"
    with pytest.raises(InputError, match="gives text, not bytes"):
        library.add(text)
    assert list(saved.iterdir()) == []
