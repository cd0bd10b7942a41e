"""The process in which files are parsed: `python -m mmrank.ingest.worker`.

It exchanges messages with its parent over pipes.
It reads tasks from standard input and writes answers to what was its standard output; whatever a library prints
goes to standard error instead, so that it cannot be taken for an answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmrank.errors import MmrankError
from mmrank.ingest.messages import Inbox, send
from mmrank.ingest.options import IngestOptions, Limits


def options_from(fields: dict[str, Any]) -> IngestOptions:
    """The options from what `asdict` made of them."""
    return IngestOptions(**{**fields, "limits": Limits(**fields["limits"])})


PARTS = 8
"""A file whose pages are laid out when it is opened is divided into at most so many parts."""


class Worker:
    """Performs tasks; keeps the recognition models between them.

    Args:
        on_page: called before each page with its number, from 0, and how many the file has, so that the parent knows
            that work continues.
    """

    def __init__(self, on_page: Callable[[int, int, Limits], None]) -> None:
        self._on_page = on_page
        self._recognisers: dict[tuple[str, str], Any] = {}

    def perform(self, task: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Do one task: "document" (a whole file, if short enough), "pages" (a range) or "assemble"."""
        from mmrank import codec
        from mmrank.ingest import reading
        from mmrank.ingest.assemble import assemble
        from mmrank.ingest.drafts import pages_from_json, pages_to_json
        from mmrank.ingest.opening import FileError, check_unchanged, opened, stamp

        options = options_from(task["options"])
        path = Path(task["path"])
        if task["kind"] == "assemble":
            drafts = pages_from_json(body)
            metadata = task["metadata"]
        else:
            before = stamp(path)
            if before.digest != task["digest"]:
                raise FileError(f"{path} was changed while it was being read: add it again once it is complete")
            limits, begun = options.limits, time.monotonic()
            with opened(path, limits) as file:
                count = file.page_count
                # Opening lays out text anew: it must not be most of the work.
                turn = max(limits.turn_seconds, 4 * (time.monotonic() - begun))
                start, stop = task.get("start", 0), task.get("stop", count)
                metadata = reading.file_metadata(file, path)
                size = max(limits.pages_per_task, count // PARTS if file.is_reflowable else 0)
                if task["kind"] == "document" and count > limits.pages_per_task:
                    return {"pages": count, "metadata": metadata, "split": size, "read": 0}, b""
                drafts = reading.read_pages(
                    path,
                    file,
                    start,
                    stop,
                    options,
                    self._recogniser(task, options),
                    lambda page: self._on_page(page, count, limits),
                    turn,
                )
            check_unchanged(path, before)
            if task["kind"] == "pages":
                return {"pages": count, "metadata": metadata, "read": len(drafts)}, pages_to_json(drafts)
            if len(drafts) < count:
                return {"pages": count, "metadata": metadata, "split": size, "read": len(drafts)}, pages_to_json(drafts)
        document = assemble(
            drafts,
            document_id=task["digest"],
            name=task["name"],
            path=str(path),
            metadata=metadata,
            options=options,
        )
        return {"pages": len(document.pages)}, codec.to_json(document)

    def _recogniser(self, task: dict[str, Any], options: IngestOptions) -> Any:
        if options.ocr == "never":
            return None
        from mmrank.ingest.ocr import Recogniser

        where, language = task.get("ocr_cache") or "", options.ocr_language
        if (where, language) not in self._recognisers:
            self._recognisers[where, language] = Recogniser(Path(where) if where else None, language)
        return self._recognisers[where, language]


def limit_resources(limits: Limits) -> None:
    """Limit this process's memory and the processor time of what it does next, and forbid core dumps."""
    try:
        import resource
    except ImportError:  # not on Windows, where the parent's time limit still applies
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soon = int(used.ru_utime + used.ru_stime + 2 * limits.seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soon if hard < 0 else min(soon, hard), hard))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory if hard < 0 else min(limits.memory, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Perform tasks until standard input ends."""
    answers = os.dup(1)
    os.dup2(2, 1)
    tasks = Inbox(0)

    def on_page(page: int, pages: int, limits: Limits) -> None:
        limit_resources(limits)
        send(answers, {"page": page, "of": pages})

    worker = Worker(on_page)
    while (message := tasks.receive()) is not None:
        task, body = message
        limit_resources(Limits(**task["options"]["limits"]))
        try:
            header, result = worker.perform(task, body)
        except MmrankError as error:
            header, result = {"error": str(error)}, b""
        except MemoryError:
            header, result = {"error": f"{task['path']} needs more memory than a file may take"}, b""
        except Exception as error:
            header, result = {"error": f"{task['path']} broke the reader: {type(error).__name__}: {error}"[:500]}, b""
        send(answers, header, result)


if __name__ == "__main__":
    main()
