"""Segments: immutable files of raw vectors, in the safetensors format with a checksum.

A segment of passage or document vectors holds three tensors: `vectors` float32 (rows, dimension), `documents`
int64 (rows,), the number of each row's document in the catalog, and `positions` int32 (rows,), the row's place
within its document. A segment of token vectors has one row a passage; its `vectors` are int8 (tokens, dimension)
with `scales` float32 (tokens,), and `offsets` int64 (rows + 1,) says where each passage's tokens begin.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError

Kind = Literal["passage", "document", "token"]
HEADER = 1024
"""Bytes before the first tensor: eight of length, then JSON padded with spaces."""

_DTYPES = {"F32": "<f4", "I64": "<i8", "I32": "<i4", "I8": "|i1"}


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment as the catalog knows it. `checksum` is the SHA-256 of everything after the header."""

    number: int
    kind: Kind
    file: str
    rows: int
    vectors: int
    bytes: int
    checksum: str


class SegmentWriter:
    """Streams rows into a new segment file; nobody sees it until the catalog names it."""

    def __init__(self, folder: Path, number: int, kind: Kind, dimension: int) -> None:
        self.number = number
        self.kind: Kind = kind
        self.rows = 0
        self._dimension = dimension
        self._vectors = 0
        self._path = folder / f"{number:08d}-{kind}-{secrets.token_hex(4)}.safetensors"
        self._documents: list[NDArray[np.int64]] = []
        self._positions: list[NDArray[np.int32]] = []
        self._scales: list[NDArray[np.float32]] = []
        self._lengths: list[NDArray[np.int64]] = []
        self._digest = hashlib.sha256()
        self._file: BinaryIO = self._path.open("xb")
        self._file.write(b" " * HEADER)

    def append(self, vectors: NDArray[Any], documents: NDArray[np.int64], positions: NDArray[np.int32]) -> int:
        """Add rows of float32 vectors (rows, dimension); returns the first one's row number."""
        start = self.rows
        self._put(np.ascontiguousarray(vectors, "<f4"))
        self._documents.append(documents)
        self._positions.append(positions)
        self.rows += len(documents)
        self._vectors += len(vectors)
        return start

    def append_tokens(
        self,
        codes: NDArray[np.int8],
        scales: NDArray[np.float32],
        lengths: NDArray[np.int64],
        documents: NDArray[np.int64],
        positions: NDArray[np.int32],
    ) -> int:
        """Add rows of quantised tokens: `codes` (tokens, dimension), `lengths` (rows,) tokens a row."""
        start = self.rows
        self._put(np.ascontiguousarray(codes, "|i1"))
        self._scales.append(scales)
        self._lengths.append(lengths)
        self._documents.append(documents)
        self._positions.append(positions)
        self.rows += len(documents)
        self._vectors += len(codes)
        return start

    def finish(self) -> SegmentInfo:
        """Write what follows the vectors and the header, and make the file durable."""
        tensors: dict[str, tuple[str, list[int]]] = {
            "vectors": ("I8" if self.kind == "token" else "F32", [self._vectors, self._dimension])
        }
        end = self._vectors * self._dimension * (1 if self.kind == "token" else 4)
        layout = {"vectors": [0, end]}
        tail: list[tuple[str, str, NDArray[Any]]] = [
            ("documents", "I64", _joined(self._documents, "<i8")),
            ("positions", "I32", _joined(self._positions, "<i4")),
        ]
        if self.kind == "token":
            offsets = np.concatenate([[0], np.cumsum(_joined(self._lengths, "<i8"))]).astype("<i8")
            tail += [("offsets", "I64", offsets), ("scales", "F32", _joined(self._scales, "<f4"))]
        for name, dtype, array in tail:
            tensors[name] = (dtype, list(array.shape))
            layout[name] = [end, end + array.nbytes]
            end += array.nbytes
            self._put(array)
        checksum = self._digest.hexdigest()
        header: dict[str, Any] = {
            name: {"dtype": dtype, "shape": shape, "data_offsets": layout[name]}
            for name, (dtype, shape) in tensors.items()
        }
        header["__metadata__"] = {"kind": self.kind, "sha256": checksum}
        text = json.dumps(header, separators=(",", ":")).encode()
        self._file.seek(0)
        self._file.write((HEADER - 8).to_bytes(8, "little") + text.ljust(HEADER - 8))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return SegmentInfo(self.number, self.kind, self._path.name, self.rows, self._vectors, HEADER + end, checksum)

    def discard(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _put(self, array: NDArray[Any]) -> None:
        data = array.tobytes()
        self._digest.update(data)
        self._file.write(data)


def _joined(arrays: Sequence[NDArray[Any]], dtype: str) -> NDArray[Any]:
    return np.concatenate(arrays).astype(dtype, copy=False) if arrays else np.zeros(0, dtype)


class SegmentData:
    """A segment file mapped into memory; its arrays are read-only views."""

    def __init__(self, folder: Path, info: SegmentInfo) -> None:
        self.info = info
        path = folder / info.file
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size != info.bytes:
                    raise MmrankError(
                        f"{path} is damaged: it has {size} bytes instead of {info.bytes}; run `mmrank repair`"
                    )
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise MmrankError(f"{path} is missing; run `mmrank repair`") from None
        try:
            header = json.loads(self._map[8:HEADER])
            self._arrays = {name: self._view(entry) for name, entry in header.items() if name != "__metadata__"}
            if header["__metadata__"]["sha256"] != info.checksum:
                raise ValueError("its header has another checksum than the catalog")
            if self._map[:8] != (HEADER - 8).to_bytes(8, "little") or len(self.documents) != info.rows:
                raise ValueError("its header contradicts the catalog")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MmrankError(f"{path} is damaged: {error}; run `mmrank repair`") from error
        self.path = path

    def _view(self, entry: dict[str, Any]) -> NDArray[Any]:
        begin, end = entry["data_offsets"]
        dtype = np.dtype(_DTYPES[entry["dtype"]])
        count = int(np.prod(entry["shape"]))
        if count * dtype.itemsize != end - begin or HEADER + end > self.info.bytes or begin < 0:
            raise ValueError("its header contradicts itself")
        return np.frombuffer(self._map, dtype, count, HEADER + begin).reshape(entry["shape"])

    @property
    def vectors(self) -> NDArray[Any]:
        """(vectors, dimension)."""
        return self._arrays["vectors"]

    @property
    def documents(self) -> NDArray[np.int64]:
        """(rows,) numbers of documents."""
        return self._arrays["documents"]

    @property
    def positions(self) -> NDArray[np.int32]:
        """(rows,) places within the document."""
        return self._arrays["positions"]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """(rows + 1,) of a token segment."""
        return self._arrays["offsets"]

    @property
    def scales(self) -> NDArray[np.float32]:
        """(vectors,) of a token segment."""
        return self._arrays["scales"]

    def checksum(self) -> str:
        """SHA-256 of everything after the header, as the file stands now."""
        return hashlib.sha256(memoryview(self._map)[HEADER:]).hexdigest()
