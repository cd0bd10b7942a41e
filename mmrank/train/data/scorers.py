"""Retrievers that find negatives: shared words, the cosine of an encoder, or a collection's ranking of pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError
from mmrank.train.data.negatives import Scorer, word_overlap
from mmrank.types import Part, PartKind, Passage, Query

if TYPE_CHECKING:
    from mmrank.collection import Collection
    from mmrank.types import Document


def load_scorer(name: str) -> Scorer:
    """ "words" for shared words, otherwise the name of an encoder."""
    return word_overlap if name == "words" else EncoderScorer(name)


class EncoderScorer:
    """Cosine of an encoder's vectors. Vectors of passages are kept in memory.

    Raises:
        InputError: for a multi-vector encoder.
    """

    def __init__(self, name: str) -> None:
        from mmrank.encoders import load_encoder

        self._encoder = load_encoder(name)
        if self._encoder.info.multi_vector:
            raise InputError(f"{name} gives many vectors per passage; mining needs an encoder with one, such as minilm")
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, query: str, passages: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        new = [text for text in dict.fromkeys(passages) if text not in self._known]
        if new:
            made = np.asarray(self._encoder.encode_passages(text_passages(new)))
            self._known.update(zip(new, made, strict=True))
        asked = np.asarray(self._encoder.encode_queries([Query(query)]))[0]
        return [float(asked @ self._known[text]) for text in passages]


def text_passages(texts: Sequence[str]) -> list[Passage]:
    """Texts as passages of no document, as encoders read them."""
    return [Passage(str(i), "", i, 0, (Part(PartKind.TEXT, text, ()),), (), ()) for i, text in enumerate(texts)]


def collection_scorer(library: Collection, document: Document, *, pictures: bool) -> Scorer:
    """The ranking of a search in the collection: a passage scores as its page; shared words decide ties."""
    pages = range(len(document.pages)) if pictures else [passage.page for passage in document.passages]

    def score(query: str, passages: Sequence[str]) -> list[float]:
        ranked = library.rank_document(document.id, query).scores
        words = word_overlap(query, passages)
        most = max(words, default=0.0) or 1.0
        return [float(ranked[page]) + 1e-3 * word / most for page, word in zip(pages, words, strict=True)]

    return score
