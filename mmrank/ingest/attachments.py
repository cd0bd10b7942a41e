"""Files attached to a PDF, taken out in a process of their own. Their names and sizes come from a stranger."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmrank.formats import SUFFIXES
from mmrank.ingest.opening import FileError
from mmrank.ingest.options import IngestOptions
from mmrank.printable import printable

MOST_FILES = 100
MOST_BYTES = 256 << 20
"""Of one PDF, all together."""
MOST_LISTED = 1000
LONGEST_NAME = 150
"""Bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class Attachments:
    """What is attached to a PDF.

    Attributes:
        files: name and content of each file that was taken out; no two have one name.
        left: names of those that were not: of other kinds, too many, too large, or damaged.
    """

    files: tuple[tuple[str, bytes], ...]
    left: tuple[str, ...]


def plain_name(name: str, at: int) -> str:
    r"""The name of an attachment as that of a file in a folder; a number where nothing is left of it.

    >>> plain_name("../../etc/tides.pdf", 0), plain_name("C:\\tides.pdf", 0), plain_name("..", 4)
    ('tides.pdf', 'tides.pdf', 'attachment-5')
    """
    leaf = re.split(r"[/\\]", printable(name))[-1]
    leaf = "".join(letter for letter in leaf if letter.isprintable() and letter not in ':*?"<>|').strip(". ")
    suffix = Path(leaf).suffix[:20]
    stem = leaf.removesuffix(suffix).encode("utf-8", "replace")[: LONGEST_NAME - len(suffix.encode())]
    return (stem.decode("utf-8", "ignore").rstrip() + suffix) or f"attachment-{at + 1}"


def pinned(file: Any) -> list[tuple[str, int]]:
    """Name, and number of the object that holds the content, of each file that is attached to a place on a page."""
    import pymupdf

    found: list[tuple[str, int]] = []
    for number in range(file.page_count if file.is_pdf else 0):
        for note, kind, _ in file.page_annot_xrefs(number):
            if kind != pymupdf.PDF_ANNOT_FILE_ATTACHMENT or len(found) >= MOST_LISTED:
                continue
            names = [
                text for key in ("UF", "F") for form, text in [file.xref_get_key(note, f"FS/{key}")] if form == "string"
            ]
            held = [
                text
                for key in ("F", "UF")
                for form, text in [file.xref_get_key(note, f"FS/EF/{key}")]
                if form == "xref"
            ]
            if held:
                found.append((next(filter(None, names), ""), int(held[0].split()[0])))
    return found


def take_out(file: Any, most: int = MOST_BYTES) -> tuple[dict[str, Any], bytes]:
    """The attachments of a PyMuPDF document of kinds that are read, as a worker answers: names and sizes, contents."""
    names: list[str] = []
    left: list[str] = []
    contents: list[bytes] = []
    count = min(file.embfile_count(), MOST_LISTED) if file.is_pdf else 0
    try:
        notes = pinned(file)[: MOST_LISTED - count]
    except Exception:  # as below
        notes = []
    for at in range(count + len(notes)):
        name = ""
        try:
            said = file.embfile_info(at) if at < count else {"name": notes[at - count][0]}
            name = plain_name(str(said.get("ufilename") or said.get("filename") or said.get("name") or ""), at)
            data = b""
            if _read(name) and len(names) < MOST_FILES:
                data = file.embfile_get(at) if at < count else file.xref_stream(notes[at - count][1])
        except Exception:  # whatever is wrong with one, the others may be read
            data = b""
        if at >= count and (name, data) in zip(names, contents, strict=True):
            continue  # listed and on a page
        if data and len(data) <= most:
            most -= len(data)
            names.append(name)
            contents.append(data)
        else:
            left.append(name or f"attachment-{at + 1}")
    return {"names": names, "sizes": [len(data) for data in contents], "left": left}, b"".join(contents)


def attachments_task(path: Path, digest: str, options: IngestOptions) -> dict[str, Any]:
    """What a worker is asked to do for the attachments of a file."""
    return {
        "kind": "attachments",
        "path": str(path),
        "name": "",
        "digest": digest,
        "options": asdict(options),
        "ocr_cache": "",
    }


def check_attachments(task: dict[str, Any], header: dict[str, Any], body: bytes) -> Attachments:
    """What a worker answered, which the file may have taken over.

    Raises:
        FileError: when the file could not be read, or this is no such answer.
    """
    from mmrank.ingest.answers import check_reason

    if "error" in header:
        raise check_reason(task, header)
    names, sizes, left = header.get("names"), header.get("sizes"), header.get("left")
    if not (
        isinstance(names, list)
        and isinstance(sizes, list)
        and isinstance(left, list)
        and all(isinstance(name, str) for name in [*names, *left])
        and all(type(size) is int and size > 0 for size in sizes)
        and len(names) == len(sizes) <= MOST_FILES
        and len(left) <= MOST_LISTED
        and sum(sizes) == len(body) <= MOST_BYTES
    ):
        raise FileError(f"{task['path']} confused the reading process: its answer lists no attachments")
    files: dict[str, bytes] = {}
    start = 0
    for at, (name, size) in enumerate(zip(names, sizes, strict=True)):
        chosen = _free(plain_name(name, at), files)
        if not _read(chosen):
            raise FileError(f"{task['path']} confused the reading process: it took out {chosen!r}")
        files[chosen] = body[start : start + size]
        start += size
    return Attachments(tuple(files.items()), tuple(plain_name(name, at) for at, name in enumerate(left)))


def _read(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _free(name: str, taken: dict[str, bytes]) -> str:
    """The name, with a number where another one has it; capitals make no other name, as on many disks."""
    known = {other.casefold() for other in taken}
    chosen, number = name, 2
    while chosen.casefold() in known:
        chosen, number = f"{Path(name).stem}-{number}{Path(name).suffix}", number + 1
    return chosen
