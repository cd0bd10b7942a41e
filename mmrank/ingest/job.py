"""One file that is being read: its tasks, its pages, and what it may still cost."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmrank.ingest import answers
from mmrank.ingest.drafts import A4, PageDraft, pages_to_json
from mmrank.ingest.opening import stamp
from mmrank.ingest.options import IngestOptions
from mmrank.ingest.sandbox import WorkerDiedError
from mmrank.ingest.store import DocumentStore
from mmrank.ingest.unfinished import Begun, Unfinished

SECONDS_PER_PAGE = 10.0
"""Wall clock that each page of a long file adds to what the file may take."""
Task = tuple[dict[str, Any], bytes]
Range = tuple[int, int]


class Job:
    """One file that is being read, and which tasks it still needs.

    A worker that dies on a page costs that page: the pages before and behind it are asked for again. What an earlier
    reading left unfinished is not read again.

    Raises:
        FileError: when the file cannot be read at all.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        options: IngestOptions,
        store: DocumentStore | None,
        unfinished: Unfinished | None = None,
    ) -> None:
        self.path, self.name = path, name
        self.started = time.monotonic()
        self.spent = 0.0
        """Seconds that its tasks took, all together."""
        self.digest = stamp(path).digest
        self.document = store.get(self.digest, name=name, path=str(path)) if store else None
        self._options = options
        self._ocr = str(store.ocr_folder) if store else ""
        self._pages = 0
        self._metadata: dict[str, str] = {}
        self._parts: dict[int, bytes] = {}
        self._failures: dict[int, str] = {}
        self._tasks: deque[Task] = deque([(self._task("document"), b"")])
        self._running = 0
        self._size = options.limits.pages_per_task
        self._lost = 0.0
        self._unfinished = unfinished
        self.kept = 0
        """Pages that an earlier reading had read."""
        if unfinished and not self.document and (begun := unfinished.get(self.digest)):
            self._go_on(begun)

    def _go_on(self, begun: Begun) -> None:
        self._pages, self._size, self._metadata = begun.pages, begun.size, begun.metadata
        self._parts = {start: body for start, (_, body) in begun.parts.items()}
        self._tasks.clear()
        end = 0
        for start, (read, _) in sorted(begun.parts.items()):
            self._ask(end, start)
            end = start + read
            self.kept += read
        self._ask(end, begun.pages)
        self._assemble_if_complete()

    def next_task(self) -> Task | None:
        """The next task, which is running from now on; None where there is none at the moment."""
        if self._pages and self.spent > max(self._options.limits.file_seconds, SECONDS_PER_PAGE * self._pages):
            self._give_up("was not tried: the file took more time than one may take")
        if not self._tasks:
            return None
        self._running += 1
        return self._tasks.popleft()

    def advance(self, task: dict[str, Any], header: dict[str, Any], body: bytes) -> None:
        """Take in the answer to a task.

        Raises:
            FileError: when the file cannot be read at all.
        """
        self._running -= 1
        if "error" in header:
            raise answers.check_reason(task, header)
        if task["kind"] == "assemble" or (task["kind"] == "document" and not header.get("split")):
            self.document = answers.check_document(task, body, self._pages or None)
            if self._unfinished:
                self._unfinished.forget(self.digest)
            return
        part = answers.check_part(task, header, body, self._pages)
        self._pages, self._metadata = part.pages, part.metadata
        start, stop = (task["start"], task["stop"]) if task["kind"] == "pages" else (0, part.pages)
        self._size = part.size or self._size
        if part.read:
            self._parts[start] = body
            if self._unfinished:
                self._unfinished.put(self.digest, part.pages, self._size, part.metadata, start, part.read, body)
        self._ask(start + part.read, stop)
        self._assemble_if_complete()

    def lose_page(self, task: dict[str, Any], error: WorkerDiedError, seconds: float) -> bool:
        """Give up the page that a worker died on. Returns whether anything of the file may still be read.

        Args:
            task: that was performed.
            error: says which page it was.
            seconds: that the task took.
        """
        self._running -= 1
        self._lost += seconds
        self._pages = self._pages or error.pages
        start, stop = task.get("start", 0), task.get("stop", self._pages)
        if task["kind"] == "assemble" or not self._pages or stop - start < 1:
            return False
        if task["kind"] == "document" and error.page is None:
            return False
        if error.page is None or not start <= error.page < stop:
            self._failures |= dict.fromkeys(range(start, stop), error.reason)
        else:
            self._failures[error.page] = error.reason
            self._ask(start, error.page)
            self._ask(error.page + 1, stop)
        if self._lost > self._options.limits.lost_seconds:
            self._give_up("was not tried: other pages of the file took too long to fail")
        if len(self._failures) >= self._pages:
            return False
        self._assemble_if_complete()
        return True

    def _ask(self, start: int, stop: int) -> None:
        for first in range(start, stop, self._size):
            self._tasks.append((self._task("pages", start=first, stop=min(stop, first + self._size)), b""))

    def _give_up(self, reason: str) -> None:
        """Leave out the pages that are not being read at the moment."""
        for task, _ in self._tasks:
            if task["kind"] == "pages":
                self._failures |= dict.fromkeys(range(task["start"], task["stop"]), reason)
        self._tasks = deque(entry for entry in self._tasks if entry[0]["kind"] != "pages")
        self._assemble_if_complete()

    def _assemble_if_complete(self) -> None:
        if self._tasks or self._running:
            return
        failed = {page: [PageDraft(page, *A4, failure=reason)] for page, reason in self._failures.items()}
        parts = self._parts | {page: pages_to_json(drafts) for page, drafts in failed.items()}
        self._parts.clear()
        # Each part is a JSON list of pages: together they are one list.
        drafts = b"[" + b",".join(parts[start][1:-1] for start in sorted(parts)) + b"]"
        self._tasks.append((self._task("assemble", metadata=self._metadata), drafts))

    def _task(self, kind: str, **more: Any) -> dict[str, Any]:
        return {
            "kind": kind,
            "path": str(self.path),
            "name": self.name,
            "digest": self.digest,
            "options": asdict(self._options),
            "ocr_cache": self._ocr,
            **more,
        }
