"""What ranking needs of a document, as arrays: made once when it is added, stored beside its vectors.

Words are numbered within the document. Where lists belong to words (or to phrases), `…_starts` says where each one's
begins in the array after it, in the way of a compressed sparse row matrix:

- `keys` uint64 (words,): `word_key` of each word, ascending; `vocabulary` uint8: the words in this order, in UTF-8, one
  per line.
- `page_starts`, `positions`: where each word stands in the document's pages, running heads and page numbers left out.
  Places count up through the document, with one place between pages; `page_bounds` (pages + 1,) is where each begins.
  The form of a number stands where its last piece does (`mmrank.index.placed_words`), and lengths do not count it.
- `page_frequency` (words,): pages that hold each word.
- `heading_starts`, `heading_pages`: pages that hold it in a title, heading or caption.
- `passage_starts`, `passage_rows`, `passage_counts`: passages that hold it, headings of their sections included, and
  how often; `passage_lengths` and `passage_pages` (passages,): words of each passage, and its 0-based page.
- `kinds` (pages,): bit n is set where the page has an element of the nth `ElementKind`.
- `numeric_share` float64 (pages,): share of the words that hold a digit.
- `texts`, `text_bounds` (pages + 1,): each page's text in lower case with single spaces, compressed.
- `labels`, `handles`: JSON of the pages' labels, and of the document's handles.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrank.index import placed_words
from mmrank.plurals import singular
from mmrank.retrieve.words import WORDS_VERSION
from mmrank.types import FURNITURE, Document, ElementKind

HEADING_KINDS = frozenset({ElementKind.TITLE, ElementKind.HEADING, ElementKind.CAPTION})
KIND_BITS: dict[ElementKind, int] = {kind: 1 << at for at, kind in enumerate(ElementKind)}
LAYOUT_VERSION = 1
"""To be raised when the arrays, or what is in them, change."""
ARRAYS_VERSION = f"{LAYOUT_VERSION}.{WORDS_VERSION}"
"""Arrays of another version are made again."""
_DIGIT = re.compile(r"\d")

Arrays = dict[str, NDArray[Any]]


@lru_cache(maxsize=1 << 14)
def word_key(word: str) -> int:
    """The number by which a word is found: 64 bits of its hash."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def prepare(document: Document) -> Arrays:
    """The arrays of a document; see the module's description."""
    known: dict[str, int] = {}
    pages = [_Page(page.elements, known) for page in document.pages]
    passages = [_Text(" ".join(passage.heading_path) + "\n" + passage.text, known) for passage in document.passages]
    keys = np.array([word_key(word) for word in known], np.uint64)
    order = np.argsort(keys)
    rank = np.empty(len(keys), np.int64)
    rank[order] = np.arange(len(keys))
    names = list(known)
    count = len(keys)

    texts = [page.text for page in pages]
    bounds = _bounds(text.length + 1 for text in texts)
    places = [np.array(text.places, np.int64) + start for text, start in zip(texts, bounds.tolist(), strict=False)]
    arrays: Arrays = {
        "keys": keys[order],
        "vocabulary": _bytes("\n".join(names[at] for at in order.tolist())),
        "page_bounds": bounds.astype(np.int32),
    }
    said = rank[_joined([text.ids for text in texts])]
    arrays["page_starts"], arrays["positions"] = _listed(said, _joined(places), count)
    held = rank[_joined([sorted(set(text.ids)) for text in texts])]
    arrays["page_frequency"] = _small(np.bincount(held, minlength=count))
    heads = [sorted(page.heading_ids) for page in pages]
    arrays["heading_starts"], arrays["heading_pages"] = _listed(rank[_joined(heads)], _owners(heads), count)

    counted = [Counter(passage.ids) for passage in passages]
    bags = [list(bag) for bag in counted]
    terms = rank[_joined(bags)]
    arrays["passage_starts"], arrays["passage_rows"] = _listed(terms, _owners(bags), count)
    counts = _joined([list(bag.values()) for bag in counted])
    arrays["passage_counts"] = _small(counts[np.argsort(terms, kind="stable")])
    arrays["passage_lengths"] = _small(np.array([passage.length for passage in passages], np.int64))
    arrays["passage_pages"] = _small(np.array([passage.page for passage in document.passages], np.int64))

    arrays["kinds"] = np.array([page.kinds for page in pages], np.uint16)
    numeric = np.array([bool(_DIGIT.search(name)) for name in names], np.bool_)
    arrays["numeric_share"] = np.array(
        [int(numeric[text.written].sum()) / text.length if text.ids else 0.0 for text in texts], np.float64
    )
    packed = [zlib.compress(page.shown.encode("utf-8", "surrogatepass")) for page in pages]
    arrays["texts"] = np.frombuffer(b"".join(packed), np.uint8)
    arrays["text_bounds"] = _bounds(map(len, packed)).astype(np.int32)
    arrays["labels"] = _bytes(json.dumps([page.label for page in document.pages]))
    arrays["handles"] = _bytes(json.dumps({name: list(ids) for name, ids in document.handles.items()}))
    return arrays


class _Text:
    """The words of a text, numbered, and where they stand."""

    def __init__(self, text: str, known: dict[str, int]) -> None:
        found, self.places = placed_words(text)
        self.ids = [known.setdefault(word, len(known)) for word in map(singular, found)]
        self.length = self.places[-1] + 1 if self.places else 0

    @property
    def written(self) -> list[int]:
        """Without the forms of numbers and pairs of characters that are added to words: one per place."""
        before = [-1, *self.places]
        return [word for word, place, last in zip(self.ids, self.places, before, strict=False) if place > last]


class _Page:
    """One page while its document's words are numbered."""

    def __init__(self, elements: Iterable[Any], known: dict[str, int]) -> None:
        body = [element for element in elements if element.kind not in FURNITURE]
        text = "\n".join(element.text for element in body)
        self.text = _Text(text, known)
        heads = "\n".join(element.text for element in body if element.kind in HEADING_KINDS)
        self.heading_ids = set(_Text(heads, known).ids)
        self.kinds = 0
        for element in body:
            self.kinds |= KIND_BITS[element.kind]
        self.shown = " ".join(text.lower().split())


def _listed(owners: NDArray[np.int64], values: NDArray[np.int64], count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Values by their owner (0 to count − 1), in their order: starts (count + 1,) and values."""
    starts = _bounds(np.bincount(owners, minlength=count).tolist())
    return starts.astype(np.int32), _small(values[np.argsort(owners, kind="stable")])


def _bounds(lengths: Iterable[int]) -> NDArray[np.int64]:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _joined(lists: Sequence[Iterable[int]]) -> NDArray[np.int64]:
    return np.fromiter(chain.from_iterable(lists), np.int64)


def _owners(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """For each item of the joined lists the position of its list."""
    return np.repeat(np.arange(len(lists)), [len(one) for one in lists])


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def _small(array: NDArray[np.int64]) -> NDArray[Any]:
    """The array in the smallest unsigned type that holds it."""
    return array.astype(np.min_scalar_type(int(array.max())) if len(array) else np.uint8)
