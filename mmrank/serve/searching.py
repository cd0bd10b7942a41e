"""`POST /search` and `POST /ask`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from mmrank.answer.result import Answer
from mmrank.serve.events import STREAMED, Done, EventStream, event
from mmrank.serve.models import allowed_model, allowed_reranker
from mmrank.serve.service import ServiceOf
from mmrank.serve.shapes import AnswerOut, CollectionName, HitsOut, Question, SentenceOut, Strict, Where
from mmrank.types import Hit

if TYPE_CHECKING:
    from mmrank.answer.result import AnswerSentence
    from mmrank.hits import Hits
    from mmrank.serve.service import Service

router = APIRouter(tags=["questions"])

MOST_PAGES = 100
"""Pages that one search gives."""


class Asked(Strict):
    """What searching and asking have in common."""

    collection: CollectionName = None
    k: int = Field(default=10, ge=1, le=MOST_PAGES, description="how many pages")
    where: Where | None = None
    rerank: str | None = Field(
        default=None, max_length=300, description="a reranker by name, or none; that of the settings where left out"
    )
    stream: bool = Field(default=False, description="answer with server-sent events, each as soon as it is there")

    def options(self, service: Service) -> dict[str, Any]:
        """The options that the library takes.

        Raises:
            ApiError: for a reranker that clients may not name.
            InputError: for dates that are none.
        """
        where = None if self.where is None else self.where.filter()
        return {"k": self.k, "where": where, "rerank": allowed_reranker(self.rerank, service.settings)}


class SearchIn(Asked):
    """A question to find pages for."""

    query: Question
    explain: bool = Field(default=False, description="let a small language model write a reason for each page")
    model: str = Field(default="smollm2", max_length=300, description="which one; the service says which are allowed")


class AskIn(Asked):
    """A question to answer."""

    question: Question
    k: int = Field(default=5, ge=1, le=MOST_PAGES, description="how many pages are read")
    model: str | None = Field(
        default=None, max_length=300, description="a language model that writes; without one, the pages are quoted"
    )


class ReasonOut(BaseModel):
    """The reason for one hit."""

    hit: int = Field(description="its place among the hits, from 0")
    reasoning: str | None


@router.post("/search", summary="Find the pages that answer a question", response_model=HitsOut, responses=STREAMED)
async def search(asked: SearchIn, request: Request, service: ServiceOf) -> Response:
    """The pages that answer a question, best first, each with its boxes, what speaks for it and why.

    With `stream`, the events are `hits` (all of them), then one `reason` per hit where `explain` is set, then `done`.
    """
    collection = service.collection(asked.collection)
    options = asked.options(service)
    model = allowed_model(asked.model, service.settings) if asked.explain else ""

    def explained(hits: Hits) -> Iterator[Hit]:
        return collection.explain(asked.query, hits, model=model) if asked.explain else iter(())

    if not asked.stream:
        hits = await service.run(collection.search, asked.query, **options)
        if asked.explain:
            hits[:] = [hit async for hit in service.each(lambda: explained(hits))]
        return JSONResponse(HitsOut.of(hits).model_dump(mode="json"))

    async def events() -> AsyncIterator[str]:
        hits = await service.run(collection.search, asked.query, **options)
        yield event("hits", HitsOut.of(hits))
        at = 0
        async for hit in service.each(lambda: explained(hits)):
            yield event("reason", ReasonOut(hit=at, reasoning=hit.reasoning))
            at += 1
        yield event("done", Done())

    return EventStream(request, events())


@router.post("/ask", summary="Answer a question", response_model=AnswerOut, responses=STREAMED)
async def ask(asked: AskIn, request: Request, service: ServiceOf) -> Response:
    """An answer in sentences, each with the boxes it rests on; `abstained` where the documents support none.

    With `stream`, the events are one `sentence` each, then `answer` (all of it).
    """
    collection = service.collection(asked.collection)
    options = asked.options(service)
    if asked.model is not None:
        options["model"] = allowed_model(asked.model, service.settings)

    def made() -> Iterator[AnswerSentence | Answer]:
        stream = collection.ask_stream(asked.question, **options)
        yield from stream
        yield stream.answer

    if not asked.stream:
        answer = await service.run(collection.ask, asked.question, **options)
        return JSONResponse(AnswerOut.of(answer).model_dump(mode="json"))

    async def events() -> AsyncIterator[str]:
        async for item in service.each(made):
            if isinstance(item, Answer):
                yield event("answer", AnswerOut.of(item))
            else:
                yield event("sentence", SentenceOut.of(item))

    return EventStream(request, events())
