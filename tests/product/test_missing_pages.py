"""Pages that could not be read."""

from pathlib import Path

import mmrank


def test_missing_pages_are_reported_shown_and_read_again(command_line, tmp_path: Path) -> None:
    import pymupdf

    path = tmp_path / "survey.pdf"
    with pymupdf.open() as file:
        for words in ("Otters", "Beavers", "Voles"):
            file.new_page().insert_text((72, 300), words)
        picture = file.get_new_xref()
        file.update_object(
            picture,
            "<</Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 1/ColorSpace/DeviceGray>>",
        )
        file.update_stream(picture, b"x" * 100)
        page = file[1]
        file.xref_set_key(page.xref, "Resources", f"<</XObject<</P {picture} 0 R>>>>")
        contents = page.get_contents()[-1]
        file.update_stream(contents, file.xref_stream(contents) + b" q 90 0 0 90 9 9 cm /P Do Q")
        file.save(path)
    with mmrank.Collection.create(tmp_path / "c", ocr=False, workers=1) as library:
        report = library.add(path)
        assert report.added == ["survey.pdf"] and list(report.unread["survey.pdf"]) == [1] and not report.ok
        assert library.search("voles", k=1)[0].page == 2
        assert list(library.record("survey.pdf").unread) == [1]
        assert library.add(path).unchanged == ["survey.pdf"]
        again = library.add(path, retry=True)
        assert again.replaced == ["survey.pdf"] and list(again.unread["survey.pdf"]) == [1]
    for command in (("show",), ("show", "survey.pdf"), ("verify",)):
        done = command_line(*command, "-c", "c")
        assert done.returncode == 0 and "page 2 could not be read" in " ".join(done.stdout.split()), done.stdout
    assert "60000 × 60000" in command_line("index", "survey.pdf", "-c", "c", "--retry").stdout


def test_files_attached_to_a_pdf_are_named(tmp_path: Path) -> None:
    import pymupdf

    with pymupdf.open() as file:
        file.new_page().insert_text((72, 300), "A cover sheet for the survey.")
        file.embfile_add("soundings.pdf", b"%PDF-1.7 not read")
        file.save(tmp_path / "cover.pdf")
    with mmrank.Collection.create(tmp_path / "c", ocr=False, workers=1) as library:
        report = library.add(tmp_path / "cover.pdf")
        assert report.ok and report.attached == {"cover.pdf": ("soundings.pdf",)}
        assert library.record("cover.pdf").attached == ("soundings.pdf",)
