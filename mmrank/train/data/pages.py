"""Page pictures as candidates, named by file and page number: `report.pdf#page=4` (RFC 8118)."""

from __future__ import annotations

import re
from pathlib import Path

from mmrank.errors import InputError
from mmrank.types import ImageRef

_REFERENCE = re.compile(r"(.+)#page=([1-9]\d*)", re.DOTALL)


def page_reference(path: str | Path, page: int) -> str:
    """The name of the picture of a page (numbered from 0).

    >>> page_reference("a/report.pdf", 3)
    'a/report.pdf#page=4'
    """
    return f"{path}#page={page + 1}"


def split_reference(text: str) -> tuple[str, int] | None:
    """File and page (from 0), or None if the text names no page.

    >>> split_reference("a/report.pdf#page=4")
    ('a/report.pdf', 3)
    """
    found = _REFERENCE.fullmatch(text)
    return (found[1], int(found[2]) - 1) if found else None


def page_picture(text: str) -> ImageRef:
    """The picture of the page that a name means.

    Raises:
        InputError: when the text names no page, or the file does not exist.
    """
    found = split_reference(text)
    if found is None:
        raise InputError(f"{text[:80]!r} names no page; pictures are named as file.pdf#page=4")
    path, page = found
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; the examples name pages of it")
    return ImageRef(path, page)
