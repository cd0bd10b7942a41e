"""From files, folders and globs to the files to read, each with its name in the collection."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

from mmrank.adding.metadata import SIDECAR_SUFFIX
from mmrank.adding.saving import Content, checked_name, save
from mmrank.errors import InputError
from mmrank.formats import SUFFIXES

DEEPEST = 100
"""Folders within folders, from the one that is given, that are looked into."""
CATALOG = "catalog.sqlite3"
"""A folder that holds such a file is a collection, and no source."""
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://|(?:https?|ftp|s3|gs|file):/")

Source = str | os.PathLike[str] | BinaryIO | tuple[str, Content]
"""A path or a glob, an open file with a name, or a name and bytes or an open file."""
Within = Callable[[str], bool]
"""Whether a path lies in a source, there or not."""


@dataclass(slots=True)
class Found:
    """What lies at the sources.

    Attributes:
        files: (path, name in the collection) of each file to read.
        passed_over: by suffix, how many files of the folders are of kinds that are not read.
        links: links that lead out of their folder, to another folder or to nothing, and were not followed.
        notes: a sentence for whatever else was passed over.
        within: for each folder and glob, whether a path lies in it.
    """

    files: list[tuple[Path, str]] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    links: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    within: list[Within] = field(default_factory=list)


def find_files(sources: Iterable[Source], *, follow_links: bool = False) -> list[tuple[Path, str]]:
    """Files and their names: relative to the folder they were found under, else the file's own name.

    Args and Raises: as `find`.
    """
    return find(sources, follow_links=follow_links).files


def find(sources: Iterable[Source], *, follow_links: bool = False, save_to: Path | None = None) -> Found:
    """What lies at the sources.

    Args:
        sources: files, folders (searched recursively, hidden files and collections left out) and globs, files that are
            open, and pairs of a name and a content.
        follow_links: also read what links in folders lead to, wherever that is.
        save_to: the folder in which contents are saved that are in no file on the disk.

    Raises:
        InputError: when a source does not exist, a glob matches nothing, a folder holds no document, or a content has
            no name.
        MmrankError: when a content cannot be saved.
    """
    found = Found()
    taken: dict[Path, str] = {}
    contents: dict[str, Content] = {}
    for source in sources:
        content = _content_of(source)
        if content is not None and save_to is not None:
            name = checked_name(content[0])
            if name in contents:
                raise InputError(f"two contents are named {name}; give each a name of its own")
            if name.endswith(SIDECAR_SUFFIX):
                raise InputError(f"{name} is the name of a file of metadata; give metadata with `metadata=`")
            contents[name] = content[1]
            continue
        text = os.fspath(_path_of(source))
        if not text.strip():
            raise InputError("an empty path was given; name a file, a folder or a glob")
        if _URL.match(text):
            raise InputError(f"{text} is a URL, and mmrank fetches nothing: download it, and add the file or its bytes")
        for path, name in _expand(text, found, follow_links):
            taken.setdefault(path.absolute(), name)
    for name, given in contents.items():
        assert save_to is not None
        taken[save(name, given, save_to).absolute()] = name
    if not taken:
        raise InputError("no files were given; name a file, a folder or a glob")
    found.files = list(taken.items())
    return found


def _content_of(source: Any) -> tuple[str, Content] | None:
    """The name and the content of a source that is in no file on the disk; None for the others."""
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], str):
        name, content = source
        if isinstance(content, bytes | bytearray | memoryview) or hasattr(content, "read"):
            return name, content
    name = getattr(source, "name", None)
    if hasattr(source, "read") and isinstance(name, str) and not Path(name).is_file():
        return name, source
    return None


def _path_of(source: object) -> str | os.PathLike[str]:
    """The path of a source, which may be a file of the disk that is open.

    Raises:
        InputError: for anything else; says what is taken.
    """
    if isinstance(source, str | os.PathLike) and isinstance(os.fspath(source), str):
        return source
    name = getattr(source, "name", None)
    if isinstance(name, str) and hasattr(source, "read") and Path(name).is_file():
        return name
    shown = f"{len(source)} bytes" if isinstance(source, bytes | bytearray) else f"a {type(source).__name__}"
    raise InputError(
        "files are given as paths (str or pathlib.Path), folders, globs, open files that have a name, or pairs of a"
        f" name and bytes such as ('report.pdf', data), one by one, not as {shown}"
    )


def _expand(source: str, found: Found, follow_links: bool) -> Iterator[tuple[Path, str]]:
    path = Path(source).expanduser()
    if path.is_dir():
        before = sum(found.passed_over.values())
        files = sorted(_walk(path, found, follow_links))
        if not files:
            others = sum(found.passed_over.values()) - before
            held = f"; its {others} files are of other kinds" if others else ""
            raise InputError(f"the folder {source} holds no documents ({', '.join(sorted(SUFFIXES))}){held}")
        found.within.append(_folder(path))
        yield from ((file, file.relative_to(path).as_posix()) for file in files)
    elif path.exists() or path.is_symlink():
        if not _is_sidecar(path):
            yield path, path.name
    elif glob.has_magic(source):
        matches = sorted(map(Path, glob.glob(str(path), recursive=True)))
        if not matches:
            raise InputError(f"nothing matches {source}")
        found.within.append(_pattern(path))
        fixed = os.path.realpath(_fixed(path))
        for match in matches:
            if not match.is_file() or _is_sidecar(match):
                continue
            if follow_links or _inside(os.path.realpath(match), fixed):
                yield match, match.name
            else:
                found.links.append(match)
    else:
        raise InputError(f"there is no file or folder {source}")


def _walk(root: Path, found: Found, follow_links: bool) -> Iterator[Path]:
    """The files of a folder of kinds that are read; what is passed over is noted."""
    real = os.path.realpath(root)
    seen = {real}
    folders = [(str(root), 0)]
    deep = special = 0
    while folders:
        folder, depth = folders.pop()
        try:
            with os.scandir(folder) as scan:
                entries = list(scan)
        except OSError as error:
            found.notes.append(f"{folder} cannot be looked into: {error.strerror or error}")
            continue
        if any(entry.name == CATALOG for entry in entries):
            continue
        seen.add(os.path.realpath(folder))
        for entry in entries:
            if entry.name.startswith(".") or entry.name.endswith(SIDECAR_SUFFIX):
                continue
            place = Path(entry.path)
            if entry.is_symlink():
                target = os.path.realpath(entry.path)
                known = _is_dir(entry) and target in seen
                if not (follow_links or (_inside(target, real) and _is_file(entry))) or not place.exists() or known:
                    found.links.append(place)
                    continue
                if _is_dir(entry):
                    seen.add(target)
            if _is_dir(entry):
                if depth < DEEPEST:
                    folders.append((entry.path, depth + 1))
                else:
                    deep += 1
            elif not _is_file(entry):
                special += 1
            elif place.suffix.lower() in SUFFIXES:
                yield place
            else:
                found.passed_over[place.suffix.lower()] += 1
    if deep:
        found.notes.append(f"{root} holds folders more than {DEEPEST} deep, which were not looked into")
    if special:
        found.notes.append(f"{root} holds {special} pipes, sockets or devices, which were passed over")


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_sidecar(path: Path) -> bool:
    """Whether a file says something of the document beside it, and is none itself."""
    return path.name.endswith(SIDECAR_SUFFIX) and Path(str(path).removesuffix(SIDECAR_SUFFIX)).exists()


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _fixed(pattern: Path) -> Path:
    """The folder that everything a glob matches lies in."""
    folder = Path()
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        folder /= part
    return folder


def _folder(path: Path) -> Within:
    folder = os.path.normpath(path.absolute())
    return lambda file: _inside(os.path.normpath(file), folder)


def _pattern(path: Path) -> Within:
    parts = Path(os.path.normpath(path.absolute())).parts
    return lambda file: _matches(Path(os.path.normpath(file)).parts, parts)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a glob matches a path, part by part; "**" stands for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[at:], pattern[1:] or ("*",)) for at in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
