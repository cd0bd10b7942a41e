"""What is found in folders, and what is passed over and said."""

import os
from pathlib import Path

import pytest

from mmrank.adding.sources import DEEPEST, find
from mmrank.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "reports"
    (made / "2024").mkdir(parents=True)
    (made / "note.txt").write_text("Cranes fly south.")
    (made / "2024" / "letter.docx").write_bytes(b"PK")
    (made / "2024" / "photo.WEBP").write_bytes(b"RIFF")
    return made


def names(found) -> list[str]:
    return [name for _, name in found.files]


def test_office_files_web_pages_and_pictures_are_found_and_other_kinds_are_counted(folder: Path) -> None:
    for name in ("a.zip", "b.zip", "song.mp3", "README", ".hidden.pdf", "note.txt.meta.yaml"):
        (folder / name).write_bytes(b"x")
    (folder / "page.html").write_text("<p>x</p>")
    found = find([folder])
    assert names(found) == ["2024/letter.docx", "2024/photo.WEBP", "note.txt", "page.html"]
    assert found.passed_over == {".zip": 2, ".mp3": 1, "": 1}


def test_links_that_leave_the_folder_are_passed_over_and_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.txt").write_text("other")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "away").symlink_to(tmp_path / "elsewhere")
    (folder / "inside.txt").symlink_to(folder / "note.txt")
    (folder / "broken.txt").symlink_to(folder / "nothing")
    found = find([folder])
    assert "inside.txt" in names(found) and not {"out.txt", "away/other.txt", "broken.txt"} & set(names(found))
    assert sorted(link.name for link in found.links) == ["away", "broken.txt", "out.txt"]
    followed = find([folder], follow_links=True)
    assert {"out.txt", "away/other.txt", "inside.txt"} <= set(names(followed))
    assert [link.name for link in followed.links] == ["broken.txt"]


def test_a_glob_follows_no_link_out_of_its_folder_either(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    assert names(find([folder / "*.txt"])) == ["note.txt"]
    assert names(find([folder / "out.txt"])) == ["out.txt"], "a link that is named by itself is meant"


def test_folders_that_are_linked_in_a_circle_are_read_once(folder: Path) -> None:
    (folder / "2024" / "again").symlink_to(folder)
    (folder / "2024" / "up").symlink_to(folder / "2024")
    assert len(names(find([folder], follow_links=True))) == 3


def test_pipes_and_very_deep_folders_are_passed_over(folder: Path) -> None:
    os.mkfifo(folder / "pipe.pdf")
    here = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(400):
            Path("d").mkdir()
            os.chdir("d")
        Path("deep.txt").write_text("deep")
    finally:
        os.chdir(here)
    found = find([folder])
    assert len(found.files) == 3
    assert any(f"more than {DEEPEST} deep" in note for note in found.notes)
    assert any("1 pipes, sockets or devices" in note for note in found.notes)


def test_a_collection_in_a_folder_is_no_source(folder: Path) -> None:
    (folder / "c.mmrank" / "files").mkdir(parents=True)
    (folder / "c.mmrank" / "catalog.sqlite3").write_bytes(b"")
    (folder / "c.mmrank" / "files" / "copy.txt").write_text("a copy")
    assert len(find([folder]).files) == 3


@pytest.mark.parametrize("source", ["https://example.org/report.pdf", "s3://bucket/report.pdf", "file:///report.pdf"])
def test_a_url_is_refused_with_what_to_do(source: str) -> None:
    with pytest.raises(InputError, match=r"is a URL.*download it"):
        find([source])


@pytest.mark.parametrize("source", [b"%PDF-1.7", 42, None, ["a.pdf"], object()])
def test_what_is_no_path_is_refused_with_what_is_taken(source: object) -> None:
    with pytest.raises(InputError, match=r"str or pathlib\.Path"):
        find([source])  # type: ignore[list-item]


def test_an_open_file_is_read_by_its_name(folder: Path) -> None:
    with (folder / "note.txt").open("rb") as file:
        assert names(find([file])) == ["note.txt"]  # type: ignore[list-item]


def test_a_folder_with_nothing_that_is_read_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"x")
    with pytest.raises(InputError, match="its 1 files are of other kinds"):
        find([tmp_path])


@pytest.mark.parametrize(
    ("pattern", "held", "outside"),
    [
        ("a/*.pdf", "a/x.pdf", "a/b/x.pdf"),
        ("a/**/*.pdf", "a/b/c/x.pdf", "b/x.pdf"),
        ("a", "a/b/x.pdf", "ab/x.pdf"),
    ],
)
def test_what_lies_in_a_source_is_told_by_its_path(tmp_path: Path, pattern: str, held: str, outside: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "there.pdf").write_bytes(b"x")
    [within] = find([tmp_path / pattern]).within
    assert within(str(tmp_path / held)) and not within(str(tmp_path / outside))
