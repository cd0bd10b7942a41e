"""What happens when the writer is killed, the disk is full, or the files are damaged: in real processes."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mmrank.errors import MmrankError
from mmrank.index import Store, repair, verify
from mmrank.index.catalog import read_head, write_head

WRITER = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from conftest import make_document, vectors_of
from mmrank.index import Store
from mmrank.index import vector_index

path, action = sys.argv[2], sys.argv[3]
vector_index.SCANNED = vector_index.HALVED = 8  # so that small segments get an index too
import mmrank.index.writer as writing
writing.SCANNED = 8
writing.default_factory = lambda rows, dimension: "HNSW8"
store = Store.open(path)

def put(writer, key, count, name=None):
    found = vectors_of(key, count)
    writer.put(make_document(key, [f"{key} word{at}" for at in range(count)], name), found, found[:1])

def perform(on_step):
    if action == "compact":
        store.compact(on_step=on_step)
        return
    with store.write(on_step=on_step) as writer:
        if action == "add":
            put(writer, "added", 12)
        elif action == "replace":
            put(writer, "replaced", 9, "k3.pdf")
        elif action == "remove":
            writer.remove(make_document("k5", []).id)

# One process a step: each child is killed as it reaches its own step, on its own copy of the collection.
steps = []
if sys.argv[4] == "count":
    perform(steps.append)
    print(len(steps), *steps)
else:
    import shutil
    for at in range(int(sys.argv[4])):
        child = os.fork()
        if child == 0:
            store = Store.open(f"{path}.{at}")
            def kill(step, seen=[0]):
                seen[0] += 1
                if seen[0] == at + 1:
                    os.kill(os.getpid(), signal.SIGKILL)
            perform(kill)
            os._exit(3)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status))
"""

EXPECTED = {
    "add": lambda names: names | {"added.pdf"},
    "replace": lambda names: names,
    "remove": lambda names: names - {"k5.pdf"},
    "compact": lambda names: names,
}


def run_writer(path: Path, action: str, mode: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WRITER, str(Path(__file__).parent), str(path), action, mode]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture
def filled(store, make_document, vectors_of):
    """Twelve documents of three passages, in five changes."""
    for begin in range(0, 12, 3):
        with store.write() as writer:
            for at in range(begin, begin + 3):
                vectors = vectors_of(f"k{at}", 3)
                document = make_document(f"k{at}", [f"k{at} word{i}" for i in range(3)])
                writer.put(document, vectors, vectors[:1])
    with store.write() as writer:
        writer.remove(make_document("k0", []).id)
    store.close()
    return store


def check_answers(path: Path, make_document, vectors_of) -> set[str]:
    """Every document that is listed is found by its vectors and its words, and nothing else is. Returns the names."""
    with Store.open(path).snapshot() as snapshot:
        records = snapshot.documents()
        for record in records:
            key = {"k3.pdf": None}.get(record.name, record.name.removesuffix(".pdf"))
            if key is None:
                key = "k3" if record.id == make_document("k3", []).id else "replaced"
            vectors = vectors_of(key, record.passages)
            np.testing.assert_array_equal(snapshot.passage_vectors(record.id), vectors)
            best = snapshot.search_dense(vectors[1], 1)[0]
            assert (best.document_id, best.position) == (record.id, 1)
            assert snapshot.search_dense(vectors[0], 1, "document")[0].document_id == record.id
            assert {match.document_id for match in snapshot.search_lexical(key, 50)} == {record.id}
        listed = {record.id for record in records}
        every = snapshot.search_dense(np.ones(16, np.float32), 1000)
        assert {match.document_id for match in every} == listed
        assert len(every) == snapshot.count("passage")
        return {record.name for record in records}


@pytest.mark.slow
@pytest.mark.parametrize("action", list(EXPECTED))
def test_a_writer_killed_at_any_step_loses_nothing_and_shows_no_half(
    filled, tmp_path, make_document, vectors_of, action
):
    before = check_answers(filled.path, make_document, vectors_of)
    trial = Path(shutil.copytree(filled.path, tmp_path / "trial"))
    counted = run_writer(trial, action, "count")
    assert counted.returncode == 0, counted.stderr
    count, *steps = counted.stdout.split()
    after = check_answers(trial, make_document, vectors_of)
    assert after == EXPECTED[action](before)
    for at in range(int(count)):
        shutil.copytree(filled.path, f"{filled.path}.{at}")
    killed = run_writer(filled.path, action, count)
    assert killed.stdout.split() == [str(int(signal.SIGKILL))] * int(count), killed.stderr
    committed = steps.index("committed")
    for at, step in enumerate(steps):
        path = Path(f"{filled.path}.{at}")
        names = check_answers(path, make_document, vectors_of)
        assert names == (after if at >= committed else before), step
        if action == "replace":
            ids = {record.name: record.id for record in Store.open(path).snapshot().documents()}
            key = "replaced" if at >= committed else "k3"
            assert ids["k3.pdf"] == make_document(key, []).id
        assert {problem.kind for problem in verify(path)} <= {"leftover"}, step
        with Store.open(path).write() as writer:
            vectors = vectors_of("next", 2)
            writer.put(make_document("next", ["next one", "next two"]), vectors, vectors[:1])
        assert check_answers(path, make_document, vectors_of) == names | {"next.pdf"}
        assert verify(path) == [], step


