"""Encoders: passages and queries into vectors, passages into a document."""

from mmrank.encoders.loading import known_encoders, load_encoder
from mmrank.encoders.passage_text import passage_text
from mmrank.encoders.protocol import Encoder, EncoderInfo, MultiVectorEncoder, Vectors

__all__ = [
    "Encoder",
    "EncoderInfo",
    "MultiVectorEncoder",
    "Vectors",
    "known_encoders",
    "load_encoder",
    "passage_text",
]
