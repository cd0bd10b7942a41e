"""What readers looked up in the catalog lately, shared by all snapshots of a store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from mmrank.types import Document, Page, Passage

Value = TypeVar("Value")

MOST_IDS = 1_000_000
"""Ids of documents that are remembered."""


class Recent(Generic[Value]):
    """The values used most recently, by key. Safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Any, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> Value | None:
        """The value of a key, if it is still held."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: object, value: Value) -> None:
        """Hold a value, and drop the one that was not used for longest."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)


class Lookups:
    """What the snapshots of a store have looked up, so that they need not do it again."""

    def __init__(self) -> None:
        self.documents: Recent[Document] = Recent(8)
        """By number. Few: a whole report takes tens of megabytes."""
        self.pages: Recent[Page] = Recent(256)
        """By number of the document, and page."""
        self.passages: Recent[Passage] = Recent(2048)
        """By number of the document, and position."""
        self.filters: Recent[dict[int, list[tuple[int, int]]]] = Recent(64)
        """Rows of each segment that a filter leaves, by version, kind and filter."""
        self.ids: dict[int, str] = {}
        """Number → id. A number is never used twice, so what was looked up once stays true."""

    def remember_ids(self, ids: Mapping[int, str]) -> None:
        """Add ids; beyond `MOST_IDS` the earlier ones are forgotten."""
        if len(self.ids) > MOST_IDS:
            self.ids = dict(ids)
        else:
            self.ids.update(ids)
