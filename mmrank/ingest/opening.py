"""Opening a file: what it is, whether it may be read, and the checks before anything is parsed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrank.errors import MmrankError
from mmrank.formats import PICTURES, open_file
from mmrank.ingest.options import Limits
from mmrank.pictures import content_digest

LARGEST_FILE = 16 << 30
"""Bytes. Larger files, which may be nothing but holes, are refused before anything of them is read."""


class FileError(MmrankError):
    """A file cannot become a document. The message names the file and the reason."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file looked like when reading began."""

    digest: str
    """First 32 hex digits of the SHA-256 of its content."""
    size: int
    changed: int
    """Time of its last change, in nanoseconds."""


def stamp(path: Path) -> Stamp:
    """Hash a file's content, in small pieces.

    Raises:
        FileError: when it is missing, a directory, empty or unreadable.
    """
    try:
        before = path.stat()
        if path.is_dir():
            raise FileError(f"{path} is a directory, not a file")
        if not path.is_file():
            raise FileError(f"{path} is a device or a pipe, not a file")
        if not before.st_size:
            raise FileError(f"{path} is empty")
        if before.st_size > LARGEST_FILE:
            raise FileError(f"{path} claims {before.st_size} bytes, more than the {LARGEST_FILE} allowed")
        digest = content_digest(path)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    return Stamp(digest, before.st_size, before.st_mtime_ns)


def check_unchanged(path: Path, before: Stamp) -> None:
    """Raise FileError where the file was changed since it was stamped."""
    try:
        now = path.stat()
    except OSError as error:
        raise FileError(f"{path} was removed while it was being read: add it again") from error
    if (now.st_size, now.st_mtime_ns) != (before.size, before.changed):
        raise FileError(f"{path} was changed while it was being read: add it again once it is complete")


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Any]:
    """A PyMuPDF document, closed at the end.

    Raises:
        FileError: when it is encrypted, broken, of an unknown kind, or larger than the limits allow.
    """
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        _check_picture(path, limits)
    try:
        file = open_file(path)
    except Exception as error:  # PyMuPDF raises several unrelated types
        raise FileError(f"{path} cannot be opened: {_reason(error)}") from error
    with file:
        if file.needs_pass:
            raise FileError(f"{path} is encrypted: remove its password first")
        if file.is_pdf and file.xref_length() > limits.objects:
            raise FileError(f"{path} claims {file.xref_length()} objects, more than the {limits.objects} allowed")
        try:
            count = file.page_count
        except Exception as error:
            raise FileError(f"{path} has no readable pages: {_reason(error)}") from error
        if count < 1:
            raise FileError(f"{path} has no pages")
        if count > limits.pages:
            raise FileError(f"{path} claims {count} pages, more than the {limits.pages} allowed")
        yield file


def _check_picture(path: Path, limits: Limits) -> None:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except Exception as error:
        raise FileError(f"{path} is not a picture that can be read: {error}") from error
    if width * height > limits.pixels:
        raise FileError(f"{path} holds {width} × {height} pixels, more than the {limits.pixels} allowed")


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
