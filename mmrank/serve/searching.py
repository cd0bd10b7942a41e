"""`POST /search`."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from mmrank.serve.errors import ApiError
from mmrank.serve.service import ServiceOf
from mmrank.serve.shapes import CollectionName, HitsOut, Strict, Where

router = APIRouter(tags=["questions"])


class SearchIn(Strict):
    """A question."""

    query: str = Field(max_length=20_000, description="the question", examples=["What interest does the loan carry?"])
    collection: CollectionName = None
    k: int = Field(default=10, ge=1, description="how many pages")
    where: Where | None = None
    rerank: str | None = Field(
        default=None, max_length=300, description="a reranker by name, or none; that of the settings where left out"
    )


@router.post("/search", summary="Find the pages that answer a question")
async def search(asked: SearchIn, service: ServiceOf) -> HitsOut:
    """The pages that answer a question, best first, each with its boxes, what speaks for it and why."""
    collection = service.collection(asked.collection)
    largest = service.settings.largest_k
    if asked.k > largest:
        raise ApiError(422, "invalid_request", f"k: at most {largest} pages are given, not {asked.k}.")
    where = None if asked.where is None else asked.where.filter()
    hits = await service.run(collection.search, asked.query, k=asked.k, where=where, rerank=asked.rerank)
    return HitsOut.of(hits)
