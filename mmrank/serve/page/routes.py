"""The routes of the page: the page itself, whole or in parts, pictures, files, and what is static."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, StreamingResponse

from mmrank.errors import MmrankError
from mmrank.llm.loading import EMBEDDED
from mmrank.printable import printable
from mmrank.serve.errors import ApiError, api_error
from mmrank.serve.models import allowed_model
from mmrank.serve.page.address import Address
from mmrank.serve.page.rendering import FRESH, KEPT, SAFE, STATIC, rendered
from mmrank.serve.page.uploading import unfinished
from mmrank.serve.page.view import Kept, View
from mmrank.serve.service import Service, ServiceOf

WIDTHS = (160, 320, 900, 1800, 2600)
"""Pictures of pages that can be had, in pixels."""
INLINE = frozenset({"application/pdf", "image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff"})
"""Files that a browser shows without running what is in them; others are only saved."""
PARTS = {"content": "part_content.html", "viewer": "viewer.html", "library": "part_library.html"}
"""Parts of the page that are rendered alone, by their id, and their templates."""

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page(request: Request, service: ServiceOf) -> Response:
    """The page, or the part of it that htmx asks for."""
    try:
        return await shown(request, service)
    except MmrankError as error:
        told = api_error(error)
        text = "".join(rendered("error.html", {"message": str(told)}))
        return HTMLResponse(text, told.status, headers={**FRESH, **told.headers})


async def shown(request: Request, service: Service) -> Response:
    """What an address shows.

    Raises:
        MmrankError: when nothing can be shown.
    """
    address = Address.parse(request.query_params.multi_items())
    if len(service.names) > 1 and address.collection not in service.names:
        address = address.changed(collection=service.names[0])
    elif len(service.names) == 1:
        address = address.changed(collection="")
    part = PARTS.get(request.headers.get("HX-Target", "")) if request.headers.get("HX-Request") == "true" else None
    if part is None and any(not value.strip() for _, value in request.query_params.multi_items()):
        return RedirectResponse(address.url(), 303, headers=FRESH)
    if address.writer:
        allowed_model(address.writer, service.settings)
    view = View(service.collection(address.collection or None), address, kept_of(request))
    pieces = rendered(part or "page.html", context(view, service))
    headers = {**FRESH, **(pushed(request, address) if part and part != PARTS["library"] else {})}
    if view.answer is not None:
        return StreamingResponse(service.each(lambda: pieces), media_type="text/html", headers=headers)
    text = await (service.run if address.question else service.look)("".join, pieces)
    return HTMLResponse(text, 404 if part is None and view.missing else 200, headers=headers)


def context(view: View, service: Service, *, removed: str = "", saved: str = "") -> dict[str, Any]:
    """What templates see.

    Args:
        view: what the address shows.
        service: as its client may use it.
        removed: says which document was removed just now.
        saved: says what was noted just now of the document that is open.
    """
    return {
        "view": view,
        "address": view.address,
        "names": service.names,
        "writers": [name for name in service.settings.models if name not in EMBEDDED],
        "unfinished": lambda: unfinished(service, view.address.collection or None),
        "signed": service.access.name,
        "removed": removed,
        "saved": saved,
        "read_only": service.settings.read_only or not service.access.write,
    }


def pushed(request: Request, address: Address) -> dict[str, str]:
    """Headers by which htmx shows another address than before."""
    shown_now = request.headers.get("HX-Current-URL", "").endswith(address.url())
    return {} if shown_now else {"HX-Push-Url": address.url()}


@router.get("/ui/picture/{document}/{number}")
async def picture(
    request: Request,
    service: ServiceOf,
    document: str,
    number: int,
    width: int = WIDTHS[0],
    c: str | None = None,
) -> Response:
    """A page as a picture; `number` from 1."""
    collection, kept = service.collection(c), kept_of(request)

    def draw() -> bytes:
        record = service.record(collection, document)
        if not 1 <= number <= record.pages or width not in WIDTHS:
            raise ApiError(404, "no_such_page", f"{record.name} has no page {number} of the width {width}.")
        with collection.store.snapshot() as snapshot:
            shape = snapshot.page(record.id, number - 1)
        pixels = round(width * width * max(0.05, min(20.0, shape.height / max(shape.width, 1.0))))
        return kept.drawn.draw(record.path, record.id, number - 1, [], pixels, "webp")

    return Response(await service.look(draw), media_type="image/webp", headers=KEPT)


@router.get("/ui/file/{document}")
async def file(service: ServiceOf, document: str, c: str | None = None) -> Response:
    """The file of a document: shown where the browser can do so safely, else saved."""
    collection = service.collection(c)

    def checked() -> tuple[str, str]:
        record = service.record(collection, document)
        service.drawn.check(record.path, record.id)
        return record.path, record.name

    path, name = await service.look(checked)
    kind = mimetypes.guess_type(path)[0] or ""
    shown = kind in INLINE
    place = f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(Path(printable(name)).name, safe='')}"
    return FileResponse(
        path, media_type=kind if shown else "application/octet-stream", headers={**SAFE, "Content-Disposition": place}
    )


@router.get("/ui/static/{name}")
async def static(name: str, v: Annotated[str, Query(max_length=64)] = "") -> Response:
    """The stylesheet, the scripts, the pictures."""
    if name not in STATIC:
        raise ApiError(404, "no_such_file", f"There is no file {name[:80]!r}.")
    return FileResponse(STATIC[name], headers={**KEPT, "Cache-Control": "public, max-age=3600"})


def kept_of(request: Request) -> Kept:
    """What the page keeps between requests."""
    kept = request.app.state.page
    assert isinstance(kept, Kept)
    return kept
