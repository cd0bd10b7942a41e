"""How far the reading of files is, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ENOUGH = 10
"""Pages that must be read, after the first ones, before the time left is estimated."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reading of files is.

    Attributes:
        pages: pages that were read.
        pages_expected: how many there will be, estimated by the sizes of the files; 0 before the first is known.
        files: files that are done, be they read or not.
        files_expected: how many there are.
        seconds: since reading began.
        seconds_left: estimated by the sizes of the files; None until `ENOUGH` pages were read after the first ones.
        name: of the file that was worked on last, in the collection.
    """

    pages: int
    pages_expected: int
    files: int
    files_expected: int
    seconds: float
    seconds_left: float | None
    name: str = ""

    @property
    def pages_per_second(self) -> float:
        """Pages that were read per second, on average."""
        return self.pages / self.seconds if self.seconds > 0 else 0.0


AddProgress = Callable[[Progress], None]
"""Called with how far the reading is: at the beginning, after each file, and about once per second in between."""


class Meter:
    """Estimates by bytes: what is left takes as long per byte as what was read since the first pages were.

    Before those, processes start and models load: that is not waited for again. The next few pages tell little either.

    Args:
        files: paths and names in the collection of the files to read.
    """

    def __init__(self, files: Sequence[tuple[Path, str]]) -> None:
        self._begun = time.monotonic()
        self._names = {str(path): name for path, name in files}
        self._bytes = {str(path): max(1, _size(path)) for path, _ in files}
        self._left = dict(self._bytes)
        self._pages: dict[str, tuple[int, int]] = {}
        self._done = 0
        self._last = ""
        self._first: tuple[float, float, int] | None = None

    def finished(self, path: Path, pages: int) -> Progress:
        """A file is done, and has so many pages."""
        self._left.pop(str(path), None)
        self._pages[str(path)] = (pages, pages)
        self._done += 1
        self._last = self._names.get(str(path), "")
        return self.now({})

    def now(self, reading: Mapping[str, tuple[int, int]]) -> Progress:
        """How far the reading is.

        Args:
            reading: by path, of each file that is being read, how many of its pages were, and how many it has.
        """
        for path, (done, count) in reading.items():
            if path in self._left:
                self._pages[path] = (done, count)
                self._last = self._names.get(path, "")
        known = sum(count for _, count in self._pages.values())
        pages = sum(done for done, _ in self._pages.values())
        whole = sum(self._bytes.values())
        seen = sum(self._bytes.get(path, 0) for path in self._pages)
        read = sum(
            self._bytes.get(path, 0) * (done / count if count else 1.0) for path, (done, count) in self._pages.items()
        )
        seconds = time.monotonic() - self._begun
        if read and self._first is None:
            self._first = seconds, read, pages
        began, before, then = self._first or (0.0, 0.0, 0)
        since = read - before
        return Progress(
            pages,
            max(known, round(known * whole / seen)) if seen and known else 0,
            self._done,
            len(self._bytes),
            seconds,
            (seconds - began) * (whole - read) / since if pages >= then + ENOUGH and since > 0 else None,
            self._last,
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
