"""The encoder of a collection: loaded by its settings, known again by its identity, applied to documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmrank.config import Settings
from mmrank.types import Document

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Encoder, MultiVectorEncoder, Vectors
    from mmrank.index import EncoderIdentity

    AnyEncoder = Encoder | MultiVectorEncoder


def encoder_of(settings: Settings) -> AnyEncoder:
    """Load the encoder that the settings name.

    Raises:
        InputError: for an unknown encoder or settings that it does not take.
        MmrankError: when it cannot be loaded.
    """
    from mmrank.encoders import load_encoder

    return load_encoder(
        settings.encoder,
        device=settings.device,
        dtype=settings.dtype,
        revision=settings.encoder_revision,
        dimension=settings.encoder_dimension,
        max_tokens=settings.encoder_max_tokens,
        max_pixels=settings.encoder_max_pixels,
    )


def identity_of(encoder: AnyEncoder) -> EncoderIdentity:
    """What a store keeps of an encoder, so that vectors of different encoders never meet."""
    from mmrank.index import EncoderIdentity

    info = encoder.info
    return EncoderIdentity(
        name=info.name,
        revision=info.revision,
        dimension=info.dimension,
        dtype=info.dtype,
        pooling=info.pooling,
        max_tokens=info.max_tokens,
        max_pixels=info.max_pixels,
        multi_vector=info.multi_vector,
    )


def encode_document(
    encoder: AnyEncoder, document: Document, settings: Settings
) -> tuple[Vectors, Vectors, list[Vectors] | None]:
    """Encode a document's passages and merge them.

    Returns:
        Passage vectors (passages, dimension); the document's merged vectors (m, dimension); with a multi-vector
        encoder, token vectors (tokens, dimension) per passage, otherwise None. A document without passages (a blank
        page) has no vectors either: it is listed, and never found.
    """
    from mmrank.encoders.merge import merge
    from mmrank.encoders.vectors import token_means
    from mmrank.index import pool_tokens

    encoded = encoder.encode_passages(document.passages)
    tokens = encoded if isinstance(encoded, list) else None
    vectors = token_means(encoded, encoder.info.dimension) if isinstance(encoded, list) else encoded
    if not len(vectors):
        return vectors, vectors, tokens
    lengths = [max(len(passage.text), 1) for passage in document.passages]
    merged = merge(vectors, settings.merge, lengths=lengths, vectors=settings.merge_vectors)
    if tokens is not None:
        tokens = [pool_tokens(passage, settings.token_pooling) for passage in tokens]
    return vectors, merged, tokens
