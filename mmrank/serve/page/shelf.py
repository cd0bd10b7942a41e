"""What the page keeps between requests, all of it bounded: lists of documents and pictures of pages."""

from __future__ import annotations

import io
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from mmrank.adding.metadata import FROM_SIDECAR, given_in
from mmrank.collection import Collection
from mmrank.errors import MmrankError
from mmrank.index import DocumentRecord
from mmrank.names import JOINT
from mmrank.pictures import check_content
from mmrank.types import Document, ImageRef

V = TypeVar("V")

FACETS = ("kind", "period", "language", "organisations", "people", "about")
"""Keys of metadata by which documents can be filtered, beside those that people gave."""
UNFILTERED = frozenset({"title", "date"})
MOST_FACETS = 8
MOST_VALUES = 60
"""Values of one key that are offered, the most frequent ones."""
LONGEST_VALUE = 60
"""Characters; longer ones are seldom what anybody filters by."""
PICTURE_BYTES = 48_000_000
"""Pictures that are kept."""


class Recent(Generic[V]):
    """The values that were used last, safe to use from several threads.

    Args:
        most: what is kept at most, by `size`.
        size: of a value.
    """

    def __init__(self, most: int, size: Callable[[V], int] = lambda _: 1) -> None:
        self._kept: OrderedDict[Hashable, V] = OrderedDict()
        self._most, self._size, self._held = most, size, 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The value, where it is kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, value: V) -> V:
        """Keep a value, and let go of those that were not used for longest."""
        with self._lock:
            if key in self._kept:
                self._held -= self._size(self._kept.pop(key))
            self._kept[key] = value
            self._held += self._size(value)
            while self._held > self._most and len(self._kept) > 1:
                self._held -= self._size(self._kept.popitem(last=False)[1])
        return value


@dataclass(frozen=True, slots=True)
class Facet:
    """A key of metadata with its values and how many documents have each, the most frequent first."""

    key: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Holdings:
    """The documents of one version of a collection."""

    version: int
    records: tuple[DocumentRecord, ...]
    facets: tuple[Facet, ...]

    @property
    def pages(self) -> int:
        """Pages of all documents."""
        return sum(record.pages for record in self.records)


class Shelf:
    """What is kept of the collections that are served."""

    def __init__(self) -> None:
        self._holdings: Recent[Holdings] = Recent(16)
        self._pictures: Recent[bytes] = Recent(PICTURE_BYTES, len)

    def holdings(self, collection: Collection) -> Holdings:
        """The documents of a collection as they are now."""
        with collection.store.snapshot() as snapshot:
            kept = self._holdings.get(collection)
            if kept is not None and kept.version == snapshot.version:
                return kept
            records = tuple(snapshot.documents())
            return self._holdings.put(collection, Holdings(snapshot.version, records, facets(records)))

    def document(self, collection: Collection, identifier: str) -> Document:
        """A document by its id.

        Raises:
            InputError: when there is none.
        """
        with collection.store.snapshot() as snapshot:
            return snapshot.document(identifier)

    def picture(self, document: Document, page: int, width: int) -> bytes:
        """A page as a WebP picture about `width` pixels wide; `page` from 0.

        Raises:
            MmrankError: when the file is gone, holds something else now, or cannot be drawn.
        """
        key = (document.id, page, width)
        kept = self._pictures.get(key)
        if kept is not None:
            return kept
        check_file(document)
        shape = document.pages[page]
        pixels = round(width * width * max(0.05, min(20.0, shape.height / max(shape.width, 1.0))))
        picture = ImageRef(document.path, page).open(max_pixels=pixels)
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=88, method=1)
        return self._pictures.put(key, file.getvalue())


def check_file(document: Document) -> None:
    """Make sure that the file of a document still holds what was read from it; read again only when it was touched.

    Raises:
        MmrankError: when it is gone or holds something else.
    """
    try:
        state = Path(document.path).stat()
    except OSError as error:
        raise MmrankError(
            f"the file of {document.name} is not there any more. Put it back to see its pages."
        ) from error
    _check(document.path, document.id, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _check(path: str, digest: str, size: int, changed: int) -> None:
    check_content(path, digest)


def facets(records: Sequence[DocumentRecord]) -> tuple[Facet, ...]:
    """By what documents can be filtered: what was found of them, then what people gave."""
    counted: dict[str, Counter[str]] = {key: Counter() for key in FACETS}
    for record in records:
        given = [*given_in(record), *given_in(record, FROM_SIDECAR)]
        for key in dict.fromkeys([*FACETS, *given]):
            value = record.metadata.get(key, "")
            if not value or key in UNFILTERED:
                continue
            counted.setdefault(key, Counter()).update(
                {part for part in value.split(JOINT) if part and len(part) <= LONGEST_VALUE}
            )
    return tuple(
        Facet(key, tuple(sorted(counts.most_common(MOST_VALUES), key=lambda pair: (-pair[1], pair[0]))))
        for key, counts in list(counted.items())[: len(FACETS) + MOST_FACETS]
        if counts
    )
