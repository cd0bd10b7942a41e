"""Postings: for every word the passages it occurs in, in a form that is mapped from disk as it is.

Rows are passages. `terms` is the UTF-8 bytes of all words in byte order, one after the other, word i from
`term_offsets[i]` to `term_offsets[i + 1]`; its postings stand from `starts[i]` to `starts[i + 1]` in `rows`
(ascending) and `counts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.index.tokenizer import placed_words

FREEZE = 4_000_000
"""Postings that a builder collects before it packs them."""

CHUNK = 4_000_000
"""Postings that a merge moves at a time."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Words and where they occur; see the module's description."""

    documents: NDArray[np.int64]
    positions: NDArray[np.int32]
    lengths: NDArray[np.int32]
    """(rows,) words of each passage."""
    terms: NDArray[np.uint8]
    term_offsets: NDArray[np.int64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint16]

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Postings:
        """From named arrays, as a segment file holds them."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Named arrays, for a segment file."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def find(self, term: bytes) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Rows that hold a word, ascending, and how often each does; empty where none does."""
        low, high = 0, len(self.term_offsets) - 1
        while low < high:
            middle = (low + high) // 2
            if self._term(middle) < term:
                low = middle + 1
            else:
                high = middle
        if low == len(self.term_offsets) - 1 or self._term(low) != term:
            return self.rows[:0], self.counts[:0]
        begin, end = int(self.starts[low]), int(self.starts[low + 1])
        return self.rows[begin:end], self.counts[begin:end]

    def vocabulary(self) -> list[bytes]:
        """All words, in byte order."""
        blob, bounds = self.terms.tobytes(), self.term_offsets.tolist()
        return [blob[begin:end] for begin, end in pairwise(bounds)]

    def _term(self, at: int) -> bytes:
        return self.terms[self.term_offsets.item(at) : self.term_offsets.item(at + 1)].tobytes()


class PostingsBuilder:
    """Collects passages, and rows of other postings, into one `Postings`."""

    def __init__(self) -> None:
        self.rows = 0
        self._parts: list[tuple[Postings, NDArray[np.int64] | None]] = []
        self._fresh()

    def _fresh(self) -> None:
        self._known: dict[str, int] = {}
        self._terms: list[int] = []
        self._rows: list[int] = []
        self._counts: list[int] = []
        self._documents: list[int] = []
        self._positions: list[int] = []
        self._lengths: list[int] = []

    def add(self, document: int, texts: Iterable[str]) -> int:
        """Add the passages of a document in their order; returns the first one's row number."""
        start = self.rows
        for position, text in enumerate(texts):
            found, places = placed_words(text)
            words = Counter(found)
            row = len(self._documents)
            for word, count in words.items():
                self._terms.append(self._known.setdefault(word, len(self._known)))
                self._counts.append(count)
            self._rows.extend([row] * len(words))
            self._documents.append(document)
            self._positions.append(position)
            self._lengths.append(places[-1] + 1 if places else 0)
            self.rows += 1
        if len(self._terms) > FREEZE:
            self._freeze()
        return start

    def take(self, postings: Postings, rows: NDArray[np.int64]) -> int:
        """Add some rows (ascending) of other postings; returns the first one's new row number."""
        self._freeze()
        start = self.rows
        self._parts.append((postings, rows))
        self.rows += len(rows)
        return start

    def build(self) -> Postings:
        """The postings of everything that was added."""
        self._freeze()
        if len(self._parts) == 1 and self._parts[0][1] is None:
            return self._parts[0][0]
        return merge(self._parts)

    def _freeze(self) -> None:
        if not self._documents:
            return
        names = [word.encode() for word in self._known]
        order = sorted(range(len(names)), key=names.__getitem__)
        rank = np.empty(len(names), np.int64)
        rank[order] = np.arange(len(names))
        terms = rank[np.array(self._terms, np.int64)] if self._terms else np.zeros(0, np.int64)
        by_term = np.argsort(terms, kind="stable")  # rows stay ascending within a word
        counts = np.minimum(np.array(self._counts, np.int64), 65_535)
        self._parts.append(
            (
                Postings(
                    documents=np.array(self._documents, np.int64),
                    positions=np.array(self._positions, np.int32),
                    lengths=np.array(self._lengths, np.int32),
                    terms=np.frombuffer(b"".join(names[at] for at in order), np.uint8),
                    term_offsets=_offsets([len(names[at]) for at in order]),
                    starts=_offsets(np.bincount(terms, minlength=len(names))),
                    rows=np.array(self._rows, np.int32)[by_term],
                    counts=counts.astype(np.uint16)[by_term],
                ),
                None,
            )
        )
        self._fresh()


