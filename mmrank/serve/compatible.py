"""`/v1/rerank` and `/v1/embeddings`, in the shapes that clients of other services send and expect."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, Field

from mmrank.errors import InputError
from mmrank.ingest.passages import count_tokens
from mmrank.serve.errors import ApiError
from mmrank.serve.models import allowed_reranker
from mmrank.serve.service import Service, ServiceOf
from mmrank.serve.shapes import SAYS_SOMETHING, Question
from mmrank.types import Candidate, Part, PartKind, Passage, Query

if TYPE_CHECKING:
    from mmrank.encoders.protocol import Encoder
    from mmrank.rerankers.protocol import Ranking

router = APIRouter(tags=["models"])

MOST_DOCUMENTS = 1000
MOST_INPUTS = 2048
Words = Annotated[str, Field(min_length=1, max_length=200_000, pattern=SAYS_SOMETHING)]


class TextDocument(BaseModel):
    """A text, as an object."""

    text: Words


class RerankIn(BaseModel):
    """Texts to order for a question. Fields that are not listed are not read."""

    query: Question
    documents: list[Words | TextDocument] = Field(min_length=1, max_length=MOST_DOCUMENTS)
    model: str = Field(
        default="late-interaction", max_length=300, description="a reranker (docs/rerankers.md) that clients may name"
    )
    top_n: int | None = Field(default=None, ge=1, description="how many results; all where left out")
    return_documents: bool = Field(default=False, description="give the texts back too")


class RerankResult(BaseModel):
    """One text in its place."""

    index: int = Field(description="its place among the texts that were sent, from 0")
    relevance_score: float = Field(description="comparable within one answer only")
    document: TextDocument | None = None


class Usage(BaseModel):
    """What it took, in words and punctuation marks."""

    prompt_tokens: int
    total_tokens: int


class RerankOut(BaseModel):
    """Texts, best first."""

    id: str
    model: str
    results: list[RerankResult]
    usage: Usage


class EmbeddingsIn(BaseModel):
    """Texts to encode. Fields that are not listed are not read."""

    input: Words | Annotated[list[Words], Field(min_length=1, max_length=MOST_INPUTS)]
    model: str = Field(max_length=300, description="the encoder of a collection, see /v1/models")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1, description="refused unless it is what the encoder gives")
    input_type: Literal["document", "query"] = Field(
        default="document", description="encode as what is found, or as a question"
    )


class Embedding(BaseModel):
    """One vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="of unit length; as base64, little-endian float32")


class EmbeddingsOut(BaseModel):
    """Vectors, in the order of the texts."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class ModelOut(BaseModel):
    """A model."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "mmrank"


class ModelsOut(BaseModel):
    """Models."""

    object: Literal["list"] = "list"
    data: list[ModelOut]


@router.get("/v1/models", summary="List encoders")
async def models(service: ServiceOf) -> ModelsOut:
    """The encoders of the collections, which `/v1/embeddings` takes."""
    names = dict.fromkeys(service.collection(name).settings.encoder for name in service.names)
    return ModelsOut(data=[ModelOut(id=name) for name in names])


@router.post("/v1/rerank", summary="Order texts for a question (Cohere, Jina, vLLM)", response_model_exclude_none=True)
@router.post("/v2/rerank", include_in_schema=False, response_model_exclude_none=True)
async def rerank(asked: RerankIn, service: ServiceOf) -> RerankOut:
    """Texts, best first, with their scores."""
    name = allowed_reranker(asked.model, service.settings)
    assert name is not None
    texts = [document if isinstance(document, str) else document.text for document in asked.documents]
    ranking = await service.run(_rank, service, name, asked.query, texts)
    results = [
        RerankResult(
            index=int(item.candidate.id),
            relevance_score=item.score,
            document=TextDocument(text=texts[int(item.candidate.id)]) if asked.return_documents else None,
        )
        for item in ranking.items[: asked.top_n]
    ]
    count = sum(map(count_tokens, [asked.query, *texts]))
    usage = Usage(prompt_tokens=count, total_tokens=count)
    return RerankOut(id=secrets.token_hex(8), model=asked.model, results=results, usage=usage)


@router.post("/v1/embeddings", summary="Encode texts (OpenAI)")
async def embeddings(asked: EmbeddingsIn, service: ServiceOf) -> EmbeddingsOut:
    """The vectors of texts, by the encoder of a collection."""
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    encoder = await service.look(_encoder, service, asked.model)
    if asked.dimensions not in (None, encoder.info.dimension):
        raise ApiError(400, "bad_input", f"{asked.model} gives vectors of {encoder.info.dimension} numbers, no others.")
    vectors = await service.run(_encode, encoder, texts, asked.input_type)
    data = [Embedding(index=at, embedding=_plain(vector, asked.encoding_format)) for at, vector in enumerate(vectors)]
    count = sum(map(count_tokens, texts))
    usage = Usage(prompt_tokens=count, total_tokens=count)
    return EmbeddingsOut(data=data, model=asked.model, usage=usage)


def _rank(service: Service, name: str, query: str, texts: list[str]) -> Ranking:
    candidates = [Candidate(str(at), (Part(PartKind.TEXT, text, ()),), score=0.0) for at, text in enumerate(texts)]
    return service.reranker(name).rerank(Query(query), candidates)


def _encoder(service: Service, name: str) -> Encoder:
    for collection in map(service.collection, service.names):
        if collection.settings.encoder == name:
            encoder: Any = collection.encoder
            if encoder.info.multi_vector:
                raise InputError(f"{name} gives one vector per token; /v1/embeddings has one per text")
            return encoder
    raise ApiError(404, "model_not_found", f"No collection has the encoder {name[:80]!r}; GET /v1/models lists them.")


def _encode(encoder: Encoder, texts: list[str], kind: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    if kind == "query":
        return np.asarray(encoder.encode_queries([Query(text) for text in texts]))
    return np.asarray(
        encoder.encode_passages(
            [
                Passage(f"text/{at}", "text", at, 0, (Part(PartKind.TEXT, text, ()),), (), ())
                for at, text in enumerate(texts)
            ]
        )
    )


def _plain(vector: np.ndarray[Any, np.dtype[np.float32]], form: str) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]
