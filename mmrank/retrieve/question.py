"""A question ready to be compared with pages: checked, analysed and encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmrank.encoders.vectors import token_means
from mmrank.errors import InputError
from mmrank.query.analysis import Analysis, analyse
from mmrank.retrieve.languages import ENGLISH, question_language
from mmrank.retrieve.words import content_words
from mmrank.types import Query

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Encoder, MultiVectorEncoder
    from mmrank.encoders.query_adapter import QueryAdapter

MAX_QUERY_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Question:
    """What retrieval knows of a question.

    Attributes:
        query: the question as it was asked.
        analysis: what it names: pages, elements, kinds, statements.
        vector: (dimension,), of unit length.
        words: content words, plurals as singulars, once each.
        tokens: (tokens, dimension), with a multi-vector encoder.
        language: ISO 639-1; English where it cannot be told.
    """

    query: Query
    analysis: Analysis
    vector: NDArray[np.float32]
    words: tuple[str, ...]
    tokens: NDArray[np.float32] | None = None
    language: str = ENGLISH


def understand(query: Query, encoder: Encoder | MultiVectorEncoder, adapter: QueryAdapter | None = None) -> Question:
    """Check, analyse and encode a question.

    Args:
        query: words, a picture, or both.
        encoder: the one that made the collection's vectors.
        adapter: what the question's vector passes through.

    Raises:
        InputError: when there is nothing to ask, or the text is too long.
    """
    [question] = understand_all([query], encoder, adapter)
    return question


def understand_all(
    queries: Sequence[Query], encoder: Encoder | MultiVectorEncoder, adapter: QueryAdapter | None = None
) -> list[Question]:
    """Like `understand`, for several questions that are encoded together."""
    texts = [check_query(query.text) if query.text.strip() or query.image is None else "" for query in queries]
    analyses = [analyse(text) for text in texts]
    encoded = encoder.encode_queries(
        [Query(analysis.text, query.image) for analysis, query in zip(analyses, queries, strict=True)]
    )
    tokens: list[NDArray[np.float32]] | list[None] = [None] * len(queries)
    if isinstance(encoded, list):
        tokens = encoded
        vectors = token_means(encoded, encoder.info.dimension)
    else:
        vectors = encoded if adapter is None else adapter(encoded)
    questions = []
    for text, query, analysis, vector, own in zip(texts, queries, analyses, vectors, tokens, strict=True):
        language = question_language(analysis.text)
        held = content_words(analysis.text, language)
        questions.append(Question(replace(query, text=text), analysis, vector, held, own, language))
    return questions


def check_query(text: str) -> str:
    """The text without white space around it.

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