def merge(parts: Sequence[tuple[Postings, NDArray[np.int64] | None]]) -> Postings:
    """One `Postings` of several, each with the rows to keep (ascending; None for all), in their order."""
    vocabularies = [part.vocabulary() for part, _ in parts]
    names = sorted(set().union(*vocabularies))
    place = {name: at for at, name in enumerate(names)}
    lengths = np.zeros(len(names), np.int64)
    moves: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []  # global term, new row or -1 (both per part)
    base = 0
    for (part, keep), vocabulary in zip(parts, vocabularies, strict=True):
        terms = np.fromiter(map(place.__getitem__, vocabulary), np.int64, len(vocabulary))
        fresh = np.full(len(part.documents), -1, np.int64)
        kept = np.arange(len(part.documents)) if keep is None else keep
        fresh[kept] = base + np.arange(len(kept))
        base += len(kept)
        moves.append((terms, fresh))
        for begin, end in _chunks(part):
            alive = fresh[part.rows[begin:end]] >= 0
            lengths += np.bincount(_terms_of(part, terms, begin, end)[alive], minlength=len(names))
    used = np.flatnonzero(lengths)
    starts = _offsets(lengths)
    rows, counts = np.empty(int(starts[-1]), np.int32), np.empty(int(starts[-1]), np.uint16)
    cursor = starts[:-1].copy()
    for (part, _), (terms, fresh) in zip(parts, moves, strict=True):
        for begin, end in _chunks(part):
            owner = _terms_of(part, terms, begin, end)
            moved = fresh[part.rows[begin:end]]
            alive = moved >= 0
            owner, moved = owner[alive], moved[alive]
            if not len(owner):
                continue
            # Within a chunk equal words stand together: their places count up from the word's cursor.
            first = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
            run = np.diff(np.concatenate([first, [len(owner)]]))
            target = np.repeat(cursor[owner[first]] - first, run) + np.arange(len(owner))
            rows[target], counts[target] = moved, part.counts[begin:end][alive]
            cursor[owner[first]] += run
    chosen = [slice(None) if keep is None else keep for _, keep in parts]
    return Postings(
        documents=_concatenated([part.documents[at] for (part, _), at in zip(parts, chosen, strict=True)], np.int64),
        positions=_concatenated([part.positions[at] for (part, _), at in zip(parts, chosen, strict=True)], np.int32),
        lengths=_concatenated([part.lengths[at] for (part, _), at in zip(parts, chosen, strict=True)], np.int32),
        terms=np.frombuffer(b"".join(names[at] for at in used), np.uint8),
        term_offsets=_offsets([len(names[at]) for at in used]),
        starts=_offsets(lengths[used]),
        rows=rows,
        counts=counts,
    )


def _chunks(part: Postings) -> Iterable[tuple[int, int]]:
    for begin in range(0, len(part.rows), CHUNK):
        yield begin, min(begin + CHUNK, len(part.rows))


def _terms_of(part: Postings, terms: NDArray[np.int64], begin: int, end: int) -> NDArray[np.int64]:
    """The (global) word of each posting of a chunk."""
    first = int(np.searchsorted(part.starts, begin, "right")) - 1
    last = int(np.searchsorted(part.starts, end, "left"))
    bounds = np.clip(part.starts[first : last + 1], begin, end)
    return np.repeat(terms[first:last], np.diff(bounds))


def _offsets(lengths: Any) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.asarray(lengths, np.int64))])


def _concatenated(arrays: Sequence[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *arrays])
