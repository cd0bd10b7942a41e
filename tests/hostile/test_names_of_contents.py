"""Names of contents that lead elsewhere, and contents larger than they may be."""

import io
from pathlib import Path

import pytest

from mmrank.adding.saving import save
from mmrank.errors import InputError


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "../report.pdf",
        "a/../../report.pdf",
        "a/./b.pdf",
        "/etc/report.pdf",
        "//server/report.pdf",
        "a//b.pdf",
        "a/",
        "C:report.pdf",
        "C:\\report.pdf",
        "..\\report.pdf",
        "\\\\server\\share\\report.pdf",
        "re\0port.pdf",
        "re\nport.pdf",
        "re\x1b[31mport.pdf",
        "re\u202eport.pdf",
        "re\ud800port.pdf",
        "x" * 300 + ".pdf",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a file"):
        save(name, b"x", tmp_path / "inner")
    assert list(tmp_path.rglob("*")) == []


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept.txt").write_text("kept")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "away").symlink_to(tmp_path / "outside")
    (tmp_path / "inner" / "kept.txt").symlink_to(tmp_path / "outside" / "kept.txt")
    with pytest.raises(InputError, match="is a link"):
        save("away/new.txt", b"x", tmp_path / "inner")
    save("kept.txt", b"new", tmp_path / "inner")
    assert (tmp_path / "outside" / "kept.txt").read_text() == "kept"
    assert not (tmp_path / "inner" / "kept.txt").is_symlink()
    assert [entry.name for entry in (tmp_path / "outside").iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("content", [b"x" * 101, io.BytesIO(b"x" * 101)])
def test_what_is_larger_than_allowed_leaves_nothing(tmp_path: Path, content) -> None:
    with pytest.raises(InputError, match="100"):
        save("a.txt", content, tmp_path, most=100)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(InputError, match="a folder has that name"):
        save("a.txt", b"x", tmp_path)
