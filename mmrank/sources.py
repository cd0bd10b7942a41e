"""From files, folders and globs to the files to read, each with its name in the collection."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmrank.errors import InputError

SUFFIXES = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".txt", ".md", ".xps", ".epub", ".svg"})
"""Suffixes of the files that are read from a folder. A file that is named by itself is read whatever its suffix."""


def find_files(sources: Iterable[str | Path]) -> list[tuple[Path, str]]:
    """Files and their names: relative to the folder they were found under, else the file's own name.

    Args:
        sources: files, folders (searched recursively, hidden files left out) and globs.

    Raises:
        InputError: when a source does not exist, a glob matches nothing or a folder holds no document.
    """
    found: dict[Path, str] = {}
    for source in sources:
        text = str(source)
        if not text.strip():
            raise InputError("an empty path was given; name a file, a folder or a glob")
        for path, name in _expand(text):
            found.setdefault(path.absolute(), name)
    if not found:
        raise InputError("no files were given; name a file, a folder or a glob")
    return list(found.items())


def _expand(source: str) -> Iterator[tuple[Path, str]]:
    path = Path(source).expanduser()
    if path.is_dir() and path.suffix.lower() not in SUFFIXES:
        files = [
            file
            for file in sorted(path.rglob("*"))
            if file.suffix.lower() in SUFFIXES
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        if not files:
            raise InputError(f"the folder {source} holds no documents ({', '.join(sorted(SUFFIXES))})")
        yield from ((file, file.relative_to(path).as_posix()) for file in files)
    elif path.exists() or path.is_symlink():
        yield path, path.name
    elif glob.has_magic(source):
        matches = sorted(glob.glob(str(path), recursive=True))
        if not matches:
            raise InputError(f"nothing matches {source}")
        yield from ((Path(match), Path(match).name) for match in matches if Path(match).is_file())
    else:
        raise InputError(f"there is no file or folder {source}")
