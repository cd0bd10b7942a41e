"""The prepared arrays of one document, and what is decoded from them on demand."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import MmrankError
from mmrank.retrieve.prepared import KIND_BITS, word_key
from mmrank.types import ElementKind

Array = NDArray[Any]
LONGEST_TEXT = 32 << 20
"""Bytes of a page's text: a few bytes of somebody who means harm can unpack to gigabytes."""
MOST_PHRASES = 256
"""Phrases of which a document remembers the places: lines of financial statements, asked for again and again."""


class DocumentArrays:
    """The arrays of a document (`mmrank.retrieve.prepared`), and what is decoded from them on demand.

    Immutable, and shared by all questions. Words are asked for by their numbers, see `find`.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        # In one type with the pages' bounds: looking a place up among places of another type copies them all.
        self.arrays = {**arrays, "positions": arrays["positions"].astype(np.int32)}
        self.page_count = len(arrays["kinds"])
        self.passage_pages: NDArray[np.int64] = arrays["passage_pages"].astype(np.int64)
        self._texts: dict[int, str] = {}
        self._phrases: dict[tuple[int, ...], NDArray[np.int32]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, and about as many as the texts take once they are decoded."""
        return sum(array.nbytes for array in self.arrays.values()) + 4 * self.arrays["texts"].nbytes

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Numbers of words, by their keys, −1 for words that the document does not have. (n,) to (n,)."""
        known = self.arrays["keys"]
        if not len(known):
            return np.full(len(keys), -1)
        at = np.searchsorted(known, keys)
        at[at == len(known)] = 0
        return np.where(known[at] == keys, at, -1)

    def listed(self, name: str, numbers: NDArray[np.int64], *values: str) -> tuple[NDArray[np.int64], ...]:
        """What is listed for some words: which of `numbers` each item belongs to, and the items of each array."""
        present = np.flatnonzero(numbers >= 0)
        starts = self.arrays[f"{name}_starts"]
        begin = starts[numbers[present]].astype(np.int64)
        lengths = starts[numbers[present] + 1] - begin
        at = np.arange(int(lengths.sum())) + np.repeat(begin - (np.cumsum(lengths) - lengths), lengths)
        return np.repeat(present, lengths), *(self.arrays[value][at].astype(np.int64) for value in values)

    def pages_of(self, positions: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.int64]:
        """The pages on which word positions lie."""
        return np.searchsorted(self.arrays["page_bounds"], positions, side="right") - 1

    def has_word(self, number: int, page: int) -> bool:
        """Whether a page holds a word."""
        starts, bounds = self.arrays["page_starts"], self.arrays["page_bounds"]
        places = self.arrays["positions"][starts[number] : starts[number + 1]]
        at = places.searchsorted(bounds[page])
        return bool(at < len(places) and places[at] < bounds[page + 1])

    def phrase(self, numbers: tuple[int, ...]) -> NDArray[np.int32]:
        """Positions at which words stand one after the other, by their numbers; −1 is a word it does not have."""
        if -1 in numbers:
            return np.zeros(0, np.int32)
        found = self._phrases.get(numbers)
        if found is None:
            found = self._positions(numbers)
            if len(self._phrases) < MOST_PHRASES:
                self._phrases[numbers] = found
        return found

    def _positions(self, numbers: tuple[int, ...]) -> NDArray[np.int32]:
        starts, places = self.arrays["page_starts"], self.arrays["positions"]
        begin = places[starts[numbers[0]] : starts[numbers[0] + 1]]
        for step, number in enumerate(numbers[1:], start=1):
            there = places[starts[number] : starts[number + 1]]
            if not len(there):
                return there
            wanted = begin + np.int32(step)
            at = there.searchsorted(wanted)
            at[at == len(there)] = 0
            begin = begin[there[at] == wanted]
        return begin

    def text(self, page: int) -> str:
        """A page's text in lower case, with single spaces, running heads and page numbers left out."""
        found = self._texts.get(page)
        if found is None:
            begin, end = self.arrays["text_bounds"][page : page + 2].tolist()
            try:
                unpacked = zlib.decompressobj().decompress(self.arrays["texts"][begin:end].tobytes(), LONGEST_TEXT)
                found = unpacked.decode("utf-8", "surrogatepass")
            except (zlib.error, UnicodeDecodeError) as error:
                raise MmrankError(
                    f"the text prepared for ranking page {page + 1} is damaged ({error}); add its document again"
                ) from error
            self._texts[page] = found
        return found

    @cached_property
    def vocabulary(self) -> list[str]:
        """The words of the document, by number."""
        return _decoded(self.arrays["vocabulary"]).split("\n") if len(self.arrays["keys"]) else []

    def beginning(self, letter: str) -> Sequence[str]:
        """The words of letters only that begin with a letter."""
        return self._by_letter.get(letter, ())

    @cached_property
    def _by_letter(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for word in filter(str.isalpha, self.vocabulary):
            found.setdefault(word[0], []).append(word)
        return found

    @cached_property
    def labels(self) -> list[str | None]:
        """The printed number of each page, None where there is none."""
        return list(json.loads(_decoded(self.arrays["labels"])))

    @cached_property
    def handles(self) -> dict[str, tuple[str, ...]]:
        """As `Document.handles`."""
        return {name: tuple(ids) for name, ids in json.loads(_decoded(self.arrays["handles"])).items()}


class PageView:
    """What the ranking knows of one page, read from its document's arrays. Running heads are left out."""

    __slots__ = ("_arrays", "_page", "words")

    def __init__(self, prepared: DocumentArrays, page: int) -> None:
        self._arrays = prepared
        self._page = page
        self.words = WordsOfPage(prepared, page)

    @property
    def text(self) -> str:
        """In lower case, with single spaces."""
        return self._arrays.text(self._page)

    @property
    def label(self) -> str | None:
        """The printed page number."""
        return self._arrays.labels[self._page]

    @property
    def numeric_share(self) -> float:
        """Share of the words that hold a digit, 0 to 1."""
        return float(self._arrays.arrays["numeric_share"][self._page])

    def has_kind(self, kind: ElementKind) -> bool:
        """Whether an element of this kind is on the page."""
        return bool(self._arrays.arrays["kinds"][self._page] & KIND_BITS[kind])


class WordsOfPage:
    """The words of a page, to be asked whether a word is among them."""

    __slots__ = ("_arrays", "_page")

    def __init__(self, prepared: DocumentArrays, page: int) -> None:
        self._arrays = prepared
        self._page = page

    def __contains__(self, word: str) -> bool:
        [number] = self._arrays.find(np.array([word_key(word)], np.uint64)).tolist()
        return number >= 0 and self._arrays.has_word(number, self._page)


def element_page(element_id: str) -> int | None:
    """The 0-based page in an element's id.

    >>> element_page("p3e7")
    3
    """
    page = element_id.partition("e")[0].removeprefix("p")
    return int(page) if page.isdigit() else None


def _decoded(array: Array) -> str:
    return array.tobytes().decode("utf-8", "surrogatepass")
