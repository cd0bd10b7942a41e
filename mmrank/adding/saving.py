"""Contents without a file of their own are saved as files in a folder, and read from there as any others are."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from mmrank.errors import InputError, MmrankError
from mmrank.printable import printable

LONGEST_NAME = 200
"""Bytes of UTF-8 of each part of a name. File systems take 255, of which some are left for what stands beside it."""
MOST_BYTES = 16 << 30
BLOCK = 1 << 20

Content = bytes | bytearray | memoryview | BinaryIO


def checked_name(name: str) -> str:
    """The name, if it is that of a file below a folder, such as "report.pdf" or "2024/report.pdf".

    Raises:
        InputError: when it leads elsewhere, or cannot be the name of a file.
    """
    parts = name.split("/")
    if (
        any(part.strip() in ("", ".", "..") or len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts)
        or "\\" in name
        or PureWindowsPath(name).drive
        or not name.isprintable()
        or printable(name) != name
    ):
        raise InputError(
            f"{name[:80]!r} cannot be the name of a file; give one such as 'report.pdf' or '2024/report.pdf'"
        )
    return name


def save(name: str, content: Content, folder: Path, most: int = MOST_BYTES) -> Path:
    """Save a content below a folder, whole or not at all; a file of this name is replaced. Returns the file.

    Args:
        name: relative to the folder.
        content: bytes, or a file that is open for reading them.
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
    taken = 0
    while block := content.read(BLOCK):
        if not isinstance(block, bytes | bytearray | memoryview):
            raise InputError(f"{name} gives text, not bytes; open it for reading bytes")
        taken += len(block)
        if taken > most:
            raise InputError(f"{name} holds more than the {most:,} bytes allowed")
        file.write(block)
