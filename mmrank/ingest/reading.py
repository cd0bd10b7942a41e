"""Reads a file in this process: into page drafts, and into a Document."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from mmrank.encodings import decoded
from mmrank.formats import TEXT
from mmrank.ingest.assemble import assemble
from mmrank.ingest.attachments import pinned
from mmrank.ingest.bookmarks import bookmarks
from mmrank.ingest.drafts import A4, PageDraft
from mmrank.ingest.ocr import Recogniser
from mmrank.ingest.opening import FileError, check_unchanged, opened, stamp
from mmrank.ingest.options import IngestOptions
from mmrank.ingest.pages import page_draft
from mmrank.markdown_source import front_matter
from mmrank.names import ATTACHED
from mmrank.pictures import PYMUPDF_LOCK
from mmrank.printable import printable
from mmrank.types import Document

METADATA_KEYS = ("title", "author", "subject", "keywords", "creationDate")


def read_document(
    path: str | Path,
    *,
    name: str | None = None,
    options: IngestOptions | None = None,
    recogniser: Recogniser | None = None,
) -> Document:
    """Read one file in this process, without a sandbox: for files you trust.

    Raises:
        FileError: when the file cannot become a document; names it and the reason.
    """
    options = options or IngestOptions()
    path = Path(path)
    before = stamp(path)
    if options.ocr != "never" and recogniser is None:
        recogniser = Recogniser(language=options.ocr_language)
    with PYMUPDF_LOCK, opened(path, options.limits) as file:
        metadata = file_metadata(file, path)
        drafts = read_pages(path, file, 0, file.page_count, options, recogniser)
    check_unchanged(path, before)
    return assemble(
        drafts, document_id=before.digest, name=name or path.name, path=str(path), metadata=metadata, options=options
    )


def file_metadata(file: Any, path: Path) -> dict[str, str]:
    """What the file says about itself: short texts, and the day it was created, as an ISO date under "date".

    Markdown says it in its front matter.
    """
    metadata = dict(file.metadata or {})
    if TEXT.get(path.suffix.lower()) == "md":
        said = {name.lower(): text for name, text in front_matter(decoded(path.read_bytes()))[0].items()}
        renamed = {"description": "subject", "tags": "keywords", "authors": "author", "date": "creationDate"}
        metadata |= {renamed.get(name, name): text for name, text in said.items() if text}
    found = {key: str(metadata[key])[:500] for key in METADATA_KEYS if metadata.get(key)}
    day = iso_day(found.get("creationDate", ""))
    return found | ({"date": day} if day else {}) | _attached(file)


def _attached(file: Any) -> dict[str, str]:
    """The note of which files are attached to a PDF: see `mmrank.names.ATTACHED`."""
    try:
        listed = file.embfile_names() if file.is_pdf else []
        names = dict.fromkeys([*listed, *(name for name, _ in pinned(file) if name)])
    except Exception:  # a broken list of attachments is no reason not to read the pages
        return {}
    shown = [readable[:200] for name in list(names)[:1000] if (readable := printable(str(name)))]
    return {ATTACHED: json.dumps(shown, ensure_ascii=False)} if shown else {}


def iso_day(text: str) -> str:
    """A date as PDF (32000-1, 7.9.4) or XMP writes it, as an ISO date of the same precision; "" if it is not one.

    Years before 1990 are taken for zeros and overflows of the programs that wrote them.

    >>> iso_day("D:20190312094500+01'00'"), iso_day("2019-03-12T09:45:00Z"), iso_day("D:2019"), iso_day("D:16010101")
    ('2019-03-12', '2019-03-12', '2019', '')
    """
    found = re.match(r"\s*(?:D:)?(\d{4})(?:-?(\d\d)(?:-?(\d\d))?)?", text)
    if not found:
        return ""
    parts = [part for part in found.groups() if part]
    try:
        date(*(int(part) for part in [*parts, "1", "1"][:3]))
    except ValueError:
        return ""
    return "-".join(parts) if parts[0] >= "1990" else ""


def read_pages(
    path: Path,
    file: Any,
    start: int,
    stop: int,
    options: IngestOptions,
    recogniser: Recogniser | None,
    on_page: Callable[[int], None] | None = None,
    seconds: float | None = None,
) -> list[PageDraft]:
    """Drafts of the pages `start` to `stop` (exclusive, 0-based) of an opened file; `on_page` is called before each.

    A page that cannot be read has no drafts, and says why. After `seconds` the rest is left for another time.
    """
    import pymupdf

    begun = time.monotonic()

    drafts = []
    marks = bookmarks(file)
    for number in range(start, stop):
        if on_page:
            on_page(number)
        try:
            drafts.append(page_draft(file[number], number, options, recogniser))
        except Exception as error:  # PyMuPDF, Pillow and the recogniser raise many unrelated types
            drafts.append(PageDraft(number, *_size(file, number), failure=_reason(error)))
            pymupdf.TOOLS.store_shrink(100)
        drafts[-1].bookmarks = marks.get(number, [])
        if number % 16 == 15:
            pymupdf.TOOLS.store_shrink(100)
        if seconds is not None and time.monotonic() - begun > seconds:
            break
    return drafts


def _reason(error: Exception) -> str:
    if isinstance(error, FileError):
        return str(error)[:300]
    if isinstance(error, MemoryError):
        return "needs more memory than a file may take"
    return f"cannot be read: {' '.join(str(error).split())[:200] or type(error).__name__}"


def _size(file: Any, number: int) -> tuple[float, float]:
    """Width and height of a page that could not be read, in points."""
    try:
        shown = file[number].rect
    except Exception:  # as above
        return A4
    return (float(shown.width), float(shown.height)) if shown.width > 0 and shown.height > 0 else A4
