"""Nothing that a collection names, and no link in it, leads outside."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

NAMES = [
    "../../victim/other.mmrank/catalog.sqlite3",
    "../catalog.sqlite3",
    "../HEAD",
    "..",
    ".",
    "",
    "/etc/passwd",
    "sub/00000001-passage-00000000.safetensors",
    "00000001-passage-00000000.safetensors\0",
    "00000001-passage-00000000.safetensors\n",
    "00000001-PASSAGE-00000000.safetensors",
    "00000001-passage-00000000.SAFETENSORS",
    "\\\\server\\share\\00000001-passage-00000000.safetensors",
    "C:00000001-passage-00000000.safetensors",
    "٠٠٠٠٠٠٠١-passage-00000000.safetensors",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_segment_that_is_named_elsewhere_is_refused_by_name_and_nothing_is_touched(
    collection, victim, change, refused, tree, name
):
    change(collection, ("UPDATE segments SET file = ? WHERE number = (SELECT min(number) FROM segments)", (name,)))
    before = tree(collection)
    said = refused(collection)
    for use, text in said.items():
        assert "which is no plain name" in text, use
        assert repr(name)[1:40] in text or name == "", use
    assert tree(collection) == before


def test_an_absolute_name_of_another_collections_segment_is_refused(collection, victim, change, refused):
    place = next((victim / "other.mmrank" / "segments").iterdir())
    change(collection, ("UPDATE segments SET file = ? WHERE kind = 'words' AND number > 3", (str(place),)))
    assert all("no plain name" in text for text in refused(collection).values())


@pytest.mark.parametrize("folder", ["segments", "cache"])
@pytest.mark.parametrize("relative", [True, False])
def test_a_folder_that_is_a_link_is_refused_by_name(collection, victim, refused, tree, folder, relative):
    place = collection / folder
    shutil.rmtree(place)
    place.symlink_to(Path("..", "victim", "other.mmrank", folder) if relative else victim / "other.mmrank" / folder)
    before = tree(collection)
    for use, text in refused(collection).items():
        assert f"{place} is a link" in text, use
    assert tree(collection) == before


@pytest.mark.parametrize("name", ["catalog.sqlite3", "catalog.sqlite3-wal", "catalog.sqlite3-shm", "HEAD"])
def test_a_file_that_is_a_link_is_refused_by_name(collection, victim, refused, name):
    (collection / name).unlink(missing_ok=True)
    (collection / name).symlink_to(victim / "other.mmrank" / name)
    for use, text in refused(collection).items():
        assert f"{collection / name} is a link" in text, use


@pytest.mark.parametrize("name", ["catalog.sqlite3-wal", "HEAD"])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_nobody_waits_for_it(collection, refused, name):
    (collection / name).unlink(missing_ok=True)
    os.mkfifo(collection / name)
    assert all("is a pipe" in text for text in refused(collection).values())


def test_segments_and_indexes_that_are_links_are_never_followed(collection, victim, refused, tmp_path):
    for at, place in enumerate(sorted((collection / "segments").iterdir())):
        place.unlink()
        place.symlink_to(victim / "letter.txt" if at % 2 else victim / "other.mmrank" / "catalog.sqlite3")
        for kind in ("faiss", "json"):
            (collection / "cache" / place.with_suffix(f".{kind}").name).symlink_to(victim / "letter.txt")
    said = refused(collection, "read", "verify", "export")
    assert "it is a link" in said["read"]
    assert not (tmp_path / "out.tar").exists()
    refused(collection)  # repair and compaction delete the links; `victim` says that nothing else is gone


def test_a_rollback_journal_beside_the_catalog_is_refused(collection, victim, refused):
    """SQLite would play it back, and delete the file that it names as its parent."""
    (collection / "catalog.sqlite3-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(512))
    for use, text in refused(collection).items():
        assert "catalog.sqlite3-journal was not made by mmrank" in text, use
    assert (collection / "catalog.sqlite3-journal").exists()


def test_a_catalog_with_a_second_name_is_read_but_not_written(collection, victim, refused, tree):
    other = victim / "other.mmrank"
    (collection / "catalog.sqlite3").unlink()
    shutil.rmtree(collection / "segments")
    shutil.copytree(other / "segments", collection / "segments")
    (collection / "catalog.sqlite3").hardlink_to(other / "catalog.sqlite3")
    said = refused(collection, "add", "repair", "compact")
    assert all("a hard link" in text for text in said.values())


def test_what_others_put_among_the_segments_is_left_alone_by_writing(collection, refused, add):
    (collection / "segments" / "mine").mkdir()
    (collection / "segments" / "mine" / "letter.txt").write_text("dear")
    (collection / "segments" / "notes.txt").write_text("dear")
    add(collection, "more")
    assert (collection / "segments" / "notes.txt").exists()
    assert "segments/mine: a folder that mmrank did not make" in refused(collection, "verify")["verify"]
    refused(collection, "repair")
    assert (collection / "segments" / "mine" / "letter.txt").read_text() == "dear"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_another_user_reads_a_collection_that_anyone_may_write_and_changes_nothing(collection, read, tmp_path_for_all):
    """Not even SQLite's own files are made in it."""
    for place in (collection, *collection.rglob("*")):
        place.chmod(0o777)

    def listing() -> list[tuple[str, int, int]]:
        places = [collection, *collection.rglob("*")]
        return sorted((str(at), at.lstat().st_size, at.lstat().st_mtime_ns) for at in places)

    before = listing()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            read(collection)
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert listing() == before
