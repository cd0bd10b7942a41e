"""What a document and its vectors must be like to be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmrank.errors import InputError
from mmrank.index.filters import iso_date
from mmrank.index.records import EncoderIdentity
from mmrank.types import Document

Vectors = NDArray[np.float32]


def check_document(
    document: Document,
    passage_vectors: Vectors,
    document_vectors: Vectors,
    token_vectors: Sequence[Vectors] | None,
    metadata: Mapping[str, str],
    encoder: EncoderIdentity,
) -> None:
    """Refuse what cannot be stored, or never be found.

    Raises:
        InputError: names the document and what is wrong with it.
    """
    name = document.name
    check_texts(name, (document.id, document.path, document.title), metadata)
    if not document.id or not name:
        raise InputError(f"a document needs an id and a name, got {document.id!r} and {name!r}")
    if [passage.position for passage in document.passages] != list(range(len(document.passages))):
        raise InputError(f"{name}: the positions of its passages do not count up from 0 (duplicate or missing ids)")
    if len(passage_vectors) != len(document.passages):
        raise InputError(f"{name}: {len(passage_vectors)} vectors for {len(document.passages)} passages")
    if document.passages and not len(document_vectors):
        raise InputError(f"{name}: it has passages but no document vector")
    _check_vectors(name, "passage", passage_vectors, encoder.dimension)
    _check_vectors(name, "document", document_vectors, encoder.dimension)
    if token_vectors is None:
        if encoder.multi_vector:
            raise InputError(f"{name}: {encoder} needs token vectors")
        return
    if not encoder.multi_vector:
        raise InputError(f"{name}: {encoder} has no token vectors")
    if len(token_vectors) != len(document.passages):
        raise InputError(f"{name}: {len(token_vectors)} arrays of token vectors for {len(document.passages)} passages")
    for vectors in token_vectors:
        _check_vectors(name, "token", vectors, encoder.dimension)


def check_texts(name: str, texts: Sequence[str], metadata: Mapping[str, str]) -> None:
    """Refuse texts that cannot be stored.

    Raises:
        InputError: names the document and the text.
    """
    for text in (name, *texts, *metadata, *metadata.values()):
        if not isinstance(text, str) or text.encode("utf-8", "ignore").decode() != text:
            raise InputError(f"{name!r}: {text!r} is not text that can be stored as UTF-8")
    if "date" in metadata:
        iso_date(metadata["date"], f"{name}: its metadata's date")


def _check_vectors(name: str, kind: str, vectors: Vectors, dimension: int) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise InputError(f"{name}: its {kind} vectors have the shape {vectors.shape}, not (n, {dimension})")
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise InputError(f"{name}: {kind} vector {row} holds a NaN or an infinity")
