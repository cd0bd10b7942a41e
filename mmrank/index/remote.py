"""The file of a collection that says in which Milvus its documents are. The rest of the folder can be made again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from mmrank.errors import MmrankError
from mmrank.index.beneath import POINTER, open_file

LONGEST = 64 << 10
"""Bytes of the file."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the documents of a collection are.

    Attributes:
        uri: of the Milvus server, or the absolute path of a file of Milvus Lite.
        name: of the collection there.
        identity: of the collection, so that another one in its place is noticed.
    """

    uri: str
    name: str
    identity: str

    def written(self) -> bytes:
        """The contents of the file."""
        return (json.dumps(asdict(self), indent=2) + "\n").encode()


def is_remote(path: Path) -> bool:
    """Whether the documents of a collection are elsewhere."""
    return os.path.lexists(path / POINTER)


def read_pointer(path: Path) -> Pointer:
    """Where the documents of a collection are.

    Raises:
        MmrankError: when the file is damaged, or a link.
    """
    try:
        with open_file(path, "", POINTER) as file:
            held = json.loads(file.read(LONGEST))
        pointer = Pointer(**held)
        if not all(isinstance(value, str) and value for value in (pointer.uri, pointer.name, pointer.identity)):
            raise ValueError("it holds no texts")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise MmrankError(
            f"{path / POINTER} is damaged ({error}); move the folder away and open the collection with its uri again"
        ) from error
    return pointer
