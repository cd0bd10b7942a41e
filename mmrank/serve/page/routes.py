"""The routes of the page: the page itself, whole or in parts, pictures, files, and what is static."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import jinja2
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, StreamingResponse

from mmrank import __version__
from mmrank.hits import NO_ANSWER
from mmrank.printable import printable
from mmrank.serve.errors import ApiError
from mmrank.serve.page.address import ZOOMS, Address, written_boxes
from mmrank.serve.page.answering import PAUSE
from mmrank.serve.page.shelf import check_file
from mmrank.serve.page.view import Kept, View
from mmrank.serve.page.views import plain
from mmrank.serve.service import Service, ServiceOf

HERE = Path(__file__).parent
WIDTHS = (160, 320, 900, 1800, 2600)
"""Pictures of pages that can be had, in pixels."""
INLINE = frozenset({"application/pdf", "image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff"})
"""Files that a browser shows without running what is in them; others are only saved."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FRESH = {
    **SAFE,
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "HX-Request, HX-Target",
}
KEPT = {**SAFE, "Cache-Control": "private, max-age=86400"}
PARTS = {"content": "part_content.html", "viewer": "viewer.html", "library": "library.html"}
"""Parts of the page that are rendered alone, by their id, and their templates."""
STATIC = {path.name: path for path in (HERE / "static").iterdir() if path.suffix in {".css", ".js", ".svg"}}

router = APIRouter(include_in_schema=False)


def templates() -> jinja2.Environment:
    """The templates. All that they write is escaped, and freed of characters that hide or reorder text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str and value != PAUSE else value,
    )
    environment.globals |= {"VERSION": __version__, "PAUSE": PAUSE, "NO_ANSWER": NO_ANSWER, "ZOOMS": ZOOMS}
    environment.filters |= {"boxes": written_boxes, "plain": plain}
    return environment


TEMPLATES = templates()
"""Read once; templates are code."""


@router.get("/")
async def page(request: Request, service: ServiceOf) -> Response:
    """The page, or the part of it that htmx asks for."""
    address = Address.parse(request.query_params.multi_items())
    if len(service.names) > 1 and address.collection not in service.names:
        address = address.changed(collection=service.names[0])
    elif len(service.names) == 1:
        address = address.changed(collection="")
    part = PARTS.get(request.headers.get("HX-Target", "")) if request.headers.get("HX-Request") == "true" else None
    if part is None and any(not value.strip() for _, value in request.query_params.multi_items()):
        return RedirectResponse(address.url(), 303, headers=FRESH)
    view = View(service.collection(address.collection or None), address, kept_of(request))
    pieces = rendered(part or "page.html", context(view, service))
    headers = {**FRESH, "HX-Push-Url": address.url()} if part and part != "library.html" else FRESH
    if view.answer is not None:
        return StreamingResponse(service.each(lambda: pieces), media_type="text/html", headers=headers)
    text = await (service.run if address.question else service.look)("".join, pieces)
    return HTMLResponse(text, 404 if part is None and view.missing else 200, headers=headers)


def context(view: View, service: Service) -> dict[str, Any]:
    """What templates see."""
    return {
        "view": view,
        "address": view.address,
        "names": service.names,
        "read_only": service.settings.read_only or not service.access.write,
    }


def rendered(template: str, values: Mapping[str, Any]) -> Iterator[str]:
    """A template in the pieces between its pauses."""
    written: list[str] = []
    for text in TEMPLATES.get_template(template).generate(values):
        before, paused, after = text.partition(PAUSE)
        written.append(before)
        if paused:
            yield "".join(written)
            written = [after]
    yield "".join(written)


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
    collection, shelf = service.collection(c), kept_of(request).shelf

    def draw() -> bytes:
        service.record(collection, document)
        opened = shelf.document(collection, document)
        if not 1 <= number <= len(opened.pages) or width not in WIDTHS:
            raise ApiError(404, "no_such_page", f"{opened.name} has no page {number} of the width {width}.")
        return shelf.picture(opened, number - 1, width)

    return Response(await service.look(draw), media_type="image/webp", headers=KEPT)


@router.get("/ui/file/{document}")
async def file(service: ServiceOf, request: Request, document: str, c: str | None = None) -> Response:
    """The file of a document: shown where the browser can do so safely, else saved."""
    collection, shelf = service.collection(c), kept_of(request).shelf

    def checked() -> tuple[str, str]:
        record = service.record(collection, document)
        check_file(shelf.document(collection, document))
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