def test_a_file_size_limit_in_the_middle_of_a_write_changes_nothing(filled, make_document, vectors_of):
    before = check_answers(filled.path, make_document, vectors_of)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    failed = run_writer(filled.path, "add", "count", preexec_fn=limit)
    assert failed.returncode == 1
    assert "MmrankError" in failed.stderr.splitlines()[-1], failed.stderr
    assert check_answers(filled.path, make_document, vectors_of) == before
    assert {problem.kind for problem in verify(filled.path)} <= {"leftover"}
    assert run_writer(filled.path, "add", "count").returncode == 0
    assert verify(filled.path) == []


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs to mount a tmpfs")
def test_a_full_disk_says_so_and_changes_nothing(tmp_path, encoder, make_document, unit_vectors):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        store = Store.create(disk / "library", encoder=encoder)
        added = []
        with pytest.raises(MmrankError, match=r"(?i)space"):
            for at in range(200):
                with store.write() as writer:
                    writer.put(make_document(f"k{at}", ["word"] * 200), unit_vectors(200), unit_vectors(1))
                added.append(f"k{at}.pdf")
        assert added
        with store.snapshot() as snapshot:
            assert sorted(record.name for record in snapshot.documents()) == sorted(added)
            assert len(snapshot.search_dense(unit_vectors(1)[0], 5)) == 5
        assert {problem.kind for problem in verify(store.path)} <= {"leftover"}
        store.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def files_of(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.endswith("-shm"))


