"""`/documents`: the list, one document, pictures of its pages."""

from __future__ import annotations

import io
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from mmrank.serve.errors import ApiError
from mmrank.serve.service import ServiceOf
from mmrank.serve.shapes import DocumentOut
from mmrank.types import BBox, ImageRef

router = APIRouter(tags=["documents"])

Named = Annotated[str | None, Query(max_length=200, description="which collection; may be left out where there is one")]
Identifier = Annotated[str, Path(max_length=64, description="id of a document")]
Number = Annotated[int, Path(ge=1, le=1_000_000, description="of a page, from 1")]


class DocumentsOut(BaseModel):
    """Some documents of a collection, by name."""

    total: int = Field(description="how many there are")
    documents: list[DocumentOut]


@router.get("/documents", summary="List documents")
async def documents(
    service: ServiceOf,
    collection: Named = None,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> DocumentsOut:
    """The documents of a collection, sorted by name."""
    found = await service.run(service.collection(collection).documents)
    return DocumentsOut(
        total=len(found), documents=[DocumentOut.of(record) for record in found[offset : offset + limit]]
    )


@router.get("/documents/{document}", summary="One document")
async def document(service: ServiceOf, document: Identifier, collection: Named = None) -> DocumentOut:
    """What is known of one document."""
    return DocumentOut.of(await service.run(service.record, service.collection(collection), document))


@router.get(
    "/documents/{document}/pages/{number}/picture",
    summary="A page as a picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
async def picture(
    service: ServiceOf,
    document: Identifier,
    number: Number,
    collection: Named = None,
    boxes: Annotated[
        str | None,
        Query(max_length=20_000, description="boxes to outline, in points: x0,y0,x1,y1;x0,y0,x1,y1;…"),
    ] = None,
    pixels: Annotated[int, Query(ge=100, le=4_000_000, description="most pixels, width × height")] = 1_500_000,
) -> Response:
    """A page of a document as PNG."""
    marks = boxes_in(boxes)
    record = await service.run(service.record, service.collection(collection), document)
    if number > record.pages:
        raise ApiError(404, "no_such_page", f"{record.name} has {record.pages} pages, so there is no page {number}.")

    def draw() -> bytes:
        from mmrank.pictures import check_content

        check_content(record.path, record.id)
        out = io.BytesIO()
        ImageRef(record.path, number - 1).open(max_pixels=pixels, marks=marks).save(out, "PNG")
        return out.getvalue()

    return Response(await service.run(draw), media_type="image/png")


def boxes_in(text: str | None) -> list[BBox]:
    """The boxes that a parameter names: "10,20,110,40;10,60,110,80".

    Raises:
        ApiError: when it names none.
    """
    try:
        return [BBox(*map(float, box.split(","))) for box in (text or "").split(";") if box]
    except (ValueError, TypeError):
        raise ApiError(
            422, "invalid_request", "boxes: write them as x0,y0,x1,y1 with x0 ≤ x1 and y0 ≤ y1, with ; between them."
        ) from None
