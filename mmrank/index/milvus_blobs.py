"""What is kept of a document beside its vectors, as rows of text: in blobs, each of one row or of several.

A blob is bytes under the number of a document and a name: "head" (the document without pages and passages),
"pages.<first>" and "passages.<first>" (runs of packed pages and passages), "arrays", "tokens", and "replica" (what each
machine that asks keeps of the document: its record, its own vectors, its words). A `Layout` says which there are.
"""

from __future__ import annotations

import base64
import json
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mmrank.errors import MmrankError

PART = 49_149
"""Bytes of a blob that one row holds; base64 makes 65,532 letters of them."""
RUN = 40_000
"""Packed bytes of pages, or passages, that are kept together, about: what is read of them at once."""
CHANGE = 0
"""The number in the place of a document's, of blobs that say what a change did."""

Blob = tuple[int, str, int]
"""Number, name, and how many rows it takes."""
Run = tuple[int, int]
"""Its first page or passage, and how many rows its blob takes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which blobs there are of a document, and how many rows each takes; 0 for none."""

    head: int
    pages: tuple[Run, ...]
    passages: tuple[Run, ...]
    tokens: int = 0
    arrays: int = 0
    arrays_name: str = ""
    """Of the blob: another one each time that they are prepared again."""
    arrays_version: str = ""

    def to_json(self) -> bytes:
        """For the catalog of a replica."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Layout:
        """What `to_json` made.

        Raises:
            MmrankError: when it is something else.
        """
        try:
            held = json.loads(data)
            runs: dict[str, Any] = {kind: tuple((int(a), int(b)) for a, b in held.pop(kind)) for kind in RUNS}
            return cls(**runs, **held)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise MmrankError(f"what is kept of a document is damaged ({error}); run `mmrank repair`") from error

    def run(self, kind: str, number: int, at: int) -> Blob:
        """The blob in which a page or passage stands."""
        runs: tuple[Run, ...] = getattr(self, kind)
        first, rows = runs[bisect_right(runs, at, key=lambda run: run[0]) - 1]
        return number, f"{kind}.{first}", rows

    def runs(self, kind: str, number: int) -> list[Blob]:
        """All blobs of pages, or passages, in their order."""
        return [(number, f"{kind}.{first}", rows) for first, rows in getattr(self, kind)]

    def blobs(self, number: int) -> list[Blob]:
        """All blobs."""
        single = [(number, "head", self.head), (number, "tokens", self.tokens), (number, self.arrays_name, self.arrays)]
        return [blob for blob in [*single, *self.runs("pages", number), *self.runs("passages", number)] if blob[2]]


RUNS = ("pages", "passages")


def keys(blob: Blob) -> list[str]:
    """Of the rows of a blob."""
    number, name, rows = blob
    return [f"{number:x}.{name}.{part}" for part in range(rows)]


def rows_of(number: int, name: str, data: bytes, change: str) -> list[dict[str, Any]]:
    """The rows that hold a blob; never none."""
    sealed = zlib.crc32(data).to_bytes(4, "big") + data
    parts = [sealed[at : at + PART] for at in range(0, len(sealed), PART)]
    return [
        {
            "key": key,
            "number": number,
            "change": change,
            "body": base64.b64encode(part).decode(),
            "vector": [0.0, 0.0],
        }
        for key, part in zip(keys((number, name, len(parts))), parts, strict=True)
    ]


def joined(blob: Blob, bodies: Mapping[str, str]) -> bytes | None:
    """The bytes of a blob, of rows by their keys; None where a row is missing.

    Raises:
        MmrankError: when they are damaged.
    """
    wanted = keys(blob)
    if not all(key in bodies for key in wanted):
        return None
    try:
        sealed = b"".join(base64.b64decode(bodies[key], validate=True) for key in wanted)
    except ValueError as error:
        raise MmrankError(f"what Milvus holds of {wanted[0]} is damaged ({error}); run `mmrank verify`") from error
    if zlib.crc32(sealed[4:]).to_bytes(4, "big") != sealed[:4]:
        raise MmrankError(f"what Milvus holds of {wanted[0]} does not match its checksum; run `mmrank verify`")
    return sealed[4:]


def runs_of(bodies: Iterable[bytes]) -> list[tuple[int, bytes]]:
    """Packed pages or passages put together in runs: the first's position, and the bytes that `bodies_of` takes apart.

    >>> [(first, bodies_of(data)) for first, data in runs_of([b"one", b"two"])]
    [(0, [b'one', b'two'])]
    """
    runs: list[tuple[int, list[bytes]]] = []
    size = RUN
    for at, body in enumerate(bodies):
        if size >= RUN:
            runs.append((at, []))
            size = 0
        runs[-1][1].append(body)
        size += len(body)
    return [(first, _together(held)) for first, held in runs]


def bodies_of(data: bytes) -> list[bytes]:
    """What stands in a run.

    Raises:
        MmrankError: when its lengths do not fit.
    """
    count = int.from_bytes(data[:4], "big")
    lengths = [int.from_bytes(data[at : at + 4], "big") for at in range(4, 4 + 4 * count, 4)]
    if len(lengths) != count or 4 + 4 * count + sum(lengths) != len(data):
        raise MmrankError("a run of pages or passages is damaged; run `mmrank verify`")
    found, begin = [], 4 + 4 * count
    for length in lengths:
        found.append(data[begin : begin + length])
        begin += length
    return found


def _together(bodies: Sequence[bytes]) -> bytes:
    lengths = b"".join(len(body).to_bytes(4, "big") for body in bodies)
    return len(bodies).to_bytes(4, "big") + lengths + b"".join(bodies)
