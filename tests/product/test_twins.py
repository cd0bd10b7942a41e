"""One content under several names, and files that are gone."""

import json
from pathlib import Path

import pytest

import mmrank
from mmrank.index import Filter, verify


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place in ("north", "south"):
        (tmp_path / "docs" / place).mkdir(parents=True)
        (tmp_path / "docs" / place / "timetable.txt").write_text("The funicular runs every ten minutes.")
        (tmp_path / "docs" / place / f"{place}.txt").write_text(f"The {place} station has two platforms.")
    return tmp_path / "docs"


@pytest.fixture
def library(tmp_path: Path, folder: Path):
    with mmrank.Collection.create(tmp_path / "c.mmrank", ocr=False, workers=1) as made:
        report = made.add(folder)
        assert report.duplicates == {"south/timetable.txt": "north/timetable.txt"}
        yield made


def test_a_twin_is_found_filtered_and_named_under_each_name(library, folder: Path) -> None:
    assert library.record("south/timetable.txt") == library.record("north/timetable.txt")
    assert [place.name for place in library.record("south/timetable.txt").places] == [
        "north/timetable.txt",
        "south/timetable.txt",
    ]
    for place in ("north", "south", str(folder / "south")):
        assert "funicular" in library.search("how often does the funicular run?", where=Filter(folder=place))[0].snippet
    for name in ("north/timetable.txt", "south/timetable.txt"):
        assert len(library.documents(Filter(names=(name,)))) == 1
    assert not library.documents(Filter(folder=str(folder / "west")))
    assert len(library) == 3
    assert verify(library.path) == []


def test_both_names_are_unchanged_when_they_are_added_again(library, folder: Path) -> None:
    again = library.add(folder)
    assert len(again.unchanged) == 4 and not (again.duplicates or again.moved or again.added)
    only = library.add(folder / "south" / "timetable.txt")
    assert only.unchanged == ["south/timetable.txt"]


@pytest.mark.parametrize("name", ["north/timetable.txt", "south/timetable.txt"])
def test_removing_one_name_leaves_the_other(library, name: str) -> None:
    other = "south/timetable.txt" if name.startswith("north") else "north/timetable.txt"
    assert library.remove(name) == 1
    with pytest.raises(mmrank.InputError, match="holds no document"):
        library.record(name)
    assert library.record(other).name == other and library.record(other).twins == ()
    assert library.search("funicular", k=1)[0].document == other
    assert library.remove(other) == 1 and len(library) == 2


def test_a_twin_whose_content_changes_becomes_a_document_of_its_own(library, folder: Path) -> None:
    (folder / "north" / "timetable.txt").write_text("The funicular is closed.")
    report = library.add(folder)
    assert report.replaced == ["north/timetable.txt"]
    assert library.record("south/timetable.txt").name == "south/timetable.txt"
    assert "ten minutes" in library.document("south/timetable.txt").passages[0].text
    assert "closed" in library.document("north/timetable.txt").passages[0].text


def test_a_renamed_twin_is_moved_and_the_other_stays(library, folder: Path) -> None:
    (folder / "south" / "timetable.txt").rename(folder / "south" / "times.txt")
    assert library.add(folder).moved == {"south/times.txt": "south/timetable.txt"}
    assert [place.name for place in library.record("south/times.txt").places] == [
        "north/timetable.txt",
        "south/times.txt",
    ]


def test_what_is_said_of_a_document_keeps_its_twins(library) -> None:
    library.set_metadata("south/timetable.txt", {"owner": "harbour"})
    assert library.record("south/timetable.txt").metadata["owner"] == "harbour"
    assert library.record("south/timetable.txt").name == "north/timetable.txt"


def test_files_that_are_gone_are_named_and_removed_only_when_asked(library, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept.txt").write_text("Another folder altogether.")
    library.add(tmp_path / "other")
    (tmp_path / "other" / "kept.txt").unlink()
    for name in ("north/timetable.txt", "south/south.txt"):
        (folder / name).unlink()
    assert library.add(folder).gone == ["north/timetable.txt", "south/south.txt"]
    assert len(library) == 4
    pruned = library.add(folder, prune=True)
    assert pruned.pruned == ["north/timetable.txt", "south/south.txt"]
    assert [record.name for record in library.documents()] == ["kept.txt", "north/north.txt", "south/timetable.txt"]
    assert library.add(folder).gone == []


def test_a_glob_prunes_nothing_that_it_does_not_match(library, folder: Path) -> None:
    (folder / "north" / "timetable.txt").unlink()
    (folder / "south" / "south.txt").unlink()
    assert library.add(str(folder / "north" / "*.txt"), prune=True).pruned == ["north/timetable.txt"]
    assert library.record("south/south.txt")


def test_an_empty_folder_prunes_nothing(library, folder: Path) -> None:
    for file in list(folder.rglob("*.txt")):
        file.unlink()
    with pytest.raises(mmrank.InputError, match="holds no documents"):
        library.add(folder, prune=True)
    assert len(library) == 3


def test_the_command_says_what_is_gone_passed_over_and_the_same(command_line, folder: Path, tmp_path: Path) -> None:
    (folder / "film.mp4").write_bytes(b"x")
    said = command_line("index", "docs", "-c", "c2").stdout
    assert "south/timetable.txt is the same as north/timetable.txt" in said and "1 .mp4" in said
    (folder / "north" / "north.txt").unlink()
    assert "gone: north/north.txt" in command_line("index", "docs", "-c", "c2").stdout
    assert json.loads(command_line("index", "docs", "-c", "c2", "--prune", "--json").stdout)["pruned"]
    assert "south/timetable.txt" in command_line("show", "-c", "c2").stdout
