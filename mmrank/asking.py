"""A question into what retrieval compares: checked, taken apart and encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmrank.errors import InputError
from mmrank.types import Query

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Encoder, MultiVectorEncoder
    from mmrank.encoders.query_adapter import QueryAdapter
    from mmrank.retrieve.signals import Question

MAX_QUERY_CHARACTERS = 8_000


def take_apart(asked: Query, encoder: Encoder | MultiVectorEncoder, adapter: QueryAdapter | None) -> Question:
    """Analyse and encode a question.

    Raises:
        InputError: when it is empty or too long.
    """
    from mmrank.encoders.vectors import token_means
    from mmrank.query.analysis import analyse
    from mmrank.retrieve.signals import Question
    from mmrank.retrieve.words import telling_words

    text = check_query(asked.text) if asked.text.strip() or asked.image is None else ""
    analysis = analyse(text)
    encoded = encoder.encode_queries([Query(analysis.text, asked.image)])
    if isinstance(encoded, list):
        vector, tokens = token_means(encoded, encoder.info.dimension)[0], encoded[0]
    else:
        vector, tokens = (encoded if adapter is None else adapter(encoded))[0], None
    return Question(analysis, vector, telling_words(analysis.text), tokens)


def check_query(text: str) -> str:
    """The query, stripped.

    Raises:
        InputError: when it is empty or too long.
    """
    stripped = text.strip()
    if not stripped:
        raise InputError("the query is empty; ask something")
    if len(stripped) > MAX_QUERY_CHARACTERS:
        raise InputError(
            f"the query has {len(stripped):,} characters, at most {MAX_QUERY_CHARACTERS:,} are taken; shorten it"
        )
    return stripped
