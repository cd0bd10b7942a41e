"""Reading segment files: mapped into memory, or read where a mapping could end the process.

A mapped file that is cut while it is mapped kills whoever looks at what is gone (SIGBUS). So lengths are checked before
a file is mapped and again by each new snapshot; on a disk where others may cut files at any moment, they are read.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.index.beneath import SEGMENTS, open_file
from mmrank.index.segments import DTYPES, HEADER, SegmentInfo

BLOCK = 1 << 20
"""Bytes that are read at a time."""

Array = NDArray[Any]
Dimensions = tuple[str | int, ...]

_ROWS: dict[str, tuple[str, Dimensions]] = {"documents": ("I64", ("rows",)), "positions": ("I32", ("rows",))}
_LAYOUTS: dict[str, dict[str, tuple[str, Dimensions]]] = {
    "passage": {"vectors": ("F32", ("rows", "dimension")), **_ROWS},
    "document": {"vectors": ("F32", ("rows", "dimension")), **_ROWS},
    "token": {
        "vectors": ("I8", ("items", "dimension")),
        "scales": ("F32", ("items",)),
        "offsets": ("I64", ("rows + 1",)),
        **_ROWS,
    },
    "words": {
        "lengths": ("I32", ("rows",)),
        "terms": ("U8", ("letters",)),
        "term_offsets": ("I64", ("words + 1",)),
        "starts": ("I64", ("words + 1",)),
        "rows": ("I32", ("items",)),
        "counts": ("U16", ("items",)),
        **_ROWS,
    },
}
"""Type and shape of each tensor, by kind of segment. Equal words are equal numbers."""


class SegmentData:
    """A segment file; its arrays are read-only.

    Args:
        path: the collection.
        info: what its catalog says of the segment.
        mapped: map the file into memory; otherwise it is read.
        dimension: of the vectors, where it is to be checked.

    Raises:
        MmrankError: when the file is missing, is a link, or is not what the catalog says.
    """

    def __init__(self, path: Path, info: SegmentInfo, *, mapped: bool = True, dimension: int | None = None) -> None:
        self.info = info
        self.path = path / SEGMENTS / info.file
        try:
            with open_file(path, SEGMENTS, info.file) as file:
                length = os.fstat(file.fileno()).st_size
                if length != info.bytes:
                    raise MmrankError(
                        f"{self.path} is damaged: it has {length} bytes instead of {info.bytes}; run `mmrank repair`"
                    )
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if mapped and length else None
                data = b"" if self._map else file.read(info.bytes)
        except FileNotFoundError:
            raise MmrankError(f"{self.path} is missing; run `mmrank repair`") from None
        except (OSError, MemoryError) as error:
            raise MmrankError(f"{self.path} cannot be read: {getattr(error, 'strerror', '') or 'no memory'}") from error
        self._data = memoryview(self._map or data)
        try:
            if len(self._data) != info.bytes:
                raise ValueError("it was cut while it was read")
            self._arrays = self._read(dimension)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise MmrankError(f"{self.path} is damaged: {error}; run `mmrank repair`") from error

    def _read(self, dimension: int | None) -> dict[str, Array]:
        if self._data[:8] != (HEADER - 8).to_bytes(8, "little"):
            raise ValueError("its header contradicts the catalog")
        header = json.loads(bytes(self._data[8:HEADER]))
        if header.pop("__metadata__")["sha256"] != self.info.checksum:
            raise ValueError("its header has another checksum than the catalog")
        arrays = {name: self._view(entry) for name, entry in header.items()}
        rows, items = self.info.rows, self.info.items
        known: dict[str | int, int] = {"rows": rows, "rows + 1": rows + 1, "items": items}
        if self.info.kind in ("passage", "document") and items != rows:
            raise ValueError("its header contradicts the catalog")
        if dimension is not None:
            known["dimension"] = dimension
        layout = _LAYOUTS[self.info.kind]
        if arrays.keys() != layout.keys():
            raise ValueError("it holds other tensors than a segment of its kind")
        for name, (dtype, dimensions) in layout.items():
            array = arrays[name]
            if array.dtype.str != DTYPES[dtype] or array.ndim != len(dimensions):
                raise ValueError(f"its {name} are of another type than in a segment of its kind")
            if any(
                known.setdefault(what, length) != length for what, length in zip(dimensions, array.shape, strict=True)
            ):
                raise ValueError(f"its {name} have the shape {array.shape}, which contradicts the rest")
        if known.get("words + 1", 1) < 1:
            raise ValueError("its words have no end")
        return arrays

    def _view(self, entry: dict[str, Any]) -> Array:
        begin, end = entry["data_offsets"]
        shape = entry["shape"]
        if not all(type(number) is int and number >= 0 for number in (begin, end, *shape)):
            raise ValueError("its header contradicts itself")
        dtype = np.dtype(DTYPES[entry["dtype"]])
        if math.prod(shape) * dtype.itemsize != end - begin or HEADER + end > self.info.bytes:
            raise ValueError("its header contradicts itself")
        return np.frombuffer(self._data, dtype, math.prod(shape), HEADER + begin).reshape(shape)

    def check_length(self) -> None:
        """Make sure that the whole mapped file is still there.

        Raises:
            MmrankError: when it was cut since it was mapped.
        """
        if self._map is not None and self._map.size() < self.info.bytes:
            raise MmrankError(f"{self.path} was cut while it was in use; run `mmrank repair`")

    @property
    def arrays(self) -> Mapping[str, Array]:
        """All tensors by name."""
        return self._arrays

    @property
    def vectors(self) -> Array:
        """(items, dimension)."""
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
        """(items,) of a token segment."""
        return self._arrays["scales"]

    def blocks(self, begin: int = 0) -> Iterator[memoryview]:
        """The bytes of the file from some place on, a piece at a time.

        Raises:
            MmrankError: when it was cut since it was mapped.
        """
        for start in range(begin, self.info.bytes, BLOCK):
            self.check_length()
            yield self._data[start : start + BLOCK]

    def checksum(self) -> str:
        """SHA-256 of everything after the header, as the file stands now."""
        digest = hashlib.sha256()
        for block in self.blocks(HEADER):
            digest.update(block)
        return digest.hexdigest()
