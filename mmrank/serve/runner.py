"""The thread that reads what was uploaded, one job after the other."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrank.errors import MmrankError
from mmrank.serve.jobs import Job, Jobs, Owner
from mmrank.serve.metrics import Metrics

if TYPE_CHECKING:
    from mmrank.adding import AddReport
    from mmrank.collection import Collection
    from mmrank.progress import Progress

log = logging.getLogger("mmrank.serve")

POLL_SECONDS = 1.0
"""How soon a job that another process noted is seen."""
NOTHING = "no file could be read"
GONE = "the uploaded files are not there any more; send them again"
WAIT_SECONDS = 30.0
"""How long a job waits for another writer of the collection before others have their turn."""


class Runner:
    """Reads the jobs of some collections.

    Args:
        jobs: by name of the collection.
        collection: opens one, by name.
        metrics: where jobs are counted.
    """

    def __init__(self, jobs: Mapping[str, Jobs], collection: Callable[[str], Collection], metrics: Metrics) -> None:
        self._jobs, self._collection, self._metrics = jobs, collection, metrics
        self._owner = Owner()
        self._unnoted: list[Callable[[], None]] = []
        self._news = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """A job was noted."""
        self._news.set()

    def close(self) -> None:
        """Stop. A job that is being read is put back, and read from the next file on when a service starts again."""
        self._stop.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._owner.release()

    def _run(self) -> None:
        while not self._stop.is_set():
            begun = False
            self._note()
            for name, jobs in self._jobs.items():
                try:
                    job = jobs.claim(self._owner)
                    if job is not None:
                        begun = self._read(name, jobs, job) or begun
                except Exception as error:  # one that goes wrong stops no other
                    fields = {"collection": name, "problem": type(error).__name__}
                    log.exception("job fault", extra={"fields": fields})
                if self._stop.is_set():
                    return
            if not begun:
                self._news.wait(POLL_SECONDS)
            self._news.clear()

    def _read(self, name: str, jobs: Jobs, job: Job) -> bool:
        """Read one job; whether it was begun, or has to wait for another writer."""
        from mmrank.index.records import StoreLockedError

        files = Files(jobs.spool(job.id), job.names)
        collection: Collection | None = None
        try:
            if job.cancel:
                raise _CancelledError
            if not job.names or not files.are_there:
                self._end(jobs, job, files, None, "failed", job.report, GONE if job.names else NOTHING)
                return True
            collection = self._collection(name)
            report = files.add(collection, job.metadata, lambda now: self._progressed(jobs, job, now))
        except _CancelledError:
            self._end(jobs, job, files, collection, "cancelled", {})
        except _StoppedError:
            jobs.postpone(job.id)
        except StoreLockedError:
            jobs.postpone(job.id)
            return False
        except MmrankError as error:
            said = str(error) if collection is None else str(error).replace(str(collection.path), name)
            self._end(jobs, job, files, collection, "failed", {}, said)
        except Exception:
            self._end(jobs, job, files, collection, "failed", {}, "a fault in mmrank; the log has it under this job")
            log.exception("fault", extra={"fields": {"job": job.id}})
        else:
            report.failed |= job.report["failed"]
            nothing = bool(report.failed) and not (report.added or report.replaced or report.unchanged)
            problem = NOTHING if nothing else None
            self._end(jobs, job, files, collection, "failed" if nothing else "done", told(report), problem)
        return True

    def _end(
        self,
        jobs: Jobs,
        job: Job,
        files: Files,
        collection: Collection | None,
        state: Any,
        report: Mapping[str, Any],
        problem: str | None = None,
    ) -> None:
        if collection is not None:
            files.tidy(collection)
        self._unnoted.append(lambda: jobs.end(job.id, state, report, problem))
        self._note()
        self._metrics.job_ended(state, int(report.get("pages", 0)))
        log.info("job", extra={"fields": {"job": job.id, "state": state, "files": len(job.names)}})

    def _note(self) -> None:
        """Note how jobs ended. What cannot be written now, since the disk is full, is noted once it can."""
        while self._unnoted:
            try:
                self._unnoted[0]()
            except MmrankError as error:
                log.warning("job not noted", extra={"fields": {"problem": type(error).__name__}})
                return
            del self._unnoted[0]

    def _progressed(self, jobs: Jobs, job: Job, now: Progress) -> None:
        if not jobs.progressed(job.id, asdict(now)):
            raise _CancelledError
        if self._stop.is_set():
            raise _StoppedError


class Files:
    """The uploaded files of a job on their way into the collection's own folder, "library.mmrank.files".

    Args:
        spool: where they are, as 0, 1, ….
        names: what they are called.
    """

    def __init__(self, spool: Path, names: tuple[str, ...]) -> None:
        self._spool = spool
        self._names = names

    @property
    def are_there(self) -> bool:
        """Whether all of them are."""
        return all((self._spool / str(at)).is_file() for at in range(len(self._names)))

    def add(
        self, collection: Collection, metadata: Mapping[str, Any], progress: Callable[[Progress], None]
    ) -> AddReport:
        """Read them. A file of the same name that they replace is kept until it is known that they can be read."""
        from mmrank.index import saved_folder

        folder = saved_folder(collection.path)
        for at, name in enumerate(self._names):
            before = self._spool / f"{at}.before"
            if (folder / name).is_file() and not before.exists():
                os.link(folder / name, before)
        with ExitStack() as stack:
            sources = [
                (name, stack.enter_context((self._spool / str(at)).open("rb"))) for at, name in enumerate(self._names)
            ]
            return collection.add(*sources, metadata=dict(metadata), progress=progress, wait=WAIT_SECONDS)

    def tidy(self, collection: Collection) -> None:
        """Put back the files whose replacement was not read, and delete the files of no document."""
        from mmrank.index import saved_folder
        from mmrank.pictures import content_digest

        folder = saved_folder(collection.path)
        known = {place.path: record.id for record in collection.documents() for place in record.places}
        for at, name in enumerate(self._names):
            file, before = folder / name, self._spool / f"{at}.before"
            digest = known.get(str(file))
            if digest is None:
                file.unlink(missing_ok=True)
            elif before.exists() and content_digest(before) == digest:
                before.replace(file)


def told(report: AddReport) -> dict[str, Any]:
    """What became of the files, as JSON has it."""
    return {
        "added": report.added,
        "replaced": report.replaced,
        "unchanged": [*report.unchanged, *report.moved],
        "duplicates": report.duplicates,
        "failed": report.failed,
        "unread": {name: {str(page + 1): why for page, why in pages.items()} for name, pages in report.unread.items()},
        "notes": report.notes,
        "pages": report.pages,
        "seconds": round(report.seconds, 2),
    }


class _CancelledError(Exception):
    """The client does not want it any more."""


class _StoppedError(Exception):
    """The service ends."""
