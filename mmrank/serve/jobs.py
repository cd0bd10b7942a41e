"""Additions that clients asked for, kept on the disk beside their collection, so that none is lost with a process.

"library.mmrank.jobs" holds a small database and, per job, the files that came. A job belongs to the process that reads
it, which holds a lock on a file as long as it lives: the jobs of a process that died are taken up by another one.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mmrank.errors import MmrankError
from mmrank.serve.errors import ApiError

State = Literal["waiting", "reading", "done", "failed", "cancelled"]
ENDED = frozenset({"done", "failed", "cancelled"})
MOST_TRIES = 3
"""A job whose process died so often is given up: its files may be what kills it."""
DISK_FULL = "The disk of the service is full: free some space on it, then send the files again."
KEPT = 1000
"""Ended jobs that are remembered."""

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, state TEXT NOT NULL, created TEXT NOT NULL,
    started TEXT, ended TEXT, names TEXT NOT NULL, metadata TEXT NOT NULL, progress TEXT NOT NULL DEFAULT '{}',
    report TEXT NOT NULL DEFAULT '{}', problem TEXT, owner TEXT, tries INTEGER NOT NULL DEFAULT 0,
    cancel INTEGER NOT NULL DEFAULT 0
)"""
_COLUMNS = "id, state, created, started, ended, names, metadata, progress, report, problem, tries, cancel"


@dataclass(frozen=True, slots=True)
class Job:
    """One addition.

    Attributes:
        id: random.
        state: waiting, reading, done, failed or cancelled.
        created: when it was asked for, in UTC; `started` and `ended` likewise.
        names: of the files.
        metadata: what is said of them.
        progress: how far it is, as `mmrank.progress.Progress` has it.
        report: what became of the files.
        problem: why it failed as a whole.
        tries: how often it was begun.
        cancel: whether it is to stop.
    """

    id: str
    state: State
    created: str
    started: str | None
    ended: str | None
    names: tuple[str, ...]
    metadata: Mapping[str, Any]
    progress: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    tries: int = 0
    cancel: bool = False


