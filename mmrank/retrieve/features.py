"""What the ranking knows of a document, worked out once: words, kinds of elements and vectors per page and passage."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmrank.retrieve.words import words
from mmrank.types import FURNITURE, Document, ElementKind, Page

HEADING_KINDS = frozenset({ElementKind.TITLE, ElementKind.HEADING, ElementKind.CAPTION})
_NUMERIC = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class PageFeatures:
    """What the ranking knows of one page. Running heads and page numbers are left out."""

    words: Counter[str]
    heading_words: Counter[str]
    kinds: Counter[ElementKind]
    text: str
    """In lower case, with single spaces."""
    running: str
    """Its words in reading order, plurals folded, each with a space before and after it."""
    label: str | None
    numeric_share: float
    """Share of the words that hold a digit, 0 to 1."""


class DocumentFeatures:
    """A document and its passage vectors, prepared for ranking.

    Attributes:
        vectors: (passages, dimension), float32.
        passage_pages: (passages,), the 0-based page of each passage.
    """

    def __init__(self, document: Document, vectors: NDArray[np.float32]) -> None:
        self.document = document
        self.vectors = vectors
        self.passage_pages = np.array([passage.page for passage in document.passages], dtype=np.int64)
        self.passage_words = [
            Counter(words(" ".join(passage.heading_path) + "\n" + passage.text)) for passage in document.passages
        ]
        self.pages = [_features(page) for page in document.pages]

    def heading_path(self, element_id: str) -> tuple[str, ...]:
        """Titles of the sections that hold an element, outermost first."""
        for passage in self.document.passages:
            if element_id in passage.element_ids:
                return passage.heading_path
        return ()


def _features(page: Page) -> PageFeatures:
    body = [element for element in page.elements if element.kind not in FURNITURE]
    text = "\n".join(element.text for element in body)
    found = words(text)
    headings = words("\n".join(element.text for element in body if element.kind in HEADING_KINDS))
    return PageFeatures(
        words=Counter(found),
        heading_words=Counter(headings),
        kinds=Counter(element.kind for element in body),
        text=" ".join(text.lower().split()),
        running=f" {' '.join(found)} ",
        label=page.label,
        numeric_share=sum(bool(_NUMERIC.search(word)) for word in found) / max(len(found), 1),
    )
