"""`/collections` and `/documents`: lists, one document, its elements, pictures of its pages, its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from mmrank.adding.metadata import given_in
from mmrank.index import Filter
from mmrank.serve.drawing import Format, tag
from mmrank.serve.errors import ApiError
from mmrank.serve.service import Service, ServiceOf
from mmrank.serve.shapes import DATE, DocumentOut, ElementOut, PageOut, Strict, Value
from mmrank.types import BBox, Document, ElementKind

router = APIRouter(tags=["documents"])

Named = Annotated[str | None, Query(max_length=200, description="which collection; may be left out where there is one")]
Identifier = Annotated[str, Path(max_length=64, description="id of a document")]
Number = Annotated[int, Path(ge=1, le=1_000_000, description="of a page, from 1")]
NUMBER = r"-?[0-9]{1,6}(\.[0-9]{1,6})?"
BOX = rf"{NUMBER}(,{NUMBER}){{3}}"
Boxes = Annotated[
    str | None,
    Query(
        max_length=20_000,
        pattern=rf"^({BOX}(;{BOX})*)?$",
        description="boxes to outline, in points: x0,y0,x1,y1;x0,y0,x1,y1;…",
    ),
]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="how many are left out at the beginning")]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many are given at most")]
PICTURES: dict[int | str, dict[str, Any]] = {
    200: {"content": {f"image/{name}": {} for name in ("png", "jpeg", "webp")}}
}


SIZES: dict[str, tuple[int, Format]] = {"picture": (1_500_000, "png"), "thumbnail": (60_000, "webp")}
"""Most pixels and the format of each kind of picture, where none is asked for."""


class CollectionOut(BaseModel):
    """A collection that is served."""

    name: str
    documents: int
    pages: int
    encoder: str
    write: bool = Field(description="whether you may change it")


class DocumentsOut(BaseModel):
    """Some documents of a collection, by name."""

    total: int = Field(description="how many there are, before offset and limit")
    documents: list[DocumentOut]


class ElementsOut(BaseModel):
    """Some elements of a document, in reading order."""

    total: int = Field(description="how many there are, before offset and limit")
    elements: list[ElementOut]


class MetadataIn(Strict):
    """What people say of a document."""

    metadata: dict[str, Value | Annotated[list[Value], Field(min_length=1, max_length=50)] | None] = Field(
        min_length=1,
        max_length=100,
        description="values by key; null takes back what was said before",
        examples=[{"title": "Annual report 2023", "author": ["A. Smith", "B. Jones"]}],
    )


class RemovedOut(BaseModel):
    """What was removed."""

    removed: list[str] = Field(description="names of the document")


@router.get("/collections", summary="List collections")
async def collections(service: ServiceOf) -> list[CollectionOut]:
    """The collections that your key is for."""

    def look(name: str) -> CollectionOut:
        opened = service.collection(name)
        records = opened.documents()
        return CollectionOut(
            name=name,
            documents=len(records),
            pages=sum(record.pages for record in records),
            encoder=opened.settings.encoder,
            write=service.access.write and not service.settings.read_only,
        )

    return [await service.look(look, name) for name in service.names]


@router.get("/documents", summary="List documents")
async def documents(
    service: ServiceOf,
    collection: Named = None,
    text: Annotated[str | None, Query(max_length=300, description="is in the name or title")] = None,
    folder: Annotated[str | None, Query(max_length=1000, description="only in this folder, at any depth")] = None,
    where: Annotated[
        list[Annotated[str, Field(pattern=r"^[^=]+=(.|\n)+$", max_length=4100)]] | None,
        Query(max_length=50, description="only with this metadata: key=value; may be repeated"),
    ] = None,
    since: Annotated[str | None, Query(pattern=DATE, description="only of this date or later: 2024-03")] = None,
    until: Annotated[str | None, Query(pattern=DATE, description="only of this date or earlier")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> DocumentsOut:
    """The documents of a collection, sorted by name."""
    metadata = dict(condition.split("=", 1) for condition in where or [])
    chosen = Filter(folder=folder, metadata=metadata, since=since, until=until)
    found = await service.look(service.collection(collection).documents, chosen)
    if text:
        wanted = text.casefold()
        found = [record for record in found if wanted in f"{record.name}\n{record.title}".casefold()]
    shown = [DocumentOut.of(record) for record in found[offset : offset + limit]]
    return DocumentsOut(total=len(found), documents=shown)


@router.get("/documents/{document}", summary="One document")
async def document(service: ServiceOf, document: Identifier, collection: Named = None) -> DocumentOut:
    """What is known of one document."""
    return DocumentOut.of(await service.look(service.record, service.collection(collection), document))


@router.patch("/documents/{document}", summary="Correct the metadata of a document")
async def set_metadata(
    service: ServiceOf, document: Identifier, changes: MetadataIn, collection: Named = None
) -> DocumentOut:
    """Set or take back metadata, without reading the file again. What is said here stays when it is added again."""
    return await correct(service, document, changes.metadata, collection)


@router.delete("/documents/{document}", summary="Remove a document")
async def remove(service: ServiceOf, document: Identifier, collection: Named = None) -> RemovedOut:
    """Remove a document from the collection. A file that was uploaded is deleted; files elsewhere stay."""
    opened = service.collection(collection, write=True)
    record = await service.look(service.record, opened, document)

    await service.change(opened.remove, record.id, wait=service.settings.write_seconds)
    return RemovedOut(removed=[place.name for place in record.places])


@router.get("/documents/{document}/elements", summary="The elements of a document")
async def elements(
    service: ServiceOf,
    document: Identifier,
    collection: Named = None,
    kind: Annotated[list[ElementKind] | None, Query(max_length=20, description="only these kinds")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> ElementsOut:
    """Paragraphs, headings, tables, figures, … in reading order, each with its box and text."""
    opened = await service.look(_open, service, collection, document)
    found = [element for page in opened.pages for element in page.elements if not kind or element.kind in kind]
    shown = [ElementOut.of(element) for element in found[offset : offset + limit]]
    return ElementsOut(total=len(found), elements=shown)


@router.get("/documents/{document}/pages/{number}", summary="One page and its elements")
async def page(service: ServiceOf, document: Identifier, number: Number, collection: Named = None) -> PageOut:
    """The size of a page, and what is on it in reading order."""
    opened = await service.look(_open, service, collection, document)
    if number > len(opened.pages):
        raise no_such_page(opened.name, len(opened.pages), number)
    return PageOut.of(opened.pages[number - 1])


@router.get(
    "/documents/{document}/pages/{number}/{size}",
    summary="A page as a picture",
    response_class=Response,
    responses=PICTURES,
)
async def picture(
    service: ServiceOf,
    request: Request,
    document: Identifier,
    number: Number,
    size: Annotated[Literal["picture", "thumbnail"], Path(description="large or small")],
    collection: Named = None,
    boxes: Boxes = None,
    pixels: Annotated[
        int | None,
        Query(ge=100, le=4_000_000, description="most pixels, width × height; 1,500,000, of a thumbnail 60,000"),
    ] = None,
    format: Annotated[Format | None, Query(description="png; of a thumbnail webp")] = None,
) -> Response:
    """A page, with boxes outlined where some are named; the thumbnail of page 1 is the cover."""
    usual_pixels, usual_format = SIZES[size]
    most, kind = pixels or usual_pixels, format or usual_format
    marks = boxes_in(boxes)
    record = await service.look(service.record, service.collection(collection), document)
    if number > record.pages:
        raise no_such_page(record.name, record.pages, number)
    name = f'"{tag(record.id, number, marks, most, kind)}"'
    headers = {"ETag": name, "Cache-Control": "private, max-age=3600"}
    if name in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    drawn = await service.look(service.drawn.draw, record.path, record.id, number - 1, marks, most, kind)
    return Response(drawn, media_type=f"image/{kind}", headers=headers)


@router.get(
    "/documents/{document}/file",
    summary="The file of a document",
    response_class=FileResponse,
    responses={200: {"content": {"application/pdf": {}, "application/octet-stream": {}}}},
)
async def file(service: ServiceOf, document: Identifier, collection: Named = None) -> FileResponse:
    """The file as it was added. A PDF is shown by a browser (`#page=3` opens it at a page), other files are saved."""
    record = await service.look(service.record, service.collection(collection), document)
    await service.look(service.drawn.check, record.path, record.id)
    pdf = record.path.lower().endswith(".pdf")
    name = quote(record.name.rpartition("/")[2])
    return FileResponse(
        record.path,
        media_type="application/pdf" if pdf else "application/octet-stream",
        headers={
            "Content-Disposition": f"{'inline' if pdf else 'attachment'}; filename*=utf-8''{name}",
            "Content-Security-Policy": "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'",
        },
    )


async def correct(
    service: Service, document: str, changes: Mapping[str, object | None], collection: str | None
) -> DocumentOut:
    """Change what is said of a document, by its id; see `Collection.set_metadata`.

    Raises:
        MmrankError: when it cannot be changed so.
    """
    opened = service.collection(collection, write=True)
    record = await service.look(service.record, opened, document)
    unsaid = [key for key, value in changes.items() if value is None and key not in given_in(record)]
    if unsaid:
        raise ApiError(409, "not_said", f"{unsaid[0]!r} was not given by anyone, so it cannot be taken back.")
    wait = service.settings.write_seconds
    return DocumentOut.of(await service.change(opened.set_metadata, document, changes, wait=wait))


def _open(service: Service, collection: str | None, document: str) -> Document:
    opened = service.collection(collection)
    return opened.document(service.record(opened, document).id)


def no_such_page(name: str, pages: int, number: int) -> ApiError:
    """What is said of a page that a document does not have."""
    return ApiError(404, "no_such_page", f"{name} has {pages} pages, so there is no page {number}.")


def boxes_in(text: str | None) -> list[BBox]:
    """The boxes that a parameter names, whichever corners it gives.

    >>> boxes_in("10,20,110,40;110,80,10,60")[1]
    BBox(x0=10.0, y0=60.0, x1=110.0, y1=80.0)
    """
    found = []
    for box in (text or "").split(";"):
        if box:
            x0, y0, x1, y1 = map(float, box.split(","))
            found.append(BBox(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    return found
