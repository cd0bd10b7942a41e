"""Pages of files whose reading was interrupted, kept so that the next reading goes on where it stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mmrank.cache import cache_folder, cache_root
from mmrank.errors import MmrankError
from mmrank.ingest.options import IngestOptions
from mmrank.sandbox.messages import LARGEST

KEPT_SECONDS = 30 * 86400.0
"""What nobody went on with after this long is deleted."""
KIND = "reading"
HEAD = "head.json"
_PART = re.compile(r"(\d{1,9})-(\d{1,9})\.json\.z")


@dataclass(frozen=True, slots=True)
class Begun:
    """What was read of a file."""

    pages: int
    """How many the file has."""
    size: int
    """How many pages a task should read."""
    metadata: dict[str, str]
    parts: dict[int, tuple[int, bytes]]
    """First page → how many pages, and their drafts as a JSON list, as the reading process gave them."""


class Unfinished:
    """Such pages, in the cache folder, for nobody else to read. Several processes may use them at once.

    A disk that is full or cannot be written to costs no more than that the pages are not kept.

    Args:
        options: what was read with other options is not found.
    """

    def __init__(self, options: IngestOptions) -> None:
        root = cache_root() / KIND
        self._folder = root / options.fingerprint()
        with suppress(OSError):
            for folder in root.glob("*/*"):
                if time.time() - folder.lstat().st_mtime > KEPT_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)

    def get(self, digest: str) -> Begun | None:
        """What was read of the file with this content hash; None where nothing was, or it cannot be read any more."""
        folder = self._folder / digest
        try:
            head = json.loads((folder / HEAD).read_bytes())
            parts: dict[int, tuple[int, bytes]] = {}
            for file in sorted(folder.iterdir()):
                if found := _PART.fullmatch(file.name):
                    body = zlib.decompressobj().decompress(file.read_bytes(), LARGEST)
                    if body[:1] == b"[" and body[-1:] == b"]":
                        parts[int(found[1])] = (int(found[2]), body)
            begun = Begun(int(head["pages"]), int(head["size"]), dict(head["metadata"]), parts)
        except (OSError, ValueError, KeyError, TypeError, zlib.error):
            return None
        return begun if parts and _fits(begun) else None

    def put(
        self, digest: str, pages: int, size: int, metadata: dict[str, str], start: int, read: int, body: bytes
    ) -> None:
        """Keep pages of a file.

        Args:
            digest: of its content.
            pages: how many it has.
            size: how many a task should read.
            metadata: what the file says about itself.
            start: the first page, from 0.
            read: how many pages.
            body: their drafts.
        """
        folder = self._folder / digest
        with suppress(OSError, MmrankError):
            if not folder.is_dir():
                cache_folder(KIND).chmod(0o700)
                folder.mkdir(parents=True, exist_ok=True)
            if not (folder / HEAD).exists():
                head = json.dumps({"pages": pages, "size": size, "metadata": metadata}).encode()
                _write(folder / HEAD, head)
            _write(folder / f"{start}-{read}.json.z", zlib.compress(body, 1))

    def forget(self, digest: str) -> None:
        """Delete what is kept of a file: it was read."""
        shutil.rmtree(self._folder / digest, ignore_errors=True)


def _fits(begun: Begun) -> bool:
    """Whether the pages are those of one file, none of them twice."""
    end = 0
    for start, (read, _) in sorted(begun.parts.items()):
        if start < end or read < 1:
            return False
        end = start + read
    texts = all(isinstance(key, str) and isinstance(value, str) for key, value in begun.metadata.items())
    return end <= begun.pages and begun.size > 0 and texts


def _write(file: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(file)
