"""What the page keeps between requests, all of it bounded: lists of documents, and by what they can be filtered."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mmrank.adding.metadata import FROM_SIDECAR, given_in
from mmrank.collection import Collection
from mmrank.index import DocumentRecord
from mmrank.names import JOINT
from mmrank.types import Document

V = TypeVar("V")

FACETS = ("kind", "period", "language", "organisations", "people", "about")
"""Keys of metadata by which documents can be filtered, beside those that people gave."""
UNFILTERED = frozenset({"title", "date"})
MOST_FACETS = 8
MOST_VALUES = 60
"""Values of one key that are offered, the most frequent ones."""
LONGEST_VALUE = 60
"""Characters; longer ones are seldom what anybody filters by."""


class Recent(Generic[V]):
    """The values that were used last, safe to use from several threads.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[Hashable, V] = OrderedDict()
        self._most = most
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
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
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
