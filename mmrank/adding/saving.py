"""Contents without a file of their own are saved as files in a folder, and read from there as any others are."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mmrank.errors import InputError, MmrankError

MOST_BYTES = 16 << 30
BLOCK = 1 << 20

Content = bytes | bytearray | memoryview | BinaryIO


def checked_name(name: str) -> str:
    """The name, if it is that of a file below a folder, such as "report.pdf" or "2024/report.pdf".

    Raises:
        InputError: when it leads elsewhere, or cannot be the name of a file.
    """
    from mmrank.index import is_saved_name

    if not is_saved_name(name):
        raise InputError(
            f"{name[:80]!r} cannot be the name of a file; give one such as 'report.pdf' or '2024/report.pdf'"
        )
    return name


def save(name: str, content: Content, folder: Path, most: int = MOST_BYTES) -> Path:
    """Save a content below a folder, whole or not at all; a file of this name is replaced. Returns the file.

    Args:
        name: relative to the folder.
        content: bytes, or a file that is open for reading them; from its beginning, where it can be wound back.
        folder: is made where it is not there.
        most: bytes that are taken.

    Raises:
        InputError: for a name that leads elsewhere, a file that does not give bytes, or more than `most` of them.
        MmrankError: when it cannot be written.
    """
    target = folder / PurePosixPath(checked_name(name))
    try:
        for above in reversed(target.relative_to(folder).parents):
            place = folder / above
            place.mkdir(parents=True, exist_ok=True)
            if above.parts and place.is_symlink():
                raise InputError(f"{name} cannot be saved in {folder}: {place} is a link")
        if target.is_dir():
            raise InputError(f"{name} cannot be saved in {folder}: a folder has that name")
        handle, part = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                _write(name, content, file, most)
            Path(part).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(part).unlink()
            raise
    except OSError as error:
        raise MmrankError(f"{name} cannot be saved in {folder}: {error.strerror or error}") from error
    return target


def _write(name: str, content: Content, file: BinaryIO, most: int) -> None:
    if isinstance(content, bytes | bytearray | memoryview):
        if len(content) > most:
            raise InputError(f"{name} holds {len(content):,} bytes, more than the {most:,} allowed")
        file.write(content)
        return
    if getattr(content, "seekable", bool)() and content.tell():
        content.seek(0)
    taken = 0
    while block := content.read(BLOCK):
        if not isinstance(block, bytes | bytearray | memoryview):
            raise InputError(f"{name} gives text, not bytes; open it for reading bytes")
        taken += len(block)
        if taken > most:
            raise InputError(f"{name} holds more than the {most:,} bytes allowed")
        file.write(block)
