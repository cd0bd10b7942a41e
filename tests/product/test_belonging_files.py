"""Files that belong to a collection go where it goes: exported, imported, verified and removed with it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest

import mmrank
from mmrank.errors import InputError
from mmrank.index import export_archive, import_archive, repair, verify


def pdf(text: str, **attached: bytes) -> bytes:
    with pymupdf.open() as file:
        file.new_page().insert_text((72, 300), text)
        for name, data in attached.items():
            file.embfile_add(name, data, filename=name.replace("_", "."))
        return file.tobytes()


@pytest.fixture
def library(tmp_path: Path):
    """A collection of a content, another one under two names, a file of the user's own and what is attached to it."""
    own = tmp_path / "own" / "cover.pdf"
    own.parent.mkdir()
    own.write_bytes(pdf("A cover sheet.", soundings_pdf=pdf("The channel is nine fathoms deep.")))
    twin = pdf("The neap tide reaches four metres.")
    with mmrank.Collection.create(tmp_path / "here" / "c.mmrank", ocr=False, workers=1) as made:
        made.add(("2024/tides.pdf", pdf("The spring tide reaches nine metres.")), ("a.pdf", twin), ("b.pdf", twin))
        made.add(own, attachments=True)
        yield made


def files(folder: Path) -> list[str]:
    return sorted(str(place.relative_to(folder)) for place in folder.rglob("*") if place.is_file())


SAVED = ["2024/tides.pdf", "a.pdf", "b.pdf", "cover.pdf.attached/soundings.pdf"]


def test_an_export_takes_them_along_and_an_import_puts_them_beside_the_new_collection(library, tmp_path):
    assert files(tmp_path / "here" / "c.mmrank.files") == SAVED
    export_archive(library.store, tmp_path / "c.tar")
    library.close()
    shutil.rmtree(tmp_path / "here")
    import_archive(tmp_path / "c.tar", tmp_path / "there" / "d.mmrank").close()
    place = tmp_path / "there" / "d.mmrank.files"
    assert files(place) == SAVED and not verify(tmp_path / "there" / "d.mmrank")
    with mmrank.Collection.open(tmp_path / "there" / "d.mmrank", read_only=True) as found:
        [hit, *_] = found.search("How high is the spring tide?")
        assert hit.document == "2024/tides.pdf" and hit.image().width > 100
        assert found.search("How deep is the channel?")[0].image().width > 100
        assert {other.path for other in found.record("a.pdf").places} == {str(place / "a.pdf"), str(place / "b.pdf")}
        assert found.record("cover.pdf").path == str(tmp_path / "own" / "cover.pdf")


def test_an_import_does_not_touch_files_that_are_at_their_place(library, tmp_path):
    export_archive(library.store, tmp_path / "c.tar")
    (tmp_path / "d.mmrank.files").mkdir()
    (tmp_path / "d.mmrank.files" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"d\.mmrank\.files is there already"):
        import_archive(tmp_path / "c.tar", tmp_path / "d.mmrank")
    assert files(tmp_path / "d.mmrank.files") == ["mine.txt"] and not (tmp_path / "d.mmrank").exists()


def test_one_that_is_missing_or_changed_is_named_and_its_document_stays(library, tmp_path):
    place = tmp_path / "here" / "c.mmrank.files"
    (place / "2024" / "tides.pdf").unlink()
    (place / "a.pdf").write_bytes(b"something else")
    (place / "b.pdf").unlink()
    (place / "b.pdf").symlink_to(tmp_path / "own" / "cover.pdf")
    problems = verify(library.path)
    assert [(problem.kind, problem.file) for problem in problems] == [
        ("saved", f"c.mmrank.files/{name}") for name in SAVED[:3]
    ]
    assert "missing" in problems[0].what and "not what was read" in problems[1].what and "read" in problems[2].what
    library.close()
    assert repair(library.path).unsaved == ("2024/tides.pdf", "a.pdf", "b.pdf")
    with mmrank.Collection.open(library.path) as found:
        assert found.search("How high is the spring tide?")[0].document == "2024/tides.pdf"
        export_archive(found.store, tmp_path / "c.tar")
    import_archive(tmp_path / "c.tar", tmp_path / "d.mmrank").close()
    assert files(tmp_path / "d.mmrank.files") == SAVED[3:]


def test_they_are_removed_with_their_documents_and_no_other_file_is(library, tmp_path):
    place = tmp_path / "here" / "c.mmrank.files"
    (place / "mine.txt").write_text("mine")
    library.remove("a.pdf")
    assert files(place) == ["2024/tides.pdf", "b.pdf", *SAVED[3:], "mine.txt"] and not verify(library.path)
    library.remove("2024/tides.pdf", "b.pdf", "cover.pdf/soundings.pdf", "cover.pdf")
    assert [path.name for path in place.iterdir()] == ["mine.txt"] and (tmp_path / "own" / "cover.pdf").is_file()


def test_a_link_in_their_folder_leads_to_no_removal(library, tmp_path):
    place = tmp_path / "here" / "c.mmrank.files"
    shutil.move(place / "2024", tmp_path / "elsewhere")
    (place / "2024").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(mmrank.MmrankError, match="link"):
        library.remove("2024/tides.pdf")
    assert files(tmp_path / "elsewhere") == ["tides.pdf"]


def test_the_commands_say_where_they_are(
    tmp_path: Path, library, command_line: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    export_archive(library.store, tmp_path / "c.tar")
    assert "d.mmrank.files" in command_line("import", "c.tar", "-c", "d.mmrank").stdout
    (tmp_path / "d.mmrank.files" / "a.pdf").unlink()
    said = command_line("verify", "-c", "d.mmrank")
    assert said.returncode == 1 and "d.mmrank.files/a.pdf" in said.stdout
    assert "add it again" in command_line("repair", "-c", "d.mmrank").stdout
