"""A collection is made whole or not at all, and is itself for as long as it is open."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmrank.errors import InputError, MmrankError
from mmrank.index import EncoderIdentity, Store, check_there, import_archive, is_vacant, verify

ENCODER = EncoderIdentity("tiny", "0123456789abcdef", 16)

KILLED = """
import os, signal, sys
from mmrank.index import EncoderIdentity, Store, import_archive

# One process per creation, killed at the n-th call of the system that changes the folder.
def perform(path, source, left):
    def trace(event, arguments):
        nonlocal left
        if event in ("os.mkdir", "os.rename", "sqlite3.connect", "sqlite3.connect/handle", "os.rmdir", "os.remove") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        ):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(trace)
    if source == "create":
        Store.create(path, encoder=EncoderIdentity("tiny", "0123456789abcdef", 16))
    else:
        import_archive(source, path)

for line in sys.stdin:
    path, source, step = line.rstrip().split("\\t")
    child = os.fork()
    if child == 0:
        perform(path, source, int(step))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def create_or_die() -> Iterator[Callable[[Path, str, int], int]]:
    """Makes or imports a collection in a process that is killed at a step; returns its exit code."""
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdin is not None and driver.stdout is not None

        def run(path: Path, source: str, step: int) -> int:
            print(path, source, step, sep="\t", file=driver.stdin, flush=True)
            return int(driver.stdout.readline())

        yield run
        driver.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["create", "import"])
@pytest.mark.parametrize("empty_folder", [False, True])
def test_a_creation_killed_at_any_step_leaves_nothing_or_a_collection_and_is_taken_over(
    tmp_path, archive, create_or_die, what, empty_folder
):
    source = "create" if what == "create" else str(archive)
    for step in range(100):
        path = tmp_path / f"made-{step}"
        if empty_folder:
            path.mkdir()
        code = create_or_die(path, source, step)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        if is_vacant(path):
            with pytest.raises(InputError, match="there is no collection"):
                check_there(path)
            if step % 2:
                Store.create(path, encoder=ENCODER).close()
            else:
                import_archive(archive, path).close()
        assert {problem.kind for problem in verify(path)} <= {"head"}, step
        assert not list(path.glob(".*.creating/*")), step
    else:
        pytest.fail("it never ended")
    assert step > 5
    assert len(Store.open(path).snapshot().documents()) == (0 if what == "create" else 2)


@pytest.mark.parametrize(
    "left", [[], ["segments"], ["segments", "cache"], ["segments", "cache", "catalog.sqlite3.new"]]
)
def test_what_earlier_versions_left_behind_is_taken_over(tmp_path, left):
    path = tmp_path / "library.mmrank"
    path.mkdir()
    for name in left:
        (path / name).write_bytes(b"x" * 100) if name.endswith("new") else (path / name).mkdir()
    with pytest.raises(InputError, match="make one with"):
        check_there(path)
    Store.create(path, encoder=ENCODER).close()
    assert verify(path) == []
    assert sorted(place.name for place in path.iterdir() if "-" not in place.name) == [
        "HEAD",
        "cache",
        "catalog.sqlite3",
        "segments",
    ]


@pytest.mark.parametrize("name", ["letter.txt", "HEAD", "segments/00000001-words-00000000.safetensors", ".git/config"])
def test_a_folder_with_anything_of_the_users_is_not_taken(tmp_path, archive, tree, name):
    path = tmp_path / "mine"
    (path / name).parent.mkdir(parents=True)
    (path / name).write_text("dear")
    before = tree(path)
    with pytest.raises(InputError, match="is not empty"):
        Store.create(path, encoder=ENCODER)
    with pytest.raises(InputError, match="is not empty"):
        import_archive(archive, path)
    assert tree(path) == before


