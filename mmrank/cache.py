"""The cache folder: everything that mmrank keeps outside a collection and can make again.

    mmrank cache where
    MMRANK_CACHE=/big/disk/mmrank mmrank cache show

The folder holds one folder per kind (see `KINDS`). Each is made when it is first needed and marked by a CACHEDIR.TAG
(https://bford.info/cachedir/), so that backups pass it over and `clear` deletes nothing that mmrank did not make.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmrank.errors import InputError, MmrankError

VARIABLE = "MMRANK_CACHE"
"""The environment variable that names the folder."""

KINDS = {
    "evaluate": "what evaluations read of each file: pages, text, vectors and collections",
    "models": "embedded models and adapters, in the form that their engine loads",
    "reading": "pages of files whose reading was interrupted, for the next one; at most 30 days",
}
"""What is kept, by the name of its folder."""

TAG = "CACHEDIR.TAG"
TAG_TEXT = """Signature: 8a477f597d28d172789f06886806bc55
# Made by mmrank. What is in this folder can be deleted (mmrank cache clear); mmrank makes it again when needed.
"""


@dataclass(frozen=True, slots=True)
class CacheSize:
    """How much one kind takes: `files` counts files, `bytes` is the sum of their sizes."""

    kind: str
    path: Path
    files: int
    bytes: int


def cache_root() -> Path:
    """The cache folder, made or not: `MMRANK_CACHE`, else `mmrank` in `XDG_CACHE_HOME`, else in ~/.cache."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "mmrank"


def cache_folder(kind: str) -> Path:
    """The folder of one kind, made where it is missing.

    Raises:
        InputError: for an unknown kind; lists the known ones.
        MmrankError: when it cannot be made.
    """
    _check_kind(kind)
    folder = cache_root() / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            (folder / TAG).write_text(TAG_TEXT, encoding="utf-8")
    except OSError as error:
        raise MmrankError(
            f"{folder} cannot be used: {error.strerror or error}. Set {VARIABLE} to a folder that can be written"
        ) from error
    return folder


def cache_sizes() -> list[CacheSize]:
    """How much each kind takes. Links are not followed and count nothing."""
    sizes = []
    for kind in KINDS:
        folder = cache_root() / kind
        found = list(_file_sizes(folder)) if folder.is_dir() and not folder.is_symlink() else []
        sizes.append(CacheSize(kind, folder, len(found), sum(found)))
    return sizes


def clear_cache(kind: str) -> None:
    """Delete what is kept of one kind. Links in it are deleted, never what they point to.

    The folder is renamed first: another process finds it whole or not at all.

    Raises:
        InputError: for an unknown kind, and for a folder that is a link or that mmrank did not make.
        MmrankError: when it cannot be deleted.
    """
    _check_kind(kind)
    folder = cache_root() / kind
    if folder.is_symlink():
        raise InputError(f"{folder} is a link to {folder.readlink()}; delete what it points to yourself")
    if folder.is_dir() and not (folder / TAG).is_file():
        raise InputError(f"{folder} holds no {TAG}, so mmrank did not make it; delete it yourself if it can go")
    try:
        if folder.is_dir():
            folder.rename(folder.with_name(f".{kind}-{secrets.token_hex(4)}.deleted"))
        for leftover in folder.parent.glob(f".{kind}-*.deleted"):
            if not leftover.is_symlink():
                shutil.rmtree(leftover)
    except OSError as error:
        raise MmrankError(f"{folder} cannot be deleted: {error.strerror or error}") from error


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"nothing is kept in the cache under the name {kind!r}; there are: {', '.join(KINDS)}")


def _file_sizes(folder: Path) -> Iterator[int]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _file_sizes(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False).st_size