@pytest.mark.parametrize("harm", ["truncated", "flipped", "missing"])
def test_each_damaged_file_is_named_or_rebuilt(filled, tmp_path, make_document, vectors_of, harm):
    """Each file of a collection in turn."""
    names = [file.relative_to(filled.path) for file in files_of(filled.path)]
    assert len(names) > 10
    if harm == "flipped":
        names.remove(Path("catalog.sqlite3"))  # see the next test
    for name in names:
        path = Path(shutil.copytree(filled.path, tmp_path / "trial"))
        file = path / name
        data = bytearray(file.read_bytes())
        if harm == "missing":
            file.unlink()
        elif harm == "truncated":
            file.write_bytes(data[: len(data) // 2])
        else:
            data[len(data) // 2] ^= 0x10
            file.write_bytes(data)
        if name.name == "catalog.sqlite3" and harm == "missing":
            with pytest.raises(MmrankError, match="not a collection"):
                Store.open(path)
        else:
            problems = verify(path)
            assert any(problem.file == str(name) for problem in problems), (name, problems)
            if all(problem.kind != "catalog" for problem in problems):
                report = repair(path, encode=lambda document: encode(document, vectors_of))
                assert report.lost == ()
                assert verify(path) == []
                check_answers(path, make_document, vectors_of)
        shutil.rmtree(path)


def contents(path: Path) -> list[list[object]]:
    """Everything the catalog says."""
    connection = sqlite3.connect(f"file:{path}/catalog.sqlite3?mode=ro", uri=True)
    try:
        tables = [
            row[0]
            for row in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            )
        ]
        return [sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables]
    finally:
        connection.close()


def test_a_bit_flipped_anywhere_in_the_catalog_is_named_or_changes_nothing_that_is_said(filled, tmp_path):
    """Much of an SQLite page is unused: there a flip is harmless. Wherever it changes a value, it is found."""
    data = (filled.path / "catalog.sqlite3").read_bytes()
    expected = contents(filled.path)
    trial = Path(shutil.copytree(filled.path, tmp_path / "trial"))
    named = 0
    for at in np.random.default_rng(0).choice(len(data), 300, replace=False).tolist():
        changed = bytearray(data)
        changed[at] ^= 0x04
        (trial / "catalog.sqlite3").write_bytes(changed)
        try:
            problems = verify(trial)
        except MmrankError as error:
            assert str(trial) in str(error)
            continue
        if problems:
            named += 1
        else:
            assert contents(trial) == expected, at
    assert named > 10


def encode(document, vectors_of):
    vectors = vectors_of(document.name.removesuffix(".pdf"), len(document.passages))
    return vectors, vectors[:1], None


def test_without_an_encoder_documents_with_damaged_vectors_are_taken_out_and_named(filled):
    victim = next((filled.path / "segments").glob("*passage*"))
    victim.write_bytes(victim.read_bytes()[:-1])
    problem = next(problem for problem in verify(filled.path) if problem.kind == "vectors")
    report = repair(filled.path)
    assert report.lost == problem.documents
    assert report.lost
    assert verify(filled.path) == []


def test_a_lost_log_is_noticed(filled, put):
    """A catalog copied without its log, or with a damaged one, must not pass for an older version."""
    reader = Store.open(filled.path)
    holding = reader.snapshot()  # keeps SQLite from folding the log into the catalog
    put(filled, "late", ["late"])
    log = filled.path / "catalog.sqlite3-wal"
    assert log.stat().st_size
    copy = shutil.copytree(filled.path, filled.path.with_name("copy"), ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    holding.close()
    with pytest.raises(MmrankError, match=r"version 6 was committed"):
        Store.open(copy)
    assert any(problem.kind == "head" for problem in verify(copy))


def test_a_reader_goes_on_during_compaction(filled, vectors_of):
    """A second process compacts and adds while this one searches; every answer is whole."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from conftest import make_document, vectors_of\nfrom mmrank.index import Store\n"
        "store = Store.open(sys.argv[2])\n"
        "for at in range(8):\n"
        "    found = vectors_of(f'n{at}', 4)\n"
        "    with store.write() as writer:\n"
        "        writer.put(make_document(f'n{at}', ['w'] * 4), found, found[:1])\n"
        "    store.compact()\n"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(filled.path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    reader = Store.open(filled.path, read_only=True)
    seen = set()
    while process.poll() is None or len(seen) < 2:
        with reader.snapshot() as snapshot:
            seen.add(snapshot.version)
            found = snapshot.search_dense(np.ones(16, np.float32), 1000)
            assert len(found) == snapshot.count("passage")
            assert snapshot.search_dense(vectors_of("k5", 3)[2], 1)[0].score > 0.999
    assert process.returncode == 0, process.communicate()[1]
    assert reader.snapshot().count("passage") == 33 + 32


def test_racing_writers_in_several_processes_lose_nothing(store):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from conftest import make_document, vectors_of\nfrom mmrank.index import Store\n"
        "for at in range(10):\n"
        "    key = f'{sys.argv[3]}-{at}'\n"
        "    found = vectors_of(key, 2)\n"
        "    with Store.open(sys.argv[2]).write(wait=60) as writer:\n"
        "        writer.put(make_document(key, ['w', 'v']), found, found[:1])\n"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(store.path)]
    writers = [subprocess.Popen([*command, str(at)], stderr=subprocess.PIPE, text=True) for at in range(3)]
    assert [process.communicate()[1] for process in writers] == ["", "", ""]
    assert store.snapshot().count("passage") == 60
    assert store.snapshot().version == 30
    assert verify(store.path) == []


def test_writers_may_note_their_versions_at_the_same_time(store):
    """The lock ends with the commit, and the note is made after it."""
    barrier = threading.Barrier(8)

    def note(first: int) -> None:
        barrier.wait()
        for version in range(first, 400, 8):
            write_head(store.path, version)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(8)))
    assert isinstance(read_head(store.path), int)
    assert not list(store.path.glob("*.new"))


def test_repair_accepts_a_lost_version_and_clears_a_note_that_was_cut_off(filled):
    version = filled.snapshot().version
    filled.close()
    write_head(filled.path, version + 7)
    (filled.path / "HEAD.12345678.new").write_text("9")
    with pytest.raises(MmrankError, match="was committed"):
        Store.open(filled.path)
    assert {problem.kind for problem in verify(filled.path)} == {"head", "leftover"}
    repair(filled.path)
    assert verify(filled.path) == []
    assert read_head(filled.path) == Store.open(filled.path).snapshot().version == version + 1


def test_a_repair_that_fails_keeps_the_note_of_the_lost_version(filled, monkeypatch):
    version = filled.snapshot().version
    filled.close()
    write_head(filled.path, version + 7)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmrank.index.writer.Writer.commit", full)
    with pytest.raises(MmrankError, match="cannot be repaired"):
        repair(filled.path)
    assert read_head(filled.path) == version + 7


def test_a_change_that_was_committed_is_not_called_undone(store, put, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmrank.index.catalog.write_head", full)
    put(store, "k", ["w"])
    assert store.snapshot().count("passage") == 1
    assert "committed" in caplog.text


@pytest.mark.slow
def test_many_tiny_documents_stay_quick_to_list_filter_and_search(store, make_document, unit_vectors):
    """Sized to the time a test may take; the code has no step whose cost grows faster than the collection."""
    from mmrank.index import Filter

    vectors = unit_vectors(20_000)
    with store.write() as writer:
        for at in range(20_000):
            document = make_document(f"k{at}", [f"word{at}"], f"{at % 100:02d}/{at}.pdf")
            writer.put(document, vectors[at : at + 1], vectors[at : at + 1])
    snapshot = store.snapshot()
    assert len(snapshot.documents()) == 20_000
    inside = snapshot.search_dense(vectors[4207], 3, where=Filter(folder="07"))
    assert inside[0].document_id == make_document("k4207", []).id
    assert len(snapshot.search_lexical("word19999", 5, level="document")) == 1
    assert verify(store.path) == []
