"""An archive from a stranger is refused by name, or is what an export holds; nothing is written outside."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from pathlib import Path

import pytest

from mmrank.errors import MmrankError
from mmrank.index import Store, import_archive, verify


def contents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as held:
        return {member.name: held.extractfile(member).read() for member in held.getmembers()}  # type: ignore[union-attr]


def write(archive: Path, files: dict[str, bytes], *more: tarfile.TarInfo, manifest: object = None) -> None:
    """An archive of these files with a manifest that fits them, and more members."""
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    with tarfile.open(archive, "w") as held:
        for name, data in [
            *files.items(),
            ("manifest.json", json.dumps(sums if manifest is None else manifest).encode()),
        ]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            held.addfile(entry, io.BytesIO(data))
        for entry in more:
            held.addfile(entry, io.BytesIO(bytes(entry.size)) if entry.isreg() else None)


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def files_of(archive: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(archive).items() if name != "manifest.json"}


@pytest.mark.parametrize(
    "member",
    [
        entry("../letter.txt", size=4),
        entry("/tmp/letter.txt", size=4),
        entry("segments/../../letter.txt", size=4),
        entry("segments/00000001-words-00000000.safetensors", tarfile.SYMTYPE, "/etc/passwd"),
        entry("segments/00000001-words-00000000.safetensors", tarfile.LNKTYPE, "catalog.sqlite3"),
        entry("catalog.sqlite3-journal", size=4),
        entry("catalog.sqlite3-wal", size=4),
        entry("segments/fifo", tarfile.FIFOTYPE),
        entry("segments/00000001-words-00000000.safetensors", tarfile.CHRTYPE),
        entry("segments", tarfile.DIRTYPE),
        entry("cache/00000001-passage-00000000.faiss", size=4),
        entry("catalog.sqlite3", size=4),
        entry("segments/00000099-words-00000000.safetensors", size=4),
        entry("files/../letter.txt", size=4),
        entry("files/letter.txt", tarfile.SYMTYPE, "/etc/passwd"),
        entry("files", tarfile.DIRTYPE),
    ],
    ids=lambda member: f"{member.name}-{member.type!r}",
)
def test_a_member_that_no_export_holds_is_refused_and_nothing_is_left(archive, tmp_path, victim, tree, member):
    write(archive, files_of(archive), member)
    before = tree(tmp_path)
    with pytest.raises(MmrankError) as said:
        import_archive(archive, tmp_path / "copy")
    assert str(archive) in str(said.value) and "\n" not in str(said.value)
    assert tree(tmp_path) == before


def test_a_file_that_no_document_was_read_from_is_refused_and_nothing_is_left(archive, tmp_path, tree):
    write(archive, files_of(archive) | {"files/letter.txt": b"read me"})
    before = tree(tmp_path)
    with pytest.raises(MmrankError, match=r"'letter\.txt', which none of its documents was read from"):
        import_archive(archive, tmp_path / "copy")
    assert tree(tmp_path) == before


def test_a_catalog_that_names_a_segment_elsewhere_is_refused_at_import(archive, collection, tmp_path, victim, change):
    change(collection, ("UPDATE segments SET file = ? WHERE number = 1", ("../../victim/letter.txt",)))
    files = files_of(archive) | {"catalog.sqlite3": (collection / "catalog.sqlite3").read_bytes()}
    write(archive, files)
    with pytest.raises(MmrankError, match="no plain name of a segment"):
        import_archive(archive, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_segment_that_no_version_refers_to_is_refused(archive, tmp_path):
    write(archive, {**files_of(archive), "segments/00000099-words-00000000.safetensors": b"x" * 100})
    with pytest.raises(MmrankError, match="its catalog does not name it"):
        import_archive(archive, tmp_path / "copy")


def test_what_is_claimed_is_compared_with_the_archive_and_the_free_space_first(archive, tmp_path):
    name = "segments/00000099-words-00000000.safetensors"
    with tarfile.open(archive, "a") as held:
        claimed = tarfile.TarInfo(name)
        claimed.size = 1 << 40
        held.fileobj.seek(held.offset)  # type: ignore[union-attr]
        held.fileobj.write(claimed.tobuf(tarfile.PAX_FORMAT))  # type: ignore[union-attr]
    with pytest.raises(MmrankError, match=r"claims 1,099,511,627,776 bytes|cut off|damaged"):
        import_archive(archive, tmp_path / "copy")
    with archive.open("r+b") as file:  # a sparse file, so that the claim is true
        file.truncate(1 << 41)
    with pytest.raises(MmrankError, match=r"free on the disk|damaged|missing"):
        import_archive(archive, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.GNUTYPE_SPARSE])
def test_a_header_that_claims_gigabytes_is_not_read(tmp_path, kind):
    archive = tmp_path / "library.tar"
    header = entry("x", kind, size=8 << 30)
    archive.write_bytes(header.tobuf(tarfile.GNU_FORMAT))
    with archive.open("r+b") as file:
        file.truncate(9 << 30)
    with pytest.raises(MmrankError, match=r"library\.tar"):
        import_archive(archive, tmp_path / "copy")


@pytest.mark.parametrize(
    "manifest", [[], 1, {"catalog.sqlite3": 1}, {"catalog.sqlite3": None}, {"../x": "0"}, {"segments/": "0"}]
)
def test_a_manifest_that_is_none_is_refused(archive, tmp_path, manifest):
    write(archive, files_of(archive), manifest=manifest)
    with pytest.raises(MmrankError, match=r"library\.tar"):
        import_archive(archive, tmp_path / "copy")


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 50_000, b"\xff", b"", b" " * (5 << 20)])
def test_a_manifest_that_is_deep_long_or_no_text_is_refused(archive, tmp_path, text):
    files = files_of(archive)
    with tarfile.open(archive, "w") as held:
        for name, data in [*files.items(), ("manifest.json", text)]:
            made = tarfile.TarInfo(name)
            made.size = len(data)
            held.addfile(made, io.BytesIO(data))
    with pytest.raises(MmrankError, match=r"library\.tar"):
        import_archive(archive, tmp_path / "copy")


def test_an_archive_cut_or_changed_anywhere_is_named_or_whole(archive, tmp_path):
    data = archive.read_bytes()
    chance = random.Random(3)
    for turn in range(60):
        changed = bytearray(data)
        if turn % 2:
            del changed[chance.randrange(len(data)) :]
        else:
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        archive.write_bytes(changed)
        path = tmp_path / f"copy-{turn}"
        try:
            import_archive(archive, path).close()
        except MmrankError as error:
            assert "\n" not in str(error)
            assert not path.exists()
        else:
            assert verify(path) == []
            assert Store.open(path).snapshot().count() == 2
    assert not list(tmp_path.glob(".*"))
