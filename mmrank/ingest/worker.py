"""The process in which files are parsed: `python -m mmrank.ingest.worker`.

It is a template (`mmrank.sandbox.template`): each task is performed in a copy of it, which may read the one file that
the task names.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from mmrank.errors import MmrankError
from mmrank.ingest.options import IngestOptions, Limits
from mmrank.sandbox import confinement
from mmrank.sandbox.template import Reply, serve


def options_from(fields: dict[str, Any]) -> IngestOptions:
    """The options from what `asdict` made of them."""
    return IngestOptions(**{**fields, "limits": Limits(**fields["limits"])})


PARTS = 8
"""A file whose pages are laid out when it is opened is divided into at most so many parts."""


class Worker:
    """Performs one task.

    Args:
        on_page: called before each page with its number, from 0, and how many the file has, so that the parent knows
            that work continues.
    """

    def __init__(self, on_page: Callable[[int, int, Limits], None]) -> None:
        self._on_page = on_page

    def perform(self, task: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Do one task: "document" (a whole file, if short enough), "pages" (a range), "assemble" or "attachments"."""
        from mmrank import codec
        from mmrank.ingest import reading
        from mmrank.ingest.assemble import assemble
        from mmrank.ingest.attachments import take_out
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
                if task["kind"] == "attachments":
                    return take_out(file)
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

        kept = _recognised_folder(task)
        return Recogniser(kept, options.ocr_language, shared=Path(task["ocr_cache"]) if kept else None)


def limit_resources(limits: Limits) -> None:
    """Limit this process's memory and the processor time of what it does next."""
    confinement.limit_resources(limits.seconds, limits.memory)


def prepare(task: dict[str, Any]) -> None:
    """Load what reading needs, once: what tasks import, and the models of earlier tasks."""
    if task["options"]["layout"] == "model":
        # PyMuPDF loads its layout model, which takes a second, wherever it is installed: see `main`.
        if sys.modules.get("pymupdf.layout") is None:
            sys.modules.pop("pymupdf.layout", None)
        import_module("pymupdf.layout")
    _warm()
    if "recognition" in task["used"]:
        from mmrank.ingest.ocr import recognition

        recognition(task["options"]["ocr_language"])


@cache
def _warm() -> None:
    """Read pages, so that what is imported, built and laid out on first use is there: half the work of a short file.

    Python writes into code that it runs for the first times. Where that was done before, copies of this process share
    it.
    """
    import pymupdf

    from mmrank import codec
    from mmrank.ingest import reading
    from mmrank.ingest.assemble import assemble
    from mmrank.ingest.drafts import pages_to_json
    from mmrank.ingest.pages import page_draft

    options, path = IngestOptions(ocr="never"), Path("page.pdf")
    with pymupdf.open() as made:
        made.new_page().insert_text((72, 72), "A page.")
        data = made.tobytes()
    for kind, content in [("pdf", data), ("txt", b"A page.\n"), ("md", b"# A page\n\nOf text.\n")] * 3:
        with pymupdf.open(stream=content, filetype=kind) as file:
            metadata = reading.file_metadata(file, path)
            drafts = [page_draft(file[0], 0, options, None)]
            pages_to_json(drafts)
            document = assemble(drafts, document_id="", name="", path="", metadata=metadata, options=options)
            codec.to_json(document)


def perform(task: dict[str, Any], body: bytes, reply: Reply) -> None:
    """Perform a task in this process, which reads nothing else from now on."""
    options = options_from(task["options"])
    kept = _recognised_folder(task)
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
    shared = [Path(task["ocr_cache"])] if kept else []
    own = [Path(task["path"])] if task["kind"] != "assemble" else []
    confinement.confine([*own, *shared], [kept] if kept else [])

    def on_page(page: int, pages: int, limits: Limits) -> None:
        limit_resources(limits)
        reply({"page": page, "of": pages}, b"")

    limit_resources(options.limits)
    try:
        header, result = Worker(on_page).perform(task, body)
    except MmrankError as error:
        header, result = {"error": str(error)}, b""
    except MemoryError:
        header, result = {"error": f"{task['path']} needs more memory than a file may take"}, b""
    except Exception as error:
        header, result = {"error": f"{task['path']} broke the reader: {type(error).__name__}: {error}"[:500]}, b""
    reply({**header, "used": _used()}, result)


def finish(task: dict[str, Any]) -> None:
    """Remove the folder that `perform` made where nothing was put into it."""
    if kept := _recognised_folder(task):
        with suppress(OSError):
            kept.rmdir()


def _used() -> list[str]:
    ocr = sys.modules.get("mmrank.ingest.ocr")
    return ["recognition"] if ocr and ocr.recognition.cache_info().currsize else []


def _recognised_folder(task: dict[str, Any]) -> Path | None:
    """Where what was recognised in this file is kept: apart, so that no file can change what another one holds."""
    if not task.get("ocr_cache") or task["options"]["ocr"] == "never" or task["kind"] == "assemble":
        return None
    return Path(task["ocr_cache"]) / "files" / task["digest"]


def main() -> None:
    """Perform tasks until standard input ends."""
    sys.modules.setdefault("pymupdf.layout", None)  # type: ignore[arg-type]
    serve(prepare, perform, finish)


if __name__ == "__main__":
    main()
