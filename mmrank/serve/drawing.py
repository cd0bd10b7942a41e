"""Pages as pictures, kept for a while, since a page is often looked at more than once."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Literal

from mmrank.errors import MmrankError
from mmrank.serve.errors import ApiError
from mmrank.types import BBox, ImageRef

Format = Literal["png", "jpeg", "webp"]
KEPT_BYTES = 64 << 20


class Drawn:
    """Pictures of pages, the latest of them kept.

    Args:
        kept: bytes of pictures that are kept.
    """

    def __init__(self, kept: int = KEPT_BYTES) -> None:
        self._most = kept
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._checked: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def draw(self, path: str, digest: str, page: int, marks: list[BBox], pixels: int, format_: Format) -> bytes:
        """A page of a file, which must still hold what was read from it.

        Args:
            path: of the file.
            digest: of the content that it had, the id of the document.
            page: from 0.
            marks: boxes to outline, in points.
            pixels: most pixels.
            format_: of the picture.

        Raises:
            ApiError: when the file is gone or has changed, or the page cannot be drawn.
        """
        self.check(path, digest)
        name = tag(digest, page, marks, pixels, format_)
        with self._lock:
            if name in self._pictures:
                self._pictures.move_to_end(name)
                return self._pictures[name]
        out = io.BytesIO()
        try:
            ImageRef(path, page).open(max_pixels=pixels, marks=marks).save(out, format_.upper())
        except MmrankError as error:
            raise ApiError(500, "not_drawn", str(error)) from error
        self._keep(name, out.getvalue())
        return out.getvalue()

    def check(self, path: str, digest: str) -> None:
        """Make sure that a file still holds what was read from it; one that was not touched since is not read again.

        Raises:
            ApiError: when it is gone or holds something else.
        """
        from mmrank.pictures import check_content

        try:
            found = Path(path).stat()
            stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
            if self._checked.get(f"{digest}{path}") == stamp:
                return
            check_content(path, digest)
        except MmrankError as error:
            raise ApiError(410, "file_gone", str(error)) from error
        except OSError as error:
            said = f"{path} cannot be read: {error.strerror or error}. Put the file back."
            raise ApiError(410, "file_gone", said) from error
        with self._lock:
            self._checked[f"{digest}{path}"] = stamp
            while len(self._checked) > 10_000:
                self._checked.popitem(last=False)

    def _keep(self, name: str, picture: bytes) -> None:
        with self._lock:
            if name not in self._pictures:
                self._pictures[name] = picture
                self._size += len(picture)
            while self._size > self._most:
                self._size -= len(self._pictures.popitem(last=False)[1])


def tag(digest: str, page: int, marks: list[BBox], pixels: int, format_: Format) -> str:
    """What a picture is known by: the same name, the same picture."""
    said = repr((digest, page, [mark.as_tuple() for mark in marks], pixels, format_))
    return hashlib.sha256(said.encode()).hexdigest()[:32]
