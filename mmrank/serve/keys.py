"""Keys that clients show: random, kept as hashes, each for reading or writing, for some collections or all.

A key has 256 random bits, so one round of SHA-256 keeps it; what is slow against guessed passwords is not needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmrank.errors import InputError, MmrankError
from mmrank.printable import printable

PREFIX = "mmrank_"
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Access:
    """What a client may do.

    Attributes:
        name: of its key; "" where the service asks for none.
        write: whether it may change collections, not only read them.
        collections: names of those it may see; None for all.
    """

    name: str = ""
    write: bool = True
    collections: tuple[str, ...] | None = None

    def sees(self, collection: str) -> bool:
        """Whether it may see a collection."""
        return self.collections is None or collection in self.collections


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept."""

    name: str
    hash: str
    write: bool
    collections: tuple[str, ...] | None
    made: str


class Keys:
    """The keys in a file. What others write to it counts with the next request.

    Args:
        path: a JSON file; need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._known: dict[str, Key] = {}

    def access(self, shown: str) -> Access | None:
        """What the key that a client shows allows; None for one that is not known.

        Raises:
            MmrankError: when the file cannot be read.
        """
        key = self._current().get(_hash(shown))
        return None if key is None else Access(key.name, key.write, key.collections)

    def list(self) -> list[Key]:
        """The keys, in the order in which they were made.

        Raises:
            MmrankError: when the file cannot be read.
        """
        return list(self._current().values())

    def add(self, name: str, *, write: bool = False, collections: Sequence[str] | None = None) -> str:
        """Make a key and keep its hash. What is returned is shown once and kept nowhere.

        Args:
            name: to tell it from others in lists and in the log.
            write: whether it may change collections.
            collections: names of those it may see; None for all.

        Raises:
            InputError: for a name that is taken or cannot be one.
            MmrankError: when the file cannot be read or written.
        """
        if not name.strip() or len(name) > LONGEST_NAME or printable(name) != name or "\n" in name:
            raise InputError(f"a key's name has 1 to {LONGEST_NAME} printable characters, not {name[:100]!r}")
        known = self.list()
        if any(key.name == name for key in known):
            raise InputError(f"{self.path} has a key {name!r} already; remove it first, or choose another name")
        shown = PREFIX + secrets.token_urlsafe(32)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        chosen = None if collections is None else tuple(collections)
        self._write([*known, Key(name, _hash(shown), write, chosen, made)])
        return shown

    def remove(self, name: str) -> None:
        """Forget a key.

        Raises:
            InputError: when there is none of this name.
            MmrankError: when the file cannot be read or written.
        """
        known = self.list()
        left = [key for key in known if key.name != name]
        if len(left) == len(known):
            there = ", ".join(key.name for key in known) or "none"
            raise InputError(f"{self.path} has no key {name!r}; there are: {there}")
        self._write(left)

    def _current(self) -> dict[str, Key]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise MmrankError(f"{self.path} cannot be read: {error.strerror or error}") from error
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        with self._lock:
            if seen != self._seen:
                self._known, self._seen = self._read(), seen
            return self._known

    def _read(self) -> dict[str, Key]:
        try:
            rows = json.loads(self.path.read_bytes())["keys"]
            return {key.hash: key for key in map(_key, rows)}
        except OSError as error:
            raise MmrankError(f"{self.path} cannot be read: {error.strerror or error}") from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise MmrankError(f"{self.path} is no file of keys; `mmrank keys add` makes one") from error

    def _write(self, keys: Sequence[Key]) -> None:
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"keys": [asdict(key) for key in keys]}, file, indent=2)
            draft.replace(self.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise MmrankError(f"{self.path} cannot be written: {error.strerror or error}") from error


def _key(row: Any) -> Key:
    collections = row["collections"]
    if collections is not None:
        collections = tuple(str(name) for name in collections)
    if type(row["write"]) is not bool or not isinstance(collections, tuple | None):
        raise ValueError("write is true or false")
    return Key(str(row["name"]), str(row["hash"]), row["write"], collections, str(row["made"]))


def _hash(shown: str) -> str:
    return hashlib.sha256(shown.encode("utf-8", "replace")).hexdigest()
