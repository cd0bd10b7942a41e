"""Segments: immutable files of raw vectors, in the safetensors format with a checksum.

A segment of passage or document vectors holds three tensors: `vectors` float32 (rows, dimension), `documents`
int64 (rows,), the number of each row's document in the catalog, and `positions` int32 (rows,), the row's place
within its document. A segment of token vectors has one row per passage; its `vectors` are int8 (tokens, dimension)
with `scales` float32 (tokens,), and `offsets` int64 (rows + 1,) says where each passage's tokens begin. A segment of
words holds the arrays of `mmrank.index.postings`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from mmrank.index.postings import PostingsBuilder

VectorKind = Literal["passage", "document", "token"]
Kind = Literal["passage", "document", "token", "words"]
KINDS: tuple[Kind, ...] = ("passage", "document", "token", "words")
HEADER = 1024
"""Bytes before the first tensor: eight of length, then JSON padded with spaces."""

DTYPES = {"F32": "<f4", "I64": "<i8", "I32": "<i4", "U16": "<u2", "I8": "|i1", "U8": "|u1"}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment as the catalog knows it.

    `items` counts vectors or postings; `checksum` is the SHA-256 of everything after the header.
    """

    number: int
    kind: Kind
    file: str
    rows: int
    items: int
    bytes: int
    checksum: str


class TensorFile:
    """A safetensors file that is being written: its first tensor is streamed, the others follow at the end."""

    def __init__(self, folder: Path, number: int, kind: Kind) -> None:
        self._info = (number, kind)
        self._path = folder / f"{number:08d}-{kind}-{secrets.token_hex(4)}.safetensors"
        self._digest = hashlib.sha256()
        self._file: BinaryIO = self._path.open("xb")
        self._file.write(b" " * HEADER)
        self._layout: dict[str, Any] = {}
        self._end = 0
        self._streamed = 0

    def stream(self, array: NDArray[Any]) -> None:
        """Append to the first tensor."""
        self._put(array)
        self._streamed += array.nbytes

    def streamed(self, name: str, dtype: str, shape: list[int]) -> None:
        """Name the streamed tensor, and give its type and shape."""
        self._layout[name] = {"dtype": dtype, "shape": shape, "data_offsets": [0, self._streamed]}
        self._end = self._streamed

    def add(self, name: str, dtype: str, array: NDArray[Any]) -> None:
        """Append a whole tensor."""
        data = np.ascontiguousarray(array, DTYPES[dtype])
        self._layout[name] = {
            "dtype": dtype,
            "shape": list(data.shape),
            "data_offsets": [self._end, self._end + data.nbytes],
        }
        self._end += data.nbytes
        self._put(data)

    def finish(self, rows: int, items: int) -> SegmentInfo:
        """Write the header and make the file durable."""
        number, kind = self._info
        checksum = self._digest.hexdigest()
        header = {**self._layout, "__metadata__": {"kind": kind, "sha256": checksum}}
        text = json.dumps(header, separators=(",", ":")).encode()
        self._file.seek(0)
        self._file.write((HEADER - 8).to_bytes(8, "little") + text.ljust(HEADER - 8))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return SegmentInfo(number, kind, self._path.name, rows, items, HEADER + self._end, checksum)

    def discard(self) -> None:
        """Delete the unfinished file."""
        with contextlib.suppress(OSError):  # a full disk fails again when the buffer is flushed
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _put(self, array: NDArray[Any]) -> None:
        data = array.tobytes() if array.nbytes < 1 << 24 else memoryview(array).cast("B")  # type: ignore[arg-type]
        self._digest.update(data)
        self._file.write(data)


class VectorWriter:
    """Streams vectors into a new segment file; readers see it once the catalog names it."""

    def __init__(self, folder: Path, number: int, kind: VectorKind, dimension: int) -> None:
        self.number = number
        self.kind: VectorKind = kind
        self.rows = 0
        self._dimension = dimension
        self._vectors = 0
        self._documents: list[NDArray[np.int64]] = []
        self._positions: list[NDArray[np.int32]] = []
        self._scales: list[NDArray[np.float32]] = []
        self._lengths: list[NDArray[np.int64]] = []
        self._file = TensorFile(folder, number, kind)

    def append(self, vectors: NDArray[np.float32], documents: NDArray[np.int64], positions: NDArray[np.int32]) -> int:
        """Add rows of vectors (rows, dimension); returns the first one's row number."""
        self._file.stream(np.ascontiguousarray(vectors, "<f4"))
        self._vectors += len(vectors)
        return self._note(documents, positions)

    def append_tokens(
        self,
        codes: NDArray[np.int8],
        scales: NDArray[np.float32],
        lengths: NDArray[np.int64],
        documents: NDArray[np.int64],
        positions: NDArray[np.int32],
    ) -> int:
        """Add rows of quantised tokens: `codes` (tokens, dimension), `lengths` (rows,) tokens per row."""
        self._file.stream(np.ascontiguousarray(codes, "|i1"))
        self._scales.append(scales)
        self._lengths.append(lengths)
        self._vectors += len(codes)
        return self._note(documents, positions)

    def _note(self, documents: NDArray[np.int64], positions: NDArray[np.int32]) -> int:
        start = self.rows
        self._documents.append(documents)
        self._positions.append(positions)
        self.rows += len(documents)
        return start

    def finish(self) -> SegmentInfo:
        """Write what follows the vectors and make the file durable."""
        dtype = "I8" if self.kind == "token" else "F32"
        self._file.streamed("vectors", dtype, [self._vectors, self._dimension])
        self._file.add("documents", "I64", _joined(self._documents, "<i8"))
        self._file.add("positions", "I32", _joined(self._positions, "<i4"))
        if self.kind == "token":
            lengths = _joined(self._lengths, "<i8")
            self._file.add("offsets", "I64", np.concatenate([[0], np.cumsum(lengths)]))
            self._file.add("scales", "F32", _joined(self._scales, "<f4"))
        return self._file.finish(self.rows, self._vectors)

    def discard(self) -> None:
        """Delete the unfinished file."""
        self._file.discard()


class WordsWriter:
    """Collects the words of passages for a new segment file."""

    kind: Kind = "words"

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.builder = PostingsBuilder()
        self._folder = folder
        self._file: TensorFile | None = None

    @property
    def rows(self) -> int:
        """Passages so far."""
        return self.builder.rows

    def finish(self) -> SegmentInfo:
        """Write the file and make it durable."""
        postings = self.builder.build()
        self._file = TensorFile(self._folder, self.number, "words")
        for name, array in postings.arrays().items():
            self._file.add(name, _NAMES[array.dtype.str], array)
        return self._file.finish(len(postings.documents), len(postings.rows))

    def discard(self) -> None:
        """Delete the unfinished file."""
        if self._file:
            self._file.discard()


def _joined(arrays: Sequence[NDArray[Any]], dtype: str) -> NDArray[Any]:
    return np.concatenate(arrays).astype(dtype, copy=False) if arrays else np.zeros(0, dtype)
