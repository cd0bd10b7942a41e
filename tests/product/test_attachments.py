"""Files attached to PDFs, read as documents of their own."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pymupdf

import mmrank


def pdf(text: str, **attached: bytes) -> bytes:
    with pymupdf.open() as file:
        file.new_page().insert_text((72, 300), text)
        for name, data in attached.items():
            file.embfile_add(name, data, filename=name.replace("_", "."))
        return file.tobytes()


def test_attachments_are_read_found_shown_and_replaced(tmp_path: Path) -> None:
    cover = tmp_path / "cover.pdf"
    cover.write_bytes(
        pdf(
            "A cover sheet.", soundings_pdf=pdf("The channel is nine fathoms deep."), note_txt=b"Ask Ines.", a_zip=b"PK"
        )
    )
    with mmrank.Collection.create(tmp_path / "c.mmrank", ocr=False, workers=1) as library:
        report = library.add(cover, attachments=True, metadata={"survey": "1901"})
        assert report.ok and report.added == ["cover.pdf", "cover.pdf/soundings.pdf", "cover.pdf/note.txt"], report
        assert report.attached == {"cover.pdf": ("a.zip",)} and report.pages == 3
        hit = library.search("How deep is the channel?")[0]
        assert hit.document == "cover.pdf/soundings.pdf" and hit.image().width > 100
        assert library.record("cover.pdf/note.txt").metadata["survey"] == "1901"
        assert library.add(cover, attachments=True).unchanged == ["cover.pdf"]
        cover.write_bytes(pdf("A cover sheet, revised.", soundings_pdf=pdf("The channel is seven fathoms deep.")))
        again = library.add(cover, attachments=True)
        assert again.replaced == ["cover.pdf", "cover.pdf/soundings.pdf"] and not again.attached
        assert [record.name for record in library.documents()] == ["cover.pdf", "cover.pdf/soundings.pdf"]
        assert "seven" in library.search("How deep is the channel?")[0].snippet


def test_files_that_are_attached_to_a_place_on_a_page_are_attachments_too(tmp_path: Path) -> None:
    cover = tmp_path / "cover.pdf"
    with pymupdf.open(stream=pdf("A cover sheet.", listed_txt=b"Ask Ines.")) as file:
        file[0].add_file_annot((200, 200), b"The channel is nine fathoms deep.", "soundings.txt")
        file[0].add_file_annot((200, 300), b"Ask Ines.", "listed.txt")
        file.save(cover)
    with mmrank.Collection.create(tmp_path / "c.mmrank", ocr=False, workers=1) as library:
        assert library.add(cover).attached == {"cover.pdf": ("listed_txt", "soundings.txt", "listed.txt")}
        report = library.add(cover, attachments=True)
        assert report.added == ["cover.pdf/listed.txt", "cover.pdf/soundings.txt"] and not report.attached


def test_the_command_reads_attachments_when_it_is_told_to(
    tmp_path: Path, command_line: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "cover.pdf").write_bytes(pdf("A cover sheet.", note_txt=b"Ask Ines about the buoys."))
    said = command_line("index", "cover.pdf", "-c", "c")
    assert "note" in said.stdout and "--attachments" in said.stdout
    assert "1 added" in command_line("index", "cover.pdf", "-c", "c", "--attachments").stdout
    assert "cover.pdf/note.txt" in command_line("search", "Who knows about the buoys?", "-c", "c").stdout
