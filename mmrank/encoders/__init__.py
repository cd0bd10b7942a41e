"""Encoders: passages and questions into vectors.

    encoder = load_encoder("minilm")
    encoder.encode_queries([Query("How long is the blue whale?")])  # (1, 384)

`Encoder` (one vector per passage) and `MultiVectorEncoder` (one per token) say what every encoder promises;
`load_encoder` makes one by its name. Importing this package loads neither torch nor transformers.
"""

from mmrank.encoders.loading import AnyEncoder, known_encoders, load_encoder
from mmrank.encoders.passage_text import passage_text
from mmrank.encoders.protocol import Encoder, EncoderInfo, MultiVectorEncoder, Vectors
from mmrank.encoders.query_adapter import QueryAdapter, load_query_adapter

__all__ = [
    "AnyEncoder",
    "Encoder",
    "EncoderInfo",
    "MultiVectorEncoder",
    "QueryAdapter",
    "Vectors",
    "known_encoders",
    "load_encoder",
    "load_query_adapter",
    "passage_text",
]