def test_folders_beside_that_are_named_like_drafts_are_left_alone(tmp_path, archive, tree):
    path = tmp_path / "copy"
    for name in ("copy.importing", ".copy.0123456789abcdef.creating", "library.tar.part", "library.tar.catalog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "letter.txt").write_text("dear")
        os.utime(tmp_path / name, (1, 1))
        os.utime(tmp_path / name / "letter.txt", (1, 1))
    import_archive(archive, path).close()
    Store.create(tmp_path / "other", encoder=ENCODER).close()
    assert sum(1 for _ in tmp_path.rglob("letter.txt")) == 4


def test_files_named_like_drafts_of_an_export_are_left_alone(collection, tmp_path):
    from mmrank.index import export_archive

    for name in ("out.tar.part", "out.tar.catalog"):
        (tmp_path / name).write_text("dear")
    export_archive(Store.open(collection), tmp_path / "out.tar")
    assert [(tmp_path / name).read_text() for name in ("out.tar.part", "out.tar.catalog")] == ["dear", "dear"]


def test_a_reader_notices_that_another_collection_has_taken_the_place(tmp_path, make, add):
    first, second = make(tmp_path / "first"), make(tmp_path / "second", 5)
    with Store.open(first, read_only=True) as store:
        assert store.snapshot().count() == 2
        first.rename(tmp_path / "away")
        second.rename(first)
        with pytest.raises(MmrankError, match=r"another collection has taken the place.*open it again"):
            store.snapshot()
        with Store.open(tmp_path / "away") as writer:
            writer.path = first
            with pytest.raises(MmrankError, match="another collection has taken the place"), writer.write():
                pass
    shutil.rmtree(first)
    with pytest.raises(MmrankError, match="not a collection any more"):
        store.snapshot()


def test_a_copy_that_went_another_way_is_not_mixed_with_what_was_read(tmp_path, make, add):
    path = make(tmp_path / "library")
    copy = Path(shutil.copytree(path, tmp_path / "copy"))
    with Store.open(path, read_only=True) as store:
        add(path, "mine", 3)
        add(copy, "theirs", 4)
        assert "mine.pdf" in {record.name for record in store.snapshot().documents()}
        path.rename(tmp_path / "away")
        copy.rename(path)
        with store.snapshot() as snapshot:
            records = {record.name: record for record in snapshot.documents()}
            assert "mine.pdf" not in records
            assert len(snapshot.passage_vectors(records["theirs.pdf"].id)) == 4
            assert [match.document_id for match in snapshot.search_lexical("theirs", 1)] == [records["theirs.pdf"].id]
            assert snapshot.search_lexical("mine", 5) == []


def test_collections_without_an_identity_are_read_and_get_one(collection, change, add):
    change(collection, "DELETE FROM properties WHERE key = 'identity'")
    with Store.open(collection, read_only=True) as store:
        assert store.snapshot().count() == 2
        add(collection, "more")
        assert store.snapshot().count() == 3
    other = [Store.open(collection)._identity for _ in range(2)]
    assert other[0] is not None and other[0] == other[1]


def test_an_import_is_another_collection(archive, collection, tmp_path):
    identities = {import_archive(archive, tmp_path / name)._identity for name in "ab"}
    assert len(identities | {Store.open(collection)._identity}) == 3


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs to mount a tmpfs")
@pytest.mark.parametrize("size", ["40k", "120k", "200k"])
def test_a_full_disk_leaves_nothing_of_a_collection_or_an_export(tmp_path, collection, archive, size):
    from mmrank.index import export_archive

    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        for make in (
            lambda: Store.create(disk / "library", encoder=ENCODER),
            lambda: import_archive(archive, disk / "copy"),
            lambda: export_archive(Store.open(collection), disk / "out.tar"),
        ):
            if size == "200k" and make.__code__.co_names[0] == "Store":
                continue
            with pytest.raises(MmrankError, match=r"(?i)space|free on the disk|cannot"):
                make()
            assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_collection_below_a_file_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(MmrankError):
            Store.create(path, encoder=ENCODER)
        with pytest.raises(MmrankError):
            Store.open(path)


@pytest.mark.parametrize("name", ["long" * 100, "nul\0byte"])
def test_a_name_that_no_folder_can_have_is_a_sentence(tmp_path, archive, name):
    for use in (
        lambda: Store.create(tmp_path / name, encoder=ENCODER),
        lambda: import_archive(archive, tmp_path / name),
        lambda: check_there(tmp_path / name),
    ):
        with pytest.raises(MmrankError, match="cannot be read"):
            use()


def test_a_signal_ends_a_creation_without_leaving_anything(tmp_path):
    code = (
        "import os, signal, sys\nimport mmrank.index.creation as creation\nfrom mmrank.index import *\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "creation.write_head = stop\n"
        "Store.create(sys.argv[1], encoder=EncoderIdentity('tiny', '0', 16))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "made")], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGINT or b"KeyboardInterrupt" in ended.stderr
    assert list(tmp_path.iterdir()) == []
