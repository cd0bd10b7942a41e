"""The pages that are ranked together, side by side as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.index import inner_products
from mmrank.lexical import bm25, idf
from mmrank.retrieve.document_arrays import DocumentArrays, PageView
from mmrank.retrieve.features import DocumentFeatures
from mmrank.retrieve.prepared import KIND_BITS, word_key
from mmrank.retrieve.stored_document import Lazy
from mmrank.types import ElementKind

Flags = NDArray[np.bool_]


class Pool:
    """The pages of one or more documents, side by side: what is ranked together.

    Attributes:
        pages: what is known of each page, document after document.
        owner: (pages,), the document each page belongs to, by position in `documents`.
        number: (pages,), its 0-based page in that document.
        first, last: (documents,), the first and the last page of each document, by position in `pages`.
        first_passage: (documents,), the first passage of each document.
        passage_page: (passages,), the page of each passage, by position in `pages`.
        page_words, passage_words: words over pages and BM25 over passages.

    Args:
        documents: the documents.
        maxsim: (passages,), similarity of each passage and the question token by token, −1 to 1; None without a
            multi-vector encoder.
    """

    def __init__(self, documents: Sequence[DocumentFeatures], maxsim: NDArray[np.float64] | None = None) -> None:
        self.documents = list(documents)
        self._maxsim = maxsim
        self._cosines: tuple[NDArray[np.float32], NDArray[np.float64]] | None = None
        self._prepared = [document.prepared for document in self.documents]
        counts = [one.page_count for one in self._prepared]
        self.owner = np.repeat(np.arange(len(counts)), counts)
        starts = np.cumsum([0, *counts])
        self.first = starts[:-1]
        self.last = starts[1:] - 1
        self.number = np.arange(len(self.owner)) - self.first[self.owner]
        self.passage_page = _joined(
            [document.passage_pages + start for document, start in zip(self.documents, starts.tolist(), strict=False)],
            np.int64,
        )
        self._passage_starts = np.cumsum([0, *(len(document.passage_pages) for document in self.documents)])
        self.first_passage = self._passage_starts[:-1]
        self.pages: Sequence[PageView] = Lazy(len(self.owner), self._page)
        lookup = _Lookup(self._prepared)
        self.page_words = PageWords(self, lookup)
        self.passage_words = PassageWords(self, lookup)

    def __len__(self) -> int:
        return len(self.owner)

    def _page(self, at: int) -> PageView:
        return PageView(self._prepared[int(self.owner[at])], int(self.number[at]))

    # Passages

    def similarities(self, vector: NDArray[np.float32], passages: slice = slice(None)) -> NDArray[np.float64]:
        """Similarity of passages and the question: MaxSim where there is one, else the cosine of their vectors."""
        if self._maxsim is not None:
            return self._maxsim[passages]
        if self._cosines is None or self._cosines[0] is not vector:
            found = [inner_products(document.vectors, vector) for document in self.documents if len(document.vectors)]
            self._cosines = vector, _joined(found, np.float64)
        return self._cosines[1][passages]

    def page_max(self, passage_scores: NDArray[np.float64], empty: float) -> NDArray[np.float64]:
        """The best passage of each page; `empty` for pages without passages. (passages,) to (pages,)."""
        best = np.full(len(self), -np.inf)
        np.maximum.at(best, self.passage_page, passage_scores)
        best[np.isneginf(best)] = empty
        return best

    # Pages

    def label(self, at: int) -> str | None:
        """The printed number of a page."""
        return self._prepared[int(self.owner[at])].labels[int(self.number[at])]

    @cached_property
    def numeric_share(self) -> NDArray[np.float64]:
        """(pages,) share of the words that hold a digit, 0 to 1."""
        return _joined([one.arrays["numeric_share"] for one in self._prepared], np.float64)

    @cached_property
    def _kinds(self) -> NDArray[np.uint16]:
        return _joined([one.arrays["kinds"] for one in self._prepared], np.uint16)

    def has_kind(self, kind: ElementKind) -> Flags:
        """(pages,) where an element of this kind stands."""
        return (self._kinds & KIND_BITS[kind]) != 0


class _Lookup:
    """The numbers of words in each document, looked up once."""

    def __init__(self, prepared: Sequence[DocumentArrays]) -> None:
        self.prepared = prepared
        self._known: dict[tuple[str, ...], list[NDArray[np.int64]]] = {}

    def numbers(self, words: tuple[str, ...]) -> list[NDArray[np.int64]]:
        """Per document the number of each word, −1 where it has none."""
        if words not in self._known:
            keys = np.array([word_key(word) for word in words], np.uint64)
            self._known[words] = [one.find(keys) for one in self.prepared]
        return self._known[words]


class PageWords:
    """Which pages of a pool hold which words."""

    def __init__(self, pool: Pool, lookup: _Lookup) -> None:
        self._pool = pool
        self._lookup = lookup
        self._idf: dict[str, float] = {}
        self._on_page: dict[tuple[tuple[str, ...], int], list[str]] = {}

    def idf(self, word: str) -> float:
        """How much a word tells among these pages; higher for rarer words."""
        if word not in self._idf:
            self.weights((word,))
        return self._idf[word]

    def weights(self, words: Sequence[str]) -> Mapping[str, float]:
        """The `idf` of several words."""
        asked = tuple(words)
        held = np.zeros(len(asked), np.int64)
        for one, numbers in zip(self._lookup.prepared, self._lookup.numbers(asked), strict=True):
            there = numbers >= 0
            held[there] += one.arrays["page_frequency"][numbers[there]]
        found = {word: idf(len(self._pool), count) for word, count in zip(asked, held.tolist(), strict=True)}
        self._idf.update(found)
        return found

    def on_page(self, words: Sequence[str], at: int) -> list[str]:
        """Those of some words that one page of the pool holds, in their order."""
        asked = tuple(words)
        found = self._on_page.get((asked, at))
        if found is None:
            owner, number = int(self._pool.owner[at]), int(self._pool.number[at])
            prepared, numbers = self._lookup.prepared[owner], self._lookup.numbers(asked)[owner].tolist()
            found = [
                word
                for word, known in zip(asked, numbers, strict=True)
                if known >= 0 and prepared.has_word(known, number)
            ]
            self._on_page[asked, at] = found
        return found

    def known(self, words: Sequence[str]) -> list[bool]:
        """Whether a page or a passage holds each word."""
        numbers = self._lookup.numbers(tuple(words))
        return (
            [bool(held) for held in np.any([one >= 0 for one in numbers], axis=0)] if numbers else [False] * len(words)
        )

    def beginning(self, letter: str) -> set[str]:
        """The words of letters only that begin with a letter."""
        return set().union(*(one.beginning(letter) for one in self._lookup.prepared))

    def side_by_side(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether the words of each pair stand one after the other on a page."""
        return [bool(there.any()) for there in self.neighbours(pairs)]

    def in_headings(self, words: Sequence[str]) -> Flags:
        """(words, pages) where a word stands in a title, heading or caption."""
        asked = tuple(words)
        found = np.zeros((len(asked), len(self._pool)), np.bool_)
        for one, numbers, first in self._each(asked):
            word, page = one.listed("heading", numbers, "heading_pages")
            found[word, first + page] = True
        return found

    def neighbours(self, pairs: Sequence[tuple[str, str]]) -> Flags:
        """(pairs, pages) where the second word of a pair stands right after the first."""
        asked = tuple(dict.fromkeys(word for pair in pairs for word in pair))
        place = {word: at for at, word in enumerate(asked)}
        left = np.array([place[one] for one, _ in pairs], np.int64)
        right = np.array([place[other] for _, other in pairs], np.int64)
        found = np.zeros((len(pairs), len(self._pool)), np.bool_)
        for one, numbers, first in self._each(asked):
            both = (numbers[left] >= 0) & (numbers[right] >= 0)
            if not both.any():
                continue
            pair, before = one.listed("page", np.where(both, numbers[left], -1), "positions")
            after_pair, after = one.listed("page", np.where(both, numbers[right], -1), "positions")
            width = int(one.arrays["page_bounds"][-1]) + 1
            wanted, there = pair * width + before + 1, after_pair * width + after  # both ascend
            at = np.searchsorted(there, wanted)
            at[at == len(there)] = 0
            met = there[at] == wanted
            found[pair[met], first + one.pages_of(before[met])] = True
        return found

    def phrases(self, phrases: Sequence[Sequence[str]], within: int | None = None) -> Flags:
        """(phrases, pages) where the words of a phrase stand one after the other.

        Args:
            phrases: each of at least one word.
            within: only among so many words at the top of a page.
        """
        asked = tuple(dict.fromkeys(word for phrase in phrases for word in phrase))
        place = {word: at for at, word in enumerate(asked)}
        wanted = [[place[word] for word in phrase] for phrase in phrases]
        found = np.zeros((len(phrases), len(self._pool)), np.bool_)
        for one, numbers, first in self._each(asked):
            known = numbers.tolist()
            for at, words in enumerate(wanted):
                positions = one.phrase(tuple([known[word] for word in words]))
                if not len(positions):
                    continue
                pages = one.pages_of(positions)
                if within is not None:
                    pages = pages[positions - one.arrays["page_bounds"][pages] < within]
                found[at, first + pages] = True
        return found

    def _each(self, words: tuple[str, ...]) -> zip[tuple[DocumentArrays, NDArray[np.int64], int]]:
        return zip(self._lookup.prepared, self._lookup.numbers(words), self._pool.first.tolist(), strict=True)


class PassageWords:
    """BM25 over the passages of a pool."""

    def __init__(self, pool: Pool, lookup: _Lookup) -> None:
        self._pool = pool
        self._lookup = lookup

    def scores(self, words: Sequence[str]) -> NDArray[np.float64]:
        """BM25 of each passage, headings of its section included. A word counts once. (passages,)"""
        asked = tuple(dict.fromkeys(words))
        owners, rows, counts = [], [], []
        starts = self._pool.first_passage.tolist()
        for one, numbers, start in zip(self._lookup.prepared, self._lookup.numbers(asked), starts, strict=True):
            word, row, count = one.listed("passage", numbers, "passage_rows", "passage_counts")
            owners.append(word)
            rows.append(row + start)
            counts.append(count)
        lengths = _joined([one.arrays["passage_lengths"] for one in self._lookup.prepared], np.float64)
        return bm25(_joined(owners, np.int64), _joined(rows, np.int64), _joined(counts, np.float64), lengths)


def _joined(arrays: Sequence[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *arrays], dtype=dtype, casting="unsafe")
