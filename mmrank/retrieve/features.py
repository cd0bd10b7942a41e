"""What the ranking knows of one document: its prepared arrays, its vectors, and its pages where they are needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmrank.names import canonical
from mmrank.retrieve.document_arrays import DocumentArrays, element_page
from mmrank.retrieve.prepared import prepare
from mmrank.types import Document, Passage

_DIGITS = re.compile(r"\d+")

if TYPE_CHECKING:
    from mmrank.retrieve.stored_document import StoredDocument


class DocumentFeatures:
    """A document and its passage vectors, prepared for ranking.

    Args:
        document: the document, or one whose pages and passages are read from the store when they are asked for.
        vectors: (passages, dimension), float32.
        prepared: its arrays; made of `document`, which must be a whole one then, where they are not given.

    Attributes:
        passage_pages: (passages,), the 0-based page of each passage.
    """

    def __init__(
        self, document: Document | StoredDocument, vectors: NDArray[np.float32], prepared: DocumentArrays | None = None
    ) -> None:
        if prepared is None:
            assert isinstance(document, Document), "without arrays the whole document is needed"
            prepared = DocumentArrays(prepare(document))
        self.document = document
        self.vectors = vectors
        self.prepared = prepared
        self.passage_pages = prepared.passage_pages
        self._read: dict[int, Sequence[Passage]] = {}

    def places_on(self, page: int) -> slice:
        """Where the passages of one page stand among those of the document: no passage crosses a page."""
        first, stop = np.searchsorted(self.passage_pages, [page, page + 1]).tolist()
        return slice(first, stop)

    def passages_on(self, page: int) -> Sequence[Passage]:
        """The passages of one page, in their order."""
        found = self._read.get(page)
        if found is None:
            found = self._read[page] = self.document.passages[self.places_on(page)]
        return found

    def may_have(self, text: str, page: int) -> bool:
        """Whether a text may stand on a page, its numbers aside; False only where it does not.

        Told from the words that are kept for ranking, which leave out running heads that were recognised as such.
        """
        pieces = _DIGITS.split(" ".join(text.lower().split()))
        there = self.prepared.text(page)
        return all(piece in there for piece in pieces)

    def heading_path(self, element_id: str) -> tuple[str, ...]:
        """Titles of the sections that hold an element, outermost first."""
        page = element_page(element_id)
        for passage in self.passages_on(page) if page is not None else ():
            if element_id in passage.element_ids:
                return passage.heading_path
        return ()

    def holders(self, name: str) -> set[int]:
        """Pages with an element that a name such as "Table 2" points at."""
        pages = map(element_page, self.prepared.handles.get(canonical(name), ()))
        return {page for page in pages if page is not None and page < self.prepared.page_count}