class Jobs:
    """The jobs of one collection.

    Args:
        collection: its path.
    """

    def __init__(self, collection: Path) -> None:
        whole = collection.absolute()
        self.folder = whole.with_name(f"{whole.name}.jobs")
        self._file = self.folder / "jobs.sqlite"

    def spool(self, job: str) -> Path:
        """The folder of a job's files, which are called 0, 1, … as they stand in its list of names."""
        return self.folder / "files" / job

    def new_spool(self) -> tuple[str, Path]:
        """An id for a job, and the folder for its files, made.

        Raises:
            OSError: when it cannot be made.
        """
        job = secrets.token_hex(8)
        self.spool(job).mkdir(parents=True)
        return job, self.spool(job)

    def add(
        self, job: str, names: Sequence[str], metadata: Mapping[str, Any], refused: Mapping[str, str] | None = None
    ) -> Job:
        """Note a job whose files have come whole.

        Args:
            job: its id.
            names: of the files that are to be read.
            metadata: what is said of them.
            refused: by name, why further files are not read.
        """
        with self._open() as database:
            database.execute(_TABLE)
            database.execute(
                "INSERT INTO jobs (id, state, created, names, metadata, report) VALUES (?, 'waiting', ?, ?, ?, ?)",
                (job, _now(), json.dumps(list(names)), json.dumps(metadata), json.dumps({"failed": refused or {}})),
            )
            database.execute(
                "DELETE FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND number <="
                " (SELECT max(number) FROM jobs) - ?",
                (KEPT,),
            )
        found = self.get(job)
        assert found is not None
        return found

    def get(self, job: str) -> Job | None:
        """A job by its id; None where there is none."""
        found = self._read(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job,))
        return found[0] if found else None

    def newest(self, most: int = 100) -> list[Job]:
        """The newest jobs, newest first."""
        return self._read(f"SELECT {_COLUMNS} FROM jobs ORDER BY number DESC LIMIT ?", (most,))

    def waiting(self) -> int:
        """How many have not ended."""
        return len(self._read(f"SELECT {_COLUMNS} FROM jobs WHERE state IN ('waiting', 'reading')"))

    def claim(self, owner: Owner) -> Job | None:
        """The next job, if there is one and no other process reads one for this collection."""
        if not self._file.exists():
            return None
        with self._open() as database:
            for job, process, tries in database.execute(
                "SELECT id, owner, tries FROM jobs WHERE state = 'reading'"
            ).fetchall():
                if owner.lives(process, self.folder):
                    return None
                if tries >= MOST_TRIES:
                    said = f"the process that read it died {tries} times; add the files one by one to find which it is"
                    database.execute(
                        "UPDATE jobs SET state = 'failed', problem = ?, ended = ? WHERE id = ?", (said, _now(), job)
                    )
                else:
                    database.execute("UPDATE jobs SET state = 'waiting' WHERE id = ?", (job,))
            row = database.execute("SELECT id FROM jobs WHERE state = 'waiting' ORDER BY number LIMIT 1").fetchone()
            if row is None:
                return None
            owner.hold(self.folder)
            database.execute(
                "UPDATE jobs SET state = 'reading', owner = ?, tries = tries + 1, started = coalesce(started, ?)"
                " WHERE id = ?",
                (owner.name, _now(), row[0]),
            )
        return self.get(row[0])

    def progressed(self, job: str, progress: Mapping[str, Any]) -> bool:
        """Note how far a job is; whether it is to go on."""
        with self._open() as database:
            database.execute("UPDATE jobs SET progress = ? WHERE id = ?", (json.dumps(progress), job))
            row = database.execute("SELECT cancel FROM jobs WHERE id = ?", (job,)).fetchone()
        return row is not None and not row[0]

    def end(self, job: str, state: State, report: Mapping[str, Any], problem: str | None = None) -> None:
        """Note how a job ended, and delete its files.

        Raises:
            MmrankError: when it cannot be written.
        """
        with self._open() as database:
            database.execute(
                "UPDATE jobs SET state = ?, report = ?, problem = ?, ended = ? WHERE id = ?",
                (state, json.dumps(report), problem, _now(), job),
            )
        shutil.rmtree(self.spool(job), ignore_errors=True)

    def postpone(self, job: str) -> None:
        """Let a job that was begun wait again; this try does not count."""
        with self._open() as database:
            database.execute("UPDATE jobs SET state = 'waiting', tries = tries - 1 WHERE id = ?", (job,))

    def cancel(self, job: str) -> Job | None:
        """Have a job stop: at once where it waits, soon where it is read."""
        with self._open() as database:
            database.execute("UPDATE jobs SET cancel = 1 WHERE id = ? AND state IN ('waiting', 'reading')", (job,))
            database.execute(
                "UPDATE jobs SET state = 'cancelled', ended = ? WHERE id = ? AND state = 'waiting'", (_now(), job)
            )
        found = self.get(job)
        if found is not None and found.state == "cancelled":
            shutil.rmtree(self.spool(job), ignore_errors=True)
        return found

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[Job]:
        if not self._file.exists():
            return []
        try:
            with closing(sqlite3.connect(self._file, timeout=10)) as database:
                rows = database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise MmrankError(f"{self._file} cannot be read: {error}") from error
        return [_job(row) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One change, whole or not at all.

        Raises:
            MmrankError: when it cannot be written.
        """
        try:
            with closing(sqlite3.connect(self._file, timeout=10, isolation_level=None)) as database:
                # This journal keeps its room on the disk: how a job ended can be noted, and read, where none is left.
                database.execute("PRAGMA journal_mode = PERSIST")
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
        except sqlite3.Error as error:
            if "full" in str(error):
                raise ApiError(507, "disk_full", DISK_FULL) from error
            raise MmrankError(f"{self._file} cannot be written: {error}") from error


class Owner:
    """This process, as others can tell that it lives: by a lock that ends with it."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self._held: dict[Path, Any] = {}

    def hold(self, folder: Path) -> None:
        """Show in a folder of jobs that this process lives."""
        if folder not in self._held:
            file = (folder / f"{self.name}.lock").open("w")
            fcntl.flock(file, fcntl.LOCK_EX)
            self._held[folder] = file

    def lives(self, name: str, folder: Path) -> bool:
        """Whether a process lives; what a dead one left is cleared away."""
        path = folder / f"{name}.lock"
        if name == self.name:
            return True
        try:
            with path.open("r") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)
        return False

    def release(self) -> None:
        """Show that this process reads no jobs any more."""
        for folder, file in self._held.items():
            (folder / f"{self.name}.lock").unlink(missing_ok=True)
            file.close()
        self._held.clear()


def _job(row: Sequence[Any]) -> Job:
    job, state, created, started, ended, names, metadata, progress, report, problem, tries, cancel = row
    return Job(
        job,
        state,
        created,
        started,
        ended,
        tuple(json.loads(names)),
        json.loads(metadata),
        json.loads(progress),
        json.loads(report),
        problem,
        tries,
        bool(cancel),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
