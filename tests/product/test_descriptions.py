"""Metadata that people give: with the file, beside it, or later."""

from pathlib import Path

import pytest

import mmrank
from mmrank.adding.metadata import VERSION
from mmrank.index import Filter, verify

TEXT = (
    "Annual report for the fiscal year ended June 30, 2021. The ferries carried more passengers than the year before."
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "files" / "report.txt"
    file.parent.mkdir()
    file.write_text(TEXT)
    return file


@pytest.fixture
def library(tmp_path: Path) -> mmrank.Collection:
    return mmrank.Collection.create(tmp_path / "library.mmrank")


def test_what_is_given_wins_and_stays(library: mmrank.Collection, source: Path) -> None:
    library.add(source, metadata={"title": "Ferries", "organisations": ["Harbour Board", "Pilots"]})
    record = library.record("report.txt")
    assert (record.title, record.metadata["kind"]) == ("Ferries", "annual report")
    assert library.document("report.txt").title == "Ferries"
    for value in ("Harbour Board", "Pilots", "Harbour Board · Pilots"):
        assert library.documents(Filter(metadata={"organisations": value})) == [record]
    assert library.documents(Filter(metadata={"organisations": "Harbour"})) == []
    source.write_text(TEXT + " And fewer cars.")  # a new version, added without a word
    assert library.add(source).replaced == ["report.txt"]
    assert library.record("report.txt").title == "Ferries"
    moved = source.rename(source.with_name("moved.txt"))
    assert library.add(moved).moved == {"moved.txt": "report.txt"}
    assert library.record("moved.txt").title == "Ferries" and verify(library.path) == []


def test_metadata_are_changed_without_reading_the_file(library: mmrank.Collection, source: Path) -> None:
    library.add(source)
    found = library.record("report.txt").metadata
    before = library.search("passengers")[0].score
    source.unlink()
    record = library.set_metadata("report.txt", {"kind": "letter", "date": "2021-09", "owner": "harbour"})
    assert (record.metadata["kind"], record.date, record.metadata["owner"]) == ("letter", "2021-09", "harbour")
    assert [hit.document for hit in library.search("passengers", where=Filter(metadata={"kind": "letter"}))]
    assert library.documents(Filter(since="2021-10")) == [] and library.search("passengers")[0].score == before
    assert mmrank.Collection.repair(library.path).renewed == ()
    back = library.set_metadata("report.txt", dict.fromkeys(("kind", "date", "owner")))
    assert back.metadata == found and verify(library.path) == []


def test_a_sidecar_speaks_for_its_file(library: mmrank.Collection, source: Path) -> None:
    sidecar = Path(f"{source}.meta.yaml")
    sidecar.write_text("kind: letter\nyear: 2021\npeople: [Ada Ferryman, Kim Pilot]\n")
    (source.parent / "gone.pdf.meta.yaml").write_text("kind: letter\n")
    report = library.add(source.parent, metadata={"kind": "memo"})
    assert report.added == ["report.txt"] and len(report.notes) == 2
    assert "'letter' in its sidecar and 'memo' as given" in report.notes[0] and "gone.pdf.meta.yaml" in report.notes[1]
    metadata = library.record("report.txt").metadata
    assert (metadata["kind"], metadata["year"], metadata["people"]) == ("memo", "2021", "Ada Ferryman · Kim Pilot")
    assert library.set_metadata("report.txt", {"kind": None}).metadata["kind"] == "letter"
    sidecar.write_text("kind: invoice\n")
    report = library.add(source.parent)
    assert report.unchanged == report.described == ["report.txt"]
    metadata = library.record("report.txt").metadata
    assert metadata["kind"] == "invoice" and "year" not in metadata
    sidecar.write_text("- not a mapping\n")
    report = library.add(source)
    assert report.ok and "must hold lines of the form" in report.notes[0]
    assert library.add(source).described == []


def test_metadata_for_each_file(library: mmrank.Collection, source: Path) -> None:
    (source.parent / "other.txt").write_text("Ferries of the north. " * 5)
    library.add(source.parent, metadata={"owner": "harbour", "other.txt": {"owner": "pilots"}})
    assert [library.record(name).metadata["owner"] for name in ("report.txt", "other.txt")] == ["harbour", "pilots"]
    with pytest.raises(mmrank.InputError, match=r"absent\.txt"):
        library.add(source.parent, metadata={"absent.txt": {"owner": "pilots"}})


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"year": 2021}, "must be a text"),
        ({"title": "a" * 3000}, "3000 characters"),
        ({"title": " "}, "is empty"),
        ({"a=b": "c"}, "without ="),
        ({"mmrank:given": "c"}, "mmrank's own"),
        ({"date": "soon"}, "ISO date"),
        ({"period": "last year"}, "2023-Q2"),
    ],
)
def test_bad_metadata_are_refused(
    library: mmrank.Collection, source: Path, metadata: dict[str, object], said: str
) -> None:
    with pytest.raises(mmrank.InputError, match=said):
        library.add(source, metadata=metadata)
    assert len(library) == 0
    library.add(source)
    before = library.record("report.txt")
    with pytest.raises(mmrank.InputError, match=said):
        library.set_metadata("report.txt", metadata)
    with pytest.raises(mmrank.InputError, match="was not given"):
        library.set_metadata("report.txt", {"title": "Ferries", "owner": None})
    assert library.record("report.txt") == before


def test_an_unknown_key_in_a_filter_names_the_known_ones(library: mmrank.Collection, source: Path) -> None:
    assert library.documents(Filter(metadata={"knd": "letter"})) == []  # an empty collection has no keys
    library.add(source)
    with pytest.raises(mmrank.InputError, match=r"'knd', did you mean 'kind'.*period"):
        library.documents(Filter(metadata={"knd": "letter"}))
    with pytest.raises(mmrank.InputError, match="'knd'"):
        library.search("ferries", where=Filter(metadata={"knd": "letter"}))


def test_an_identity_of_an_earlier_version_is_renewed_without_the_file(
    library: mmrank.Collection, source: Path
) -> None:
    library.add(source, metadata={"title": "Ferries"})
    record = library.record("report.txt")
    source.unlink()
    with library.store.write() as writer:
        old = {key: value for key, value in record.metadata.items() if key != "kind"} | {VERSION: "1"}
        writer.describe(record.id, record.title, old)
    assert library.search("passengers")[0].document == "report.txt"
    assert mmrank.Collection.repair(library.path).renewed == ("report.txt",)
    assert library.record("report.txt") == record
    assert mmrank.Collection.repair(library.path).renewed == ()


def test_the_command_line_gives_and_corrects_metadata(command_line, source: Path) -> None:
    run = command_line("index", source, "--meta", "owner=harbour", "--meta", "owner=pilots")
    assert run.returncode == 0, run.stderr
    run = command_line("meta", "report.txt", "title=Ferries of 2021", "--forget", "owner")
    assert run.returncode == 0 and "Ferries of 2021" in run.stdout and "harbour" not in run.stdout
    assert "Ferries of 2021" in command_line("show", "report.txt").stdout
    for arguments in (["meta", "report.txt"], ["meta", "report.txt", "title"], ["index", source, "--meta", "=x"]):
        run = command_line(*arguments)
        assert run.returncode == 2 and "Error" in run.stderr and "Traceback" not in run.stderr
