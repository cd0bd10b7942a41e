"""A document as the ranking sees it: words, kinds and vectors by page and by passage, worked out once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmrank.retrieve.bm25 import Bags, bag
from mmrank.retrieve.words import words
from mmrank.types import FURNITURE, Document, ElementKind, Page

HEADING_KINDS = frozenset({ElementKind.TITLE, ElementKind.HEADING, ElementKind.CAPTION})
_NUMERIC = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class PageView:
    """What the ranking knows of one page."""

    words: Counter[str]
    heading_words: Counter[str]
    kinds: Counter[ElementKind]
    text: str
    """Lower case, white space folded."""
    running: str
    """Its words in order, plurals folded, one space around each."""
    label: str | None
    numeric_share: float
    """Share of the words that hold a digit."""


class DocumentView:
    """A document and its passage vectors, prepared for ranking.

    Attributes:
        vectors: (passages, dimension), float32.
        passage_pages: (passages,), the page each passage stands on, 0-based.
    """

    def __init__(self, document: Document, vectors: NDArray[np.float32]) -> None:
        self.document = document
        self.vectors = vectors
        self.passage_pages = np.array([passage.page for passage in document.passages], dtype=np.int64)
        self.passage_words = [
            bag(words(" ".join(passage.heading_path) + "\n" + passage.text)) for passage in document.passages
        ]
        self.pages = [_view(page) for page in document.pages]

    def heading_path(self, element_id: str) -> tuple[str, ...]:
        """Titles of the sections an element stands in, outermost first."""
        for passage in self.document.passages:
            if element_id in passage.element_ids:
                return passage.heading_path
        return ()


def _view(page: Page) -> PageView:
    body = [element for element in page.elements if element.kind not in FURNITURE]
    text = "\n".join(element.text for element in body)
    found = words(text)
    headings = words("\n".join(element.text for element in body if element.kind in HEADING_KINDS))
    return PageView(
        words=bag(found),
        heading_words=bag(headings),
        kinds=Counter(element.kind for element in body),
        text=" ".join(text.lower().split()),
        running=f" {' '.join(found)} ",
        label=page.label,
        numeric_share=sum(bool(_NUMERIC.search(word)) for word in found) / max(len(found), 1),
    )


class Pool:
    """The pages of one or more documents, side by side: what is ranked together.

    Attributes:
        pages: views of all pages, document after document.
        owner: (pages,), the document each page belongs to, by position in `views`.
        number: (pages,), its 0-based page in that document.
        passage_page: (passages,), the page of each passage, by position in `pages`.
        vectors: (passages, dimension).

    Args:
        views: the documents.
        maxsim: (passages,), how alike each passage and the question are token by token, −1 to 1; None without a
            multi-vector encoder.
    """

    def __init__(self, views: Sequence[DocumentView], maxsim: NDArray[np.float64] | None = None) -> None:
        self.views = list(views)
        self._maxsim = maxsim
        self.pages = [page for view in views for page in view.pages]
        counts = [len(view.pages) for view in views]
        self.owner = np.repeat(np.arange(len(counts)), counts)
        self.number = np.concatenate([np.arange(count) for count in counts]) if counts else np.zeros(0, dtype=np.int64)
        starts = np.cumsum([0, *counts])
        self.first = starts[:-1]
        self.last = starts[1:] - 1
        pages = [view.passage_pages + start for view, start in zip(views, starts[:-1], strict=True)]
        self.passage_page = np.concatenate(pages) if pages else np.zeros(0, dtype=np.int64)
        self.vectors = np.concatenate([view.vectors for view in views]) if views else np.zeros((0, 1), dtype=np.float32)
        self.first_passage = np.cumsum([0, *(len(view.vectors) for view in views)])[:-1]
        self.page_words = Bags([page.words for page in self.pages])
        self.passage_words = Bags([words for view in views for words in view.passage_words])

    def __len__(self) -> int:
        return len(self.pages)

    def similarities(self, vector: NDArray[np.float32], passages: slice = slice(None)) -> NDArray[np.float64]:
        """How alike passages and the question are: MaxSim where there is one, else the cosine with its vector."""
        if self._maxsim is not None:
            return self._maxsim[passages]
        return (self.vectors[passages] @ vector).astype(np.float64)

    def page_max(self, passage_scores: NDArray[np.float64], empty: float) -> NDArray[np.float64]:
        """The best passage of each page; `empty` for pages without passages. (passages,) to (pages,)."""
        best = np.full(len(self.pages), -np.inf)
        np.maximum.at(best, self.passage_page, passage_scores)
        best[np.isneginf(best)] = empty
        return best
