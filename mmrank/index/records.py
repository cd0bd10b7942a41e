"""What the store returns about its contents, and its errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from mmrank.errors import InputError, MmrankError
from mmrank.names import ATTACHED, TWINS, UNREAD

Level = Literal["passage", "document"]
"""What a search returns: single passages, or whole documents."""


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """Everything that decides what a stored vector means. Vectors of different identities do not mix.

    `dtype` is what they were computed in; it is stored but not compared: on other
    machines vectors differ by rounding only.
    """

    name: str
    revision: str
    dimension: int
    dtype: str = field(default="float32", compare=False)
    pooling: str = "mean"
    max_tokens: int = 0
    max_pixels: int = 0
    multi_vector: bool = False

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise InputError(f"encoder {self.name}: a vector needs at least one dimension, got {self.dimension}")

    def __str__(self) -> str:
        return f"{self.name} (revision {self.revision[:12]}, {self.dimension} dimensions)"

    def differences(self, other: EncoderIdentity) -> list[str]:
        """The fields in which two identities differ, as "field: mine, theirs"."""
        mine, theirs = asdict(self), asdict(other)
        return [f"{key}: {mine[key]}, {theirs[key]}" for key in mine if key != "dtype" and mine[key] != theirs[key]]


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One line of the list of documents. `added` is in UTC; `date` is the metadata's date, else `added`'s."""

    id: str
    name: str
    path: str
    title: str
    pages: int
    passages: int
    added: datetime
    date: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def twins(self) -> tuple[FilePlace, ...]:
        """Further files with the same content."""
        return twins_of(self.metadata)

    @property
    def places(self) -> tuple[FilePlace, ...]:
        """The document's own file, and its twins."""
        return (FilePlace(self.name, self.path), *self.twins)

    @property
    def unread(self) -> dict[int, str]:
        """The pages that could not be read, 0-based, and why."""
        return unread_pages(self.metadata, self.pages)

    @property
    def attached(self) -> tuple[str, ...]:
        """Names of the files that are attached to it."""
        return attached_names(self.metadata)


def twins_of(metadata: Mapping[str, str]) -> tuple[FilePlace, ...]:
    """The further files with a document's content, from its metadata."""
    return tuple(FilePlace(name, path) for name, path in _rows(metadata, TWINS, str, str))


def attached_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the files that are attached to a document, from its metadata."""
    try:
        names = json.loads(metadata.get(ATTACHED, "[]"))
    except (ValueError, RecursionError):
        return ()
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()


def unread_pages(metadata: Mapping[str, str], pages: int) -> dict[int, str]:
    """The pages that could not be read, of so many, and why, from the metadata of a document."""
    return {
        page: reason
        for first, last, reason in _rows(metadata, UNREAD, int, int, str)
        for page in range(max(0, first), min(last, pages - 1) + 1)
    }


def _rows(metadata: Mapping[str, str], key: str, *types: type) -> list[Any]:
    """The rows of a JSON value; rows of another form, which mmrank never wrote, are left out."""
    try:
        rows = json.loads(metadata.get(key, "[]"))
    except (ValueError, RecursionError):
        return []
    return [
        row
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, list) and len(row) == len(types) and all(map(isinstance, row, types))
    ]


class FilePlace(NamedTuple):
    """A file, and the name it has in the collection."""

    name: str
    path: str


class DocumentPlace(NamedTuple):
    """Where a document stands: its number in the catalog, its name in the collection, and its file."""

    id: str
    number: int
    name: str
    path: str


class Match(NamedTuple):
    """One result of a search: a passage by its position, or a whole document (position None)."""

    document_id: str
    position: int | None
    score: float


class StoreLockedError(MmrankError):
    """Another writer is at work."""


class UnreachableError(MmrankError):
    """What holds a collection does not answer, and did not for as long as was waited: nothing else will succeed."""


class DuplicateContentError(MmrankError):
    """The content of this file is in the collection already, under another name."""

    def __init__(self, name: str, existing: str) -> None:
        super().__init__(f"{name}: the same content is in the collection already, as {existing}")
        self.name = name
        self.existing = existing


def record_checksum(*fields: object) -> bytes:
    """SHA-256 over the fields of a document's row."""
    digest = hashlib.sha256()
    for value in fields:
        digest.update(value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.digest()
